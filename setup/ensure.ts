import fs from "node:fs";
import path from "node:path";
import { writeDatasets } from "../examples/mail/build.ts";
import { ensurePulumi } from "./pulumi-cli.ts";
import { ensureTrainer } from "./python.ts";

type Say = (line: string) => void;

/** What `up` of a target needs beside npm packages: a cluster has the trainer's environment in its image. */
export async function ensureFor(target: string, root: string, say: Say): Promise<void> {
  if (target === "local") await ensureTrainer(root, say);
  await ensureEngine(root, say);
}

/** Everything that the tests need beside npm packages; seconds when it is all there. */
export async function ensureAll(root: string, say: Say): Promise<void> {
  await ensureFor("local", root, say);
}

async function ensureEngine(root: string, say: Say): Promise<void> {
  const { binFolders, command, how } = await ensurePulumi(root, say);
  // For child processes such as tests, which look on PATH only. Official plugins on PATH win.
  const own = path.dirname(command);
  const inherited = process.env["PATH"] ?? "";
  const folders = how === "TUNEFORM_PULUMI" ? [own, inherited] : [inherited, own];
  process.env["PATH"] = [...folders, ...binFolders].join(path.delimiter);
  await ensureExampleData(path.join(root, "examples", "mail"), say);
}

async function ensureExampleData(mail: string, say: Say): Promise<void> {
  const data = path.join(mail, "data");
  const written = ["spam-triage.jsonl", "mail-routing.jsonl"].map((file) => path.join(data, file));
  if (areNewer(written, [path.join(mail, "build.ts"), path.join(mail, "mail-text.ts")])) return;
  say("setup: writing the example data from the mail corpus package");
  await writeDatasets(data);
}

/** Whether all `files` are there and none is older than one of its `sources`. */
export function areNewer(files: readonly string[], sources: readonly string[]): boolean {
  if (!files.every((file) => fs.existsSync(file))) return false;
  const changed = (file: string) => fs.statSync(file).mtimeMs;
  return Math.min(...files.map(changed)) >= Math.max(...sources.map(changed));
}
