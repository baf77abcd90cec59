import { createHash } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { execa } from "execa";
import { withFolderLock } from "../setup/folder-lock.ts";
import { isProgram } from "../setup/search-path.ts";
import { ensureUv, findPython, indexSettings, run, UV_VERSION } from "../setup/uv.ts";

const root = path.resolve(import.meta.dirname, "..");

interface Options {
  /** Versions of Python that the lock is for. */
  versions?: string;
  /** Now rather than at each start: for what several processes import whole. */
  compile?: boolean;
}

/**
 * Folder of the programs of a Python environment for tests, made once for each state of its lock and outside
 * the checkout. Throws EnvironmentFailure where it cannot be made.
 */
export async function lockedEnvironment(name: string, lock: string, options: Options = {}): Promise<string> {
  const bin = binOf(name, lock);
  if (hasPython(bin)) return bin;
  const folder = path.dirname(bin);
  await withFolderLock(`${folder}.lock`, console.warn, async () => {
    if (!hasPython(bin)) await install(folder, lock, options);
  });
  return bin;
}

/** The same where it has been made already; else null. */
export function madeEnvironment(name: string, lock: string): string | null {
  const bin = binOf(name, lock);
  return hasPython(bin) ? bin : null;
}

function binOf(name: string, lock: string): string {
  const cache = process.env["TUNEFORM_CACHE"] ?? path.join(os.homedir(), ".cache", "tuneform");
  const digest = createHash("sha256").update(fs.readFileSync(lock)).digest("hex");
  return path.join(cache, name, digest.slice(0, 12), "bin");
}

const hasPython = (bin: string): boolean => isProgram(path.join(bin, "python"));

/** Into a folder beside it, renamed when it is whole; relocatable, since programs else name their Python by its path. */
async function install(
  folder: string,
  lock: string,
  { versions = ">=3.11", compile = false }: Options,
): Promise<void> {
  console.warn(`setup: installing ${path.basename(path.dirname(folder))} into ${folder}`);
  const system = await findPython();
  const uv = await ensureUv(path.join(root, ".tuneform", "tools", `uv-${UV_VERSION}`), system, console.warn);
  const env = await indexSettings(system);
  const part = `${folder}.part`;
  const uvRun = (...args: string[]) =>
    run(execa(uv, [...args, "--quiet"], { env, reject: false, all: true }));
  await uvRun("venv", "--clear", "--relocatable", "--python", versions, part);
  const sync = ["--require-hashes", ...(compile ? ["--compile-bytecode"] : [])];
  await uvRun("pip", "sync", ...sync, "--python", path.join(part, "bin", "python"), lock);
  fs.renameSync(part, folder);
}
