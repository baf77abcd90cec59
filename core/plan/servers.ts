import type { GpuId } from "../catalog/gpus.ts";
import type { Engine } from "../spec/kubernetes.ts";
import type { RunFile, ServerFile } from "../spec/run-file.ts";
import type { StackConfig } from "../spec/stack.ts";
import type { ServingMemory } from "./serving-memory.ts";
import type { Bytes } from "./units.ts";

/** A server of one base: a process of this machine, or a Deployment of a cluster. */
export interface ServerPlan {
  /** DNS-safe, names servers/<key>/ in the workspace. */
  key: string;
  engine: Engine;
  /** Those of the base with adapters beside them, or of one fine-tune with its adapter in them. */
  weights: "adapters" | "merged";
  server: ServerFile;
  /** Main memory of its process; null where it is not planned. */
  hostBytes: Bytes | null;
  /** That it takes one of; null for the trainer's own server. */
  gpu: GpuId | null;
  /** Of its GPU; null for the trainer's own server. */
  gpuMemory: ServingMemory | null;
}

/** A base id as a folder and DNS name. */
export function serverKey(baseId: string): string {
  return baseId
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-|-$/g, "");
}

/** One server per base: all fine-tunes of a base share its weights. Ports count up in order of the keys. */
export function planServers(
  plans: readonly { serving: { server: string }; run: Pick<RunFile, "base" | "serve"> }[],
  config: StackConfig,
  workspace: string,
): ServerPlan[] {
  const keys = [...new Set(plans.map((plan) => plan.serving.server))].sort();
  return keys.map((key, index) => {
    const mine = plans.filter((plan) => plan.serving.server === key);
    const [first] = mine;
    if (first === undefined) throw new Error("a server without fine-tunes");
    return {
      key,
      engine: "cpu",
      weights: "adapters",
      hostBytes: null,
      gpu: null,
      gpuMemory: null,
      server: {
        schemaVersion: 1,
        base: first.run.base,
        host: "127.0.0.1",
        port: config.port + index,
        dtype: first.run.serve.dtype,
        maxLength: Math.max(...mine.map((plan) => plan.run.serve.maxLength)),
        aliasesFile: `${workspace}/servers/${key}/aliases.json`,
        maxBatchRows: 8,
        apiKeyVariable: null,
      },
    };
  });
}
