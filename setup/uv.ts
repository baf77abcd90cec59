import fs from "node:fs";
import path from "node:path";
import { execa } from "execa";
import { EnvironmentFailure } from "./failure.ts";
import { findOnPath } from "./search-path.ts";

export const UV_VERSION = "0.13.9";
const CANDIDATES = ["python3.13", "python3.12", "python3.11", "python3", "python", "python3.10"];

type Say = (line: string) => void;

/** Any Python 3.10 or newer can run `uv`, which finds or fetches one that torch supports. */
export async function findPython(): Promise<string> {
  const seen: string[] = [];
  const script = "import sys; print('%d.%d' % sys.version_info[:2])";
  for (const candidate of CANDIDATES) {
    const { stdout, failed } = await execa(candidate, ["-c", script], { reject: false });
    if (failed) continue;
    const [major = 0, minor = 0] = stdout.split(".").map(Number);
    if (major === 3 && minor >= 10) return candidate;
    seen.push(`${candidate} is ${stdout}`);
  }
  throw new EnvironmentFailure(
    `Python 3.10 or newer is needed (${seen.join(", ") || "no Python found"}); install python3 and run again`,
  );
}

/** The `uv` that an earlier call installed into `folder`. */
export function existingUv(folder: string): string | undefined {
  const own = path.join(folder, "bin", "uv");
  return fs.existsSync(own) ? own : undefined;
}

/** `uv`, from PATH or installed into a folder of its own with pip. Throws EnvironmentFailure. */
export async function ensureUv(folder: string, python: string, say: Say): Promise<string> {
  const installed = findOnPath("uv") ?? existingUv(folder);
  if (installed !== undefined) return installed;
  say(`setup: installing uv ${UV_VERSION}`);
  const part = `${folder}.part`;
  fs.rmSync(part, { recursive: true, force: true });
  const pip = await pipOf(python, `${folder}.pip`);
  const install = ["install", "--quiet", "--disable-pip-version-check", "--target", part];
  await run(execa(pip, ["-m", "pip", ...install, `uv==${UV_VERSION}`], { reject: false, all: true }));
  fs.rmSync(folder, { recursive: true, force: true });
  fs.renameSync(part, folder);
  return path.join(folder, "bin", "uv");
}

/** A Python with pip: this one, or a virtual environment of it where the system came without pip. */
async function pipOf(python: string, folder: string): Promise<string> {
  const { failed } = await execa(python, ["-m", "pip", "--version"], { reject: false });
  if (!failed) return python;
  await run(
    execa(python, ["-m", "venv", "--clear", folder], { reject: false, all: true }),
    "Python has neither pip nor venv: install python3-pip (or uv itself) and run again",
  );
  return path.join(folder, "bin", "python");
}

/** pip's own index and certificate settings, which `uv` does not read, as settings of `uv`. */
export async function indexSettings(python: string): Promise<Record<string, string>> {
  const { env } = process;
  const settings: Record<string, string> = {};
  if (env["UV_DEFAULT_INDEX"] === undefined && env["UV_INDEX_URL"] === undefined) {
    const index = env["PIP_INDEX_URL"] ?? (await pipSetting(python, "index-url"));
    if (index !== "") settings["UV_DEFAULT_INDEX"] = index;
  }
  if (env["SSL_CERT_FILE"] === undefined) {
    const certificates = env["PIP_CERT"] ?? (await pipSetting(python, "cert"));
    if (certificates !== "") settings["SSL_CERT_FILE"] = certificates;
  }
  return settings;
}

/** From pip.conf; empty where it is not set, or pip is missing. */
async function pipSetting(python: string, name: string): Promise<string> {
  const { stdout, failed } = await execa(python, ["-m", "pip", "config", "get", `global.${name}`], {
    reject: false,
  });
  return failed ? "" : stdout.trim();
}

interface Ended {
  failed: boolean;
  all?: string | undefined;
  shortMessage?: string | undefined;
}

/** Waits for a program; where it fails, throws EnvironmentFailure with its last lines and the hint. */
export async function run(child: PromiseLike<Ended>, hint = ""): Promise<void> {
  const { failed, all = "", shortMessage = "" } = await child;
  if (!failed) return;
  throw new EnvironmentFailure(
    [shortMessage, all.split("\n").slice(-8).join("\n"), hint].filter((part) => part !== "").join("\n"),
  );
}
