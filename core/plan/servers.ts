import type { RunFile, ServerFile } from "../spec/run-file.ts";
import type { StackConfig } from "../spec/stack.ts";

/** A server process of the local target. */
export interface ServerPlan {
  /** DNS-safe, names servers/<key>/ in the workspace. */
  key: string;
  server: ServerFile;
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
