import fs from "node:fs";
import path from "node:path";
import type { RenderedFile } from "../core/kubernetes/render.ts";

/** Names of the files that the last render wrote, one a line. Without an ending that kubectl would read. */
const LIST = ".tuneform-render";

/**
 * Write rendered files into a folder and remove those that an earlier render wrote there and this one does
 * not; other files stay. Throws Error where a file stands in the way that no render wrote.
 */
export function writeRendered(folder: string, files: readonly RenderedFile[]): void {
  fs.mkdirSync(folder, { recursive: true });
  const list = path.join(folder, LIST);
  const earlier = new Set(
    fs.existsSync(list)
      ? fs
          .readFileSync(list, "utf8")
          .split("\n")
          .filter((name) => name !== "" && path.basename(name) === name)
      : [],
  );
  const strange = files.find(({ file }) => !earlier.has(file) && fs.existsSync(path.join(folder, file)));
  if (strange !== undefined)
    throw new Error(`${path.join(folder, strange.file)} was not rendered: name another folder with --out`);
  for (const name of earlier) fs.rmSync(path.join(folder, name), { force: true });
  for (const { file, text } of files) fs.writeFileSync(path.join(folder, file), text);
  fs.writeFileSync(list, `${files.map(({ file }) => file).join("\n")}\n`);
}
