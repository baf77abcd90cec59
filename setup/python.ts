import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { execa } from "execa";
import { EnvironmentFailure } from "./failure.ts";
import { withFolderLock } from "./folder-lock.ts";

/** The locked Python environment of the trainer. Absolute paths. */
export interface Trainer {
  python: string;
  /** The `tuneform-trainer` program. */
  trainer: string;
  uv: string | undefined;
}

const UV_VERSION = "0.13.9";
const CANDIDATES = ["python3.13", "python3.12", "python3.11", "python3", "python", "python3.10"];

type Say = (line: string) => void;

/**
 * The trainer's environment, made or brought up to date if needed: `trainer-image/.venv` from
 * requirements.lock. Takes a second when it is there. Throws EnvironmentFailure.
 */
export async function ensureTrainer(root: string, say: Say): Promise<Trainer> {
  const image = path.join(root, "trainer-image");
  const bin = path.join(image, ".venv", "bin");
  const marker = path.join(image, ".venv", ".tuneform-lock");
  const uvFolder = path.join(root, ".tuneform", "tools", `uv-${UV_VERSION}`);
  const wanted = digestOf(path.join(image, "requirements.lock"), path.join(image, "pyproject.toml"));
  const found = (): Trainer => ({
    python: path.join(bin, "python"),
    trainer: path.join(bin, "tuneform-trainer"),
    uv: existingUv(uvFolder),
  });
  if (isCurrent(marker, wanted)) return found();
  return withFolderLock(path.join(image, ".venv.lock"), say, async () => {
    if (isCurrent(marker, wanted)) return found();
    const python = await findPython();
    const uv = await ensureUv(uvFolder, python, say);
    say("setup: installing the trainer's locked Python packages (torch and others, about 6 GB on Linux)");
    const environment = {
      UV_PROJECT_ENVIRONMENT: path.join(image, ".venv"),
      ...(await indexSettings(python)),
    };
    const uvRun = (args: string[]) =>
      run(execa(uv, args, { cwd: image, env: environment, reject: false, all: true }));
    if (!fs.existsSync(path.join(bin, "python")))
      await uvRun(["venv", "--quiet", "--python", ">=3.11,<3.15", ".venv"]);
    await uvRun([
      "pip",
      "sync",
      "--quiet",
      "--python",
      ".venv/bin/python",
      "--require-hashes",
      "requirements.lock",
    ]);
    await uvRun([
      "pip",
      "install",
      "--quiet",
      "--python",
      ".venv/bin/python",
      "--no-deps",
      "--editable",
      ".",
    ]);
    fs.writeFileSync(marker, wanted);
    return { ...found(), uv };
  });
}

const isCurrent = (marker: string, wanted: string) =>
  fs.existsSync(marker) && fs.readFileSync(marker, "utf8") === wanted;

function digestOf(...files: string[]): string {
  const hash = createHash("sha256");
  for (const file of files) hash.update(fs.readFileSync(file));
  return hash.digest("hex");
}

/** Any Python 3.10 or newer can run `uv`, which finds or fetches one that torch supports. */
async function findPython(): Promise<string> {
  const seen: string[] = [];
  for (const candidate of CANDIDATES) {
    const { stdout, failed } = await execa(
      candidate,
      ["-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
      { reject: false },
    );
    if (failed) continue;
    const [major = 0, minor = 0] = stdout.split(".").map(Number);
    if (major === 3 && minor >= 10) return candidate;
    seen.push(`${candidate} is ${stdout}`);
  }
  throw new EnvironmentFailure(
    `Python 3.10 or newer is needed (${seen.join(", ") || "no Python found"}); install python3 and run again`,
  );
}

function existingUv(folder: string): string | undefined {
  const own = path.join(folder, "bin", "uv");
  return fs.existsSync(own) ? own : undefined;
}

/** `uv`, from PATH or installed into a folder of its own with pip. */
async function ensureUv(folder: string, python: string, say: Say): Promise<string> {
  const onPath = await execa("which", ["uv"], { reject: false });
  if (!onPath.failed) return onPath.stdout;
  const own = path.join(folder, "bin", "uv");
  if (fs.existsSync(own)) return own;
  say(`setup: installing uv ${UV_VERSION}`);
  const args = [
    "-m",
    "pip",
    "install",
    "--quiet",
    "--disable-pip-version-check",
    "--target",
    `${folder}.part`,
    `uv==${UV_VERSION}`,
  ];
  await run(
    execa(python, args, { reject: false, all: true }),
    "pip is missing? On Debian: apt install python3-pip",
  );
  fs.renameSync(`${folder}.part`, folder);
  return own;
}

/** pip's own index and certificate settings, which `uv` does not read. */
async function indexSettings(python: string): Promise<Record<string, string>> {
  const { env } = process;
  const settings: Record<string, string> = {};
  if (env["UV_DEFAULT_INDEX"] === undefined && env["UV_INDEX_URL"] === undefined) {
    const { stdout, failed } = await execa(python, ["-m", "pip", "config", "get", "global.index-url"], {
      reject: false,
    });
    const index = env["PIP_INDEX_URL"] ?? (failed ? "" : stdout.trim());
    if (index !== "") settings["UV_DEFAULT_INDEX"] = index;
  }
  if (env["SSL_CERT_FILE"] === undefined && env["PIP_CERT"] !== undefined)
    settings["SSL_CERT_FILE"] = env["PIP_CERT"];
  return settings;
}

interface Ended {
  failed: boolean;
  all?: string | undefined;
  shortMessage?: string | undefined;
}

async function run(child: PromiseLike<Ended>, hint = ""): Promise<void> {
  const { failed, all = "", shortMessage = "" } = await child;
  if (!failed) return;
  throw new EnvironmentFailure(
    [shortMessage, all.split("\n").slice(-8).join("\n"), hint].filter((part) => part !== "").join("\n"),
  );
}
