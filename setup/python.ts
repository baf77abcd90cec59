import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { execa } from "execa";
import { EnvironmentFailure } from "./failure.ts";
import { withFolderLock } from "./folder-lock.ts";
import { isProgram } from "./search-path.ts";
import { ensureUv, existingUv, findPython, indexSettings, run, UV_VERSION } from "./uv.ts";

/** The locked Python environment of the trainer. Absolute paths. */
export interface Trainer {
  python: string;
  /** The `tuneform-trainer` program. */
  trainer: string;
  uv: string | undefined;
}

type Say = (line: string) => void;

/**
 * The trainer's environment, made or brought up to date if needed: `trainer-image/.venv` from
 * requirements-dev.lock, or the one whose Python `TUNEFORM_TRAINER_PYTHON` names, taken as it is. Takes
 * milliseconds when it is there. Throws EnvironmentFailure.
 */
export async function ensureTrainer(root: string, say: Say): Promise<Trainer> {
  const image = path.join(root, "trainer-image");
  const bin = path.join(image, ".venv", "bin");
  const uvFolder = path.join(root, ".tuneform", "tools", `uv-${UV_VERSION}`);
  const given = givenByPerson();
  if (given !== undefined) return { ...given, uv: existingUv(uvFolder) };
  const found = { python: path.join(bin, "python"), trainer: path.join(bin, "tuneform-trainer") };
  if (isCurrent(image)) return { ...found, uv: existingUv(uvFolder) };
  return withFolderLock(path.join(image, ".venv.lock"), say, async () => {
    if (isCurrent(image)) return { ...found, uv: existingUv(uvFolder) };
    const python = await findPython();
    const uv = await ensureUv(uvFolder, python, say);
    await installTrainer(image, uv, await indexSettings(python), say);
    return { ...found, uv };
  });
}

function givenByPerson(): { python: string; trainer: string } | undefined {
  const given = process.env["TUNEFORM_TRAINER_PYTHON"];
  if (given === undefined || given === "") return undefined;
  const python = path.resolve(given);
  const trainer = path.join(path.dirname(python), "tuneform-trainer");
  for (const program of [python, trainer])
    if (!isProgram(program))
      throw new EnvironmentFailure(
        `TUNEFORM_TRAINER_PYTHON is ${given}, but there is no program ${program}; set it to the Python of ` +
          `an environment that tuneform-trainer is installed in, or unset it`,
      );
  return { python, trainer };
}

const environmentOf = (image: string) => path.join(image, ".venv");
const markerOf = (image: string) => path.join(environmentOf(image), ".tuneform-lock");

/**
 * Whether the environment is whole, made from the lock as it is now, and made for the folder it lies
 * in: its programs name their Python by absolute path, so that a moved checkout needs new ones.
 */
function isCurrent(image: string): boolean {
  const bin = path.join(environmentOf(image), "bin");
  const trainer = path.join(bin, "tuneform-trainer");
  if (!isProgram(path.join(bin, "python")) || !isProgram(trainer) || !fs.existsSync(markerOf(image)))
    return false;
  const beginning = fs.readFileSync(trainer, "utf8").slice(0, 500);
  return (
    beginning.includes(fs.realpathSync(bin)) && fs.readFileSync(markerOf(image), "utf8") === lockDigest(image)
  );
}

function lockDigest(image: string): string {
  const hash = createHash("sha256");
  for (const file of ["requirements-dev.lock", "pyproject.toml"])
    hash.update(fs.readFileSync(path.join(image, file)));
  return hash.digest("hex");
}

async function installTrainer(image: string, uv: string, settings: Record<string, string>, say: Say) {
  say("setup: installing the trainer's locked Python packages (torch and others, about 6 GB on Linux)");
  const began = Date.now();
  const uvRun = (args: string[], hint = "") =>
    run(execa(uv, [...args, "--quiet"], { cwd: image, env: settings, reject: false, all: true }), hint);
  const into = ["--python", ".venv/bin/python"];
  // Digest first: what changes while the packages are being installed is installed by the next call.
  const digest = lockDigest(image);
  fs.rmSync(markerOf(image), { force: true });
  if (!isProgram(path.join(environmentOf(image), "bin", "python")))
    await uvRun(
      ["venv", "--clear", "--python", ">=3.11,<3.15", ".venv"],
      "the trainer needs Python 3.11 to 3.14 (torch has no build for 3.10), and none could be fetched: install one",
    );
  await uvRun(["pip", "sync", ...into, "--require-hashes", "requirements-dev.lock"]);
  await uvRun(["pip", "install", ...into, "--no-deps", "--editable", "."]);
  fs.writeFileSync(markerOf(image), digest);
  say(`setup: installed in ${Math.round((Date.now() - began) / 1000)} s`);
}
