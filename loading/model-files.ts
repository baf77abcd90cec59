import { isUtf8 } from "node:buffer";
import fs from "node:fs";
import path from "node:path";
import glob from "fast-glob";
import type { FineTuneSpec } from "../core/spec/fine-tune.ts";
import { parseFineTune } from "../core/spec/parse.ts";
import type { Problem } from "../core/spec/problems.ts";

export interface ModelFile {
  /** Relative to the project, for messages. */
  file: string;
  /** Absolute folder that the file's own paths are relative to. */
  folder: string;
  spec: FineTuneSpec;
  lineOf: (path: string) => number | undefined;
}

/** A problem at a field of a model file; `field` is its path, for example `train.rank`. */
export function modelProblem(
  { file, lineOf }: Pick<ModelFile, "file" | "lineOf">,
  field: string,
  message: string,
  hint?: string,
): Problem {
  const line = lineOf(field);
  return {
    file,
    path: field,
    ...(line === undefined ? {} : { line }),
    message,
    ...(hint === undefined ? {} : { hint }),
  };
}

/** Paths of the model files of a stack, relative to the project and sorted. */
export function findModelFiles(root: string, pattern: string): string[] {
  return glob.sync(pattern, { cwd: root, dot: false }).sort();
}

/** Model files by their paths relative to the project, and every problem in them. */
export function readModelFiles(
  root: string,
  files: readonly string[],
): { models: ModelFile[]; problems: Problem[] } {
  const models: ModelFile[] = [];
  const problems: Problem[] = [];
  for (const file of files) {
    const read = readModelFile(root, file);
    if ("problems" in read) problems.push(...read.problems);
    else models.push(read);
  }
  return { models, problems: [...problems, ...duplicateNames(models)] };
}

function readModelFile(root: string, file: string): ModelFile | { problems: Problem[] } {
  const absolute = path.resolve(root, file);
  let bytes: Buffer;
  try {
    bytes = fs.readFileSync(absolute);
  } catch (error) {
    return { problems: [{ file, message: `cannot be read: ${(error as Error).message}` }] };
  }
  if (!isUtf8(bytes))
    return { problems: [{ file, line: 1, message: "is not UTF-8 text", hint: "save it as UTF-8" }] };
  const parsed = parseFineTune(bytes.toString("utf8").replace(/^\uFEFF/, ""), file);
  if ("problems" in parsed) return parsed;
  const { value: spec, lineOf } = parsed;
  return { file, folder: path.dirname(absolute), spec, lineOf };
}

function duplicateNames(models: ModelFile[]): Problem[] {
  const first = new Map<string, string>();
  return models.flatMap((model): Problem[] => {
    const { name } = model.spec;
    const taken = first.get(name);
    first.set(name, taken ?? model.file);
    if (taken === undefined) return [];
    return [
      modelProblem(
        model,
        "name",
        `${name} is the name of ${taken} too`,
        "names are aliases: one fine-tune each",
      ),
    ];
  });
}
