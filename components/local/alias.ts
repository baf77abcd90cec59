import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { AliasesFile } from "../../core/spec/run-file.ts";
import { readJson, writeJson } from "../../loading/json-files.ts";
import type { Lifecycle } from "./provider.ts";

export interface AliasInputs {
  alias: string;
  runId: string;
  modelId: string;
  /** Absolute path of the adapter folder. */
  adapter: string;
  /** Absolute path of servers/<key>/ in the workspace. */
  serverFolder: string;
}

interface AliasStatus {
  loaded: Record<string, string>;
  errors: Record<string, string>;
}

const aliasesFile = (folder: string) => path.join(folder, "aliases.json");

function readAliases(folder: string): AliasesFile {
  return readJson<AliasesFile>(aliasesFile(folder)) ?? { schemaVersion: 1, aliases: {} };
}

/** Point the alias at its adapter and wait until the server answers with it. Limit: two minutes. */
async function pointAlias(inputs: AliasInputs): Promise<AliasInputs> {
  const { alias, runId, modelId, adapter, serverFolder } = inputs;
  const before = readAliases(serverFolder);
  const from = before.aliases[alias]?.modelId;
  writeJson(aliasesFile(serverFolder), {
    ...before,
    aliases: { ...before.aliases, [alias]: { modelId, runId, adapter } },
  });
  for (const deadline = Date.now() + 120_000; Date.now() < deadline; await sleep(200)) {
    const status = readJson<AliasStatus>(path.join(serverFolder, "aliases.status.json"));
    if (status?.loaded[alias] === modelId) {
      console.log(`${alias} alias: ${from === undefined ? "" : `${from} → `}${modelId}`);
      return inputs;
    }
    const problem = status?.errors[alias];
    if (problem !== undefined) throw new Error(`${alias}: the server cannot load ${modelId}: ${problem}`);
  }
  throw new Error(`${alias}: the server did not load ${modelId} in 120 s; see ${serverFolder}/server.log`);
}

export const lifecycle: Lifecycle<AliasInputs, AliasInputs> = {
  async diff(old, inputs) {
    const live = readAliases(inputs.serverFolder).aliases[inputs.alias];
    return Promise.resolve(
      old.modelId !== inputs.modelId ||
        old.serverFolder !== inputs.serverFolder ||
        live?.modelId !== inputs.modelId ||
        live.adapter !== inputs.adapter,
    );
  },
  async create(inputs) {
    return { id: inputs.alias, outputs: await pointAlias(inputs) };
  },
  async update(_old, inputs) {
    return pointAlias(inputs);
  },
  async delete(old) {
    const { [old.alias]: _gone, ...rest } = readAliases(old.serverFolder).aliases;
    writeJson(aliasesFile(old.serverFolder), { schemaVersion: 1, aliases: rest });
    return Promise.resolve();
  },
};
