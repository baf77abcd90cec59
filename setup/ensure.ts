import fs from "node:fs";
import path from "node:path";
import { writeDatasets } from "../examples/mail/build.ts";
import { ensurePulumi } from "./pulumi-cli.ts";
import { ensureTrainer } from "./python.ts";

/** Everything that `up` and the tests need beside npm packages; seconds when it is all there. */
export async function ensureAll(root: string, say: (line: string) => void): Promise<void> {
  await ensureTrainer(root, say);
  const { binFolders, command } = await ensurePulumi(root, say);
  // For child processes such as tests, which look on PATH only.
  process.env["PATH"] = [process.env["PATH"] ?? "", path.dirname(command), ...binFolders].join(
    path.delimiter,
  );
  const data = path.join(root, "examples", "mail", "data");
  if (!fs.existsSync(path.join(data, "mail-routing.jsonl"))) {
    say("setup: writing the example data from the mail corpus package");
    await writeDatasets(data);
  }
}
