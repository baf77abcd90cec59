import { spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { execa } from "execa";
import { exitMeaning } from "../../core/spec/exit-codes.ts";
import type { ServerFile } from "../../core/spec/run-file.ts";
import { ensureTrainer } from "../../setup/python.ts";
import { readJson, writeJson } from "../../loading/json-files.ts";
import { isAlive } from "./lease.ts";
import type { Lifecycle } from "./provider.ts";

export interface ServerInputs {
  server: ServerFile;
  /** Absolute path. */
  workspace: string;
  /** Absolute path of servers/<key>/ in the workspace. */
  serverFolder: string;
  /** A new trainer package is a new server process. */
  trainerVersion: string;
}

const serverFile = (folder: string) => path.join(folder, "server.json");

/** The pid of this folder's server, if it runs: a recycled pid does not carry our server.json. */
async function runningPid(folder: string): Promise<number | undefined> {
  const pid = readJson<{ pid: number }>(path.join(folder, "pid.json"))?.pid;
  if (pid === undefined || !isAlive(pid)) return undefined;
  const { stdout } = await execa("ps", ["-o", "args=", "-p", String(pid)], { reject: false });
  return stdout.includes(serverFile(folder)) ? pid : undefined;
}

async function isHealthy(server: ServerFile): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(2000);
    return (await fetch(`http://${server.host}:${server.port}/health`, { signal })).ok;
  } catch {
    return false;
  }
}

/** Start a server that outlives this process; returns when it is healthy. Limit: three minutes. */
async function start(inputs: ServerInputs): Promise<ServerInputs> {
  const { server, serverFolder, workspace } = inputs;
  const say = (line: string) => console.log(`${server.base.id} server ${line}`);
  const root = path.resolve(import.meta.dirname, "..", "..");
  const { trainer, uv } = await ensureTrainer(root, say);
  writeJson(serverFile(serverFolder), server);
  if (!fs.existsSync(server.aliasesFile)) writeJson(server.aliasesFile, { schemaVersion: 1, aliases: {} });
  fs.rmSync(path.join(serverFolder, "pid.json"), { force: true });
  const log = fs.openSync(path.join(serverFolder, "server.log"), "a");
  const child = spawn(trainer, ["serve", "--server", serverFile(serverFolder), "--workspace", workspace], {
    detached: true,
    stdio: ["ignore", log, log],
    env: { ...process.env, PYTHONUNBUFFERED: "1", ...(uv === undefined ? {} : { TUNEFORM_UV: uv }) },
  });
  fs.closeSync(log);
  let ended: number | undefined;
  child.on("exit", (code, signal) => (ended = code ?? (signal === null ? 1 : 137)));
  child.on("error", () => (ended = 8));
  say("starting");
  for (const deadline = Date.now() + 180_000; Date.now() < deadline; await sleep(250)) {
    if (ended !== undefined) throw new Error(endMessage(inputs, ended));
    if ((await runningPid(serverFolder)) !== undefined && (await isHealthy(server))) {
      child.unref();
      say(`listens on http://${server.host}:${server.port}/v1`);
      return inputs;
    }
  }
  child.kill("SIGTERM");
  throw new Error(
    `${server.base.id}: the server was not healthy after 180 s; see ${serverFolder}/server.log`,
  );
}

function endMessage({ server, serverFolder }: ServerInputs, code: number): string {
  const log = fs.readFileSync(path.join(serverFolder, "server.log"), "utf8").trimEnd().split("\n").slice(-6);
  return [`${server.base.id}: the server ended with exit code ${code}: ${exitMeaning(code)}`, ...log].join(
    "\n",
  );
}

/** Ask the server to finish its requests and end; after 20 s it is killed. */
async function stop(serverFolder: string): Promise<void> {
  const pid = await runningPid(serverFolder);
  if (pid === undefined) return;
  process.kill(pid, "SIGTERM");
  for (const deadline = Date.now() + 20_000; isAlive(pid); await sleep(100))
    if (Date.now() > deadline) process.kill(pid, "SIGKILL");
  fs.rmSync(path.join(serverFolder, "pid.json"), { force: true });
}

export const lifecycle: Lifecycle<ServerInputs, ServerInputs> = {
  async diff(old, inputs) {
    return (
      !isDeepStrictEqual(plain(old), plain(inputs)) || (await runningPid(inputs.serverFolder)) === undefined
    );
  },
  async create(inputs) {
    await stop(inputs.serverFolder);
    return { id: inputs.serverFolder, outputs: await start(inputs) };
  },
  async update(old, inputs) {
    await stop(old.serverFolder);
    return start(inputs);
  },
  async delete(old) {
    await stop(old.serverFolder);
  },
};

/** Without what the engine adds beside the declared inputs. */
function plain({ server, workspace, serverFolder, trainerVersion }: ServerInputs): ServerInputs {
  return { server, workspace, serverFolder, trainerVersion };
}
