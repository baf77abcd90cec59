import { createHash } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { execa } from "execa";
import { withFolderLock } from "../setup/folder-lock.ts";
import { isProgram } from "../setup/search-path.ts";
import { ensureUv, findPython, indexSettings, run, UV_VERSION } from "../setup/uv.ts";

const root = path.resolve(import.meta.dirname, "..");

/**
 * Folder of the programs of a Python environment for tests, made once for each state of its lock and outside
 * the checkout. Throws EnvironmentFailure where it cannot be made.
 */
export async function lockedEnvironment(name: string, lock: string): Promise<string> {
  const cache = process.env["TUNEFORM_CACHE"] ?? path.join(os.homedir(), ".cache", "tuneform");
  const digest = createHash("sha256").update(fs.readFileSync(lock)).digest("hex");
  const folder = path.join(cache, name, digest.slice(0, 12));
  const bin = path.join(folder, "bin");
  if (isProgram(path.join(bin, "python"))) return bin;
  await withFolderLock(`${folder}.lock`, console.warn, async () => {
    if (!isProgram(path.join(bin, "python"))) await install(folder, lock);
  });
  return bin;
}

/** In its own place, since programs name their Python by its path; half of one is removed. */
async function install(folder: string, lock: string): Promise<void> {
  console.warn(`setup: installing ${path.basename(path.dirname(folder))} into ${folder}`);
  const system = await findPython();
  const uv = await ensureUv(path.join(root, ".tuneform", "tools", `uv-${UV_VERSION}`), system, console.warn);
  const env = await indexSettings(system);
  const uvRun = (...args: string[]) =>
    run(execa(uv, [...args, "--quiet"], { env, reject: false, all: true }));
  try {
    await uvRun("venv", "--clear", "--python", ">=3.11", folder);
    await uvRun("pip", "sync", "--require-hashes", "--python", path.join(folder, "bin", "python"), lock);
  } catch (error) {
    fs.rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}
