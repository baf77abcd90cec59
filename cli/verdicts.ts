import path from "node:path";
import { verdictIn } from "../components/kubernetes/verdict.ts";
import { names } from "../core/kubernetes/names.ts";
import type { StackPlan } from "../core/plan/plan.ts";
import { readJson } from "../loading/json-files.ts";
import { connect, connectionOf, orAbsent } from "../loading/kubernetes-client.ts";
import { projectRoot } from "./project.ts";
import type { ToldVerdict } from "./result.ts";

/** Verdicts of a stack's runs, by fine-tune: from the workspace, or from the cluster's ConfigMaps. */
export async function readVerdicts(plan: StackPlan): Promise<Record<string, ToldVerdict>> {
  const found = await Promise.all(
    plan.fineTunes.map(async ({ name, runId }) => [name, await verdictOf(plan, name, runId)] as const),
  );
  return Object.fromEntries(found.flatMap(([name, verdict]) => (verdict === null ? [] : [[name, verdict]])));
}

async function verdictOf(plan: StackPlan, name: string, runId: string): Promise<ToldVerdict | null> {
  const { kubernetes, workspace } = plan;
  if (kubernetes === null)
    return readJson<ToldVerdict>(path.join(workspace, "runs", runId, "verdict.json")) ?? null;
  const { namespace } = kubernetes;
  const { core } = connect(connectionOf(projectRoot, kubernetes));
  const map = await orAbsent(core.readNamespacedConfigMap({ name: names.verdict(name), namespace }));
  const verdict = verdictIn(map);
  return verdict?.runId === runId ? verdict : null;
}
