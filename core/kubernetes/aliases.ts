import { SERVER_PORT } from "../plan/cluster-servers.ts";
import type { FineTunePlan, StackPlan } from "../plan/plan.ts";
import type { ConfigMap } from "./manifest.ts";
import { componentLabels, metadataOf, serverUrl } from "./names.ts";

/** Where an alias points: the run that was promoted last. */
export interface AliasEntry {
  fineTune: FineTunePlan;
  modelId: string;
  runId: string;
}

/** The declared alias map: promotion and rollback are changes of it, and restart no pod. */
export function aliasesManifest(plan: StackPlan, aliases: readonly AliasEntry[]): ConfigMap {
  const entries = aliases.map(({ fineTune, modelId, runId }) => [
    fineTune.serving.alias,
    {
      modelId,
      runId,
      baseModel: fineTune.run.base.id,
      server: serverUrl(fineTune.serving.server, SERVER_PORT),
    },
  ]);
  const map = { schemaVersion: 1, aliases: Object.fromEntries(entries) as object };
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: metadataOf(plan, "aliases", componentLabels(plan, "gateway")),
    data: { "aliases.json": `${JSON.stringify(map, null, 2)}\n` },
  };
}
