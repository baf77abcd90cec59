import path from "node:path";
import * as pulumi from "@pulumi/pulumi";
import type { StackPlan } from "../core/plan/plan.ts";
import { planSummary, type PlanSummary } from "../core/plan/summary.ts";
import { FineTune, type DeclaredOutputs } from "./fine-tune.ts";
import { leaseFile, takeLease } from "./local/lease.ts";
import { ModelServer } from "./model-server.ts";

export interface StackOutputs {
  models: Record<string, DeclaredOutputs>;
  plan: Record<string, PlanSummary>;
}

const projectRoot = path.resolve(import.meta.dirname, "..");

/** Who waits for the work of a stack says so on this machine, wherever the work is done; see local/lease.ts. */
export function leaseOf({ kubernetes, workspace, stack }: StackPlan): string {
  const folder = kubernetes === null ? workspace : path.join(projectRoot, ".tuneform", "clusters");
  return leaseFile(folder, stack);
}

/** Declare everything a plan asks for, where the stack's target has it. */
export async function declareStack(plan: StackPlan): Promise<StackOutputs> {
  const lease = leaseOf(plan);
  if (!pulumi.runtime.isDryRun()) takeLease(lease); // a preview must not end a running update
  const summary = planSummary(plan);
  if (plan.kubernetes === null) return { models: declareLocal(plan, lease), plan: summary };
  const { declareCluster } = await import("./cluster.ts"); // the clients of a cluster take seconds to load
  return { models: await declareCluster(plan, lease), plan: summary };
}

/**
 * The servers come first and do not wait for the runs: while a new run trains, and when the gate refuses it,
 * the model that serves today answers.
 */
function declareLocal(plan: StackPlan, lease: string): StackOutputs["models"] {
  const { workspace, parallelism } = plan;
  const servers = new Map(
    plan.servers.map((server) => [server.key, new ModelServer(server.key, { plan: server, workspace })]),
  );
  const models: StackOutputs["models"] = {};
  for (const fineTune of plan.fineTunes) {
    const server = servers.get(fineTune.serving.server);
    if (server === undefined) throw new Error(`no server for ${fineTune.name}: a defect of the planner`);
    const { name } = fineTune;
    models[name] = new FineTune(name, { plan: fineTune, server, workspace, parallelism, lease }).outputs;
  }
  return models;
}
