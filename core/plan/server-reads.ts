import { baseKeyOf } from "./bucket.ts";
import type { FineTunePlan } from "./plan.ts";
import type { ServerPlan } from "./servers.ts";

/** Where the pods of a server find what they serve. */
export interface ServerReads {
  /** They mount the workspace volume. */
  workspace: boolean;
  /** Fine-tunes whose adapters they read from the bucket. */
  adaptersOf: string[];
  /** Folder of the bucket with their base; null where it lies on the workspace volume. */
  baseKey: string | null;
}

/**
 * Where a server reads from. Without a bucket everything is on the workspace volume. With one, vLLM serves the
 * published copies of adapters, and needs the volume for a base that lies there; merged weights are on the volume, and
 * the trainer's own server finds its adapters in the registry of the workspace.
 */
export function serverReads(
  { key, engine, weights, server }: ServerPlan,
  fineTunes: readonly Pick<FineTunePlan, "name" | "serving">[],
  hasBucket: boolean,
): ServerReads {
  if (!hasBucket || weights === "merged") return { workspace: true, adaptersOf: [], baseKey: null };
  const baseKey = baseKeyOf(server.base);
  if (engine === "cpu") return { workspace: true, adaptersOf: [], baseKey };
  const mine = fineTunes.filter(({ serving }) => serving.server === key);
  return { workspace: baseKey === null, adaptersOf: mine.map(({ name }) => name), baseKey };
}

export const readsBucket = ({ adaptersOf, baseKey }: ServerReads): boolean =>
  adaptersOf.length > 0 || baseKey !== null;
