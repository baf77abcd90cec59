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

/** All model files of a stack, in order of their paths, and every problem in them. */
export function readModelFiles(
  root: string,
  pattern: string,
  stackFile: string,
): { models: ModelFile[]; problems: Problem[] } {
  const files = glob.sync(pattern, { cwd: root, dot: false }).sort();
  if (files.length === 0)
    return {
      models: [],
      problems: [
        {
          file: stackFile,
          path: "tuneform:models",
          message: `${pattern} matches no file`,
          hint: "add a model file, see models/spam-triage.yaml",
        },
      ],
    };
  const models: ModelFile[] = [];
  const problems: Problem[] = [];
  for (const file of files) {
    const absolute = path.join(root, file);
    const bytes = fs.readFileSync(absolute);
    if (!isUtf8(bytes)) {
      problems.push({ file, line: 1, message: "is not UTF-8 text", hint: "save it as UTF-8" });
      continue;
    }
    const parsed = parseFineTune(bytes.toString("utf8").replace(/^\uFEFF/, ""), file);
    if ("problems" in parsed) problems.push(...parsed.problems);
    else models.push({ file, folder: path.dirname(absolute), ...parsed });
  }
  return { models, problems: [...problems, ...duplicateNames(models)] };
}

function duplicateNames(models: ModelFile[]): Problem[] {
  const first = new Map<string, string>();
  return models.flatMap(({ spec, file, lineOf }): Problem[] => {
    const taken = first.get(spec.name);
    first.set(spec.name, taken ?? file);
    if (taken === undefined) return [];
    return [
      {
        file,
        path: "name",
        line: lineOf("name") ?? 1,
        message: `${spec.name} is the name of ${taken} too`,
        hint: "names are aliases: one fine-tune each",
      },
    ];
  });
}
