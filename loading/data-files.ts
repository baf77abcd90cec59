import { isUtf8 } from "node:buffer";
import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import type { DataFacts } from "../core/plan/plan.ts";
import type { Problem } from "../core/spec/problems.ts";
import { checkRows, type RowFacts } from "./data-rows.ts";
import type { ModelFile } from "./model-files.ts";
import { parseRows } from "./row-formats.ts";

/** Characters of a token, about: English text under the vocabularies of the catalog's models. */
const CHARACTERS_PER_TOKEN = 3.6;
/** Tokens that a chat template adds to a row. */
const TEMPLATE_TOKENS = 14;

type Source = { path: string; split: "all" | "train" | "validation" | "test"; shown: string; index: number };

/**
 * Read the data of a model file: digests, sizes, and what is structurally wrong. What needs the
 * tokenizer (lengths, templates, near duplicates) is checked by the trainer's `prepare`.
 */
export function readData(
  model: ModelFile,
  root: string,
): Promise<{ facts: DataFacts } | { problems: Problem[] }> {
  const sources = sourcesOf(model, root);
  const problems: Problem[] = [];
  const rows: RowFacts[] = [];
  const read: DataFacts["sources"] = [];
  for (const source of sources) {
    const content = readSource(source, model);
    if ("message" in content) {
      problems.push(content);
      continue;
    }
    const parsed = parseRows(content.text, model.spec.data.format, source.shown);
    problems.push(...parsed.problems);
    const checked = checkRows(parsed.rows, model, source.shown);
    problems.push(...checked.problems);
    rows.push(...checked.rows);
    read.push({ path: source.path, sha256: content.sha256, split: source.split });
  }
  if (problems.length === 0) problems.push(...wholeProblems(rows, model, sources[0]?.shown ?? model.file));
  if (problems.length > 0) return Promise.resolve({ problems });
  return Promise.resolve({ facts: { sources: read, ...sizesOf(rows, model) } });
}

function sourcesOf({ spec, folder }: ModelFile, root: string): Source[] {
  const declared = Array.isArray(spec.data.source) ? spec.data.source : [spec.data.source];
  return declared.map((source, index) => {
    const file =
      "package" in source
        ? path.join(root, "node_modules", source.package, source.file)
        : path.resolve(folder, source.file);
    return { path: file, split: source.split, shown: path.relative(root, file), index };
  });
}

function readSource(source: Source, model: ModelFile): { text: string; sha256: string } | Problem {
  const problem = (message: string, hint?: string): Problem => ({
    file: model.file,
    path: "data.source",
    line: model.lineOf("data.source") ?? 1,
    message: `${source.shown} ${message}`,
    ...(hint === undefined ? {} : { hint }),
  });
  const stat = fs.statSync(source.path, { throwIfNoEntry: false });
  if (stat === undefined)
    return problem(
      "does not exist",
      source.shown.startsWith("examples/")
        ? "run `npm run example-data`"
        : "paths are relative to the model file",
    );
  if (stat.isDirectory()) return problem("is a folder", "name a file in it");
  const bytes = fs.readFileSync(source.path);
  if (bytes.length === 0) return problem("is empty");
  if (bytes.subarray(0, 65536).includes(0))
    return problem("is binary or UTF-16, not text", "save it as UTF-8");
  if (!isUtf8(bytes)) return problem("is not UTF-8", "save it as UTF-8");
  const text = bytes.toString("utf8").replace(/^\uFEFF/, "");
  return { text, sha256: createHash("sha256").update(bytes).digest("hex") };
}

/** What only all rows together show. */
function wholeProblems(rows: RowFacts[], { spec, file, lineOf }: ModelFile, shown: string): Problem[] {
  const problems: Problem[] = [];
  const at = (path: string, message: string, hint?: string) =>
    problems.push({ file, path, line: lineOf(path) ?? 1, message, ...(hint === undefined ? {} : { hint }) });
  const { minTrainRows, minTestRows } = spec.data.thresholds;
  if (rows.length < minTrainRows + minTestRows)
    at(
      "data.source",
      `${shown} has ${rows.length} rows; training needs ${minTrainRows} and testing ${minTestRows}`,
      "add rows, or lower data.thresholds",
    );
  const labels = new Set(rows.map((row) => row.label).filter((label) => label !== null));
  if (spec.data.labels !== null && rows.length > 1) {
    const absent = spec.data.labels.filter((label) => !labels.has(label));
    if (labels.size === 1)
      at(
        "data.labels",
        `all rows of ${shown} have the label ${[...labels].join("")}`,
        "a classification needs examples of every label",
      );
    else if (absent.length > 0)
      at(
        "data.labels",
        `no row of ${shown} has the label ${absent.join(", ")}`,
        "remove it, or add examples",
      );
  }
  return problems;
}

function sizesOf(rows: RowFacts[], { spec }: ModelFile): Omit<DataFacts, "sources"> {
  const system = spec.data.systemPrompt?.length ?? 0;
  const tokensOf = (characters: number) => Math.ceil(characters / CHARACTERS_PER_TOKEN);
  const lengths = rows.map((row) =>
    Math.min(spec.train.maxLength, tokensOf(row.characters + system) + TEMPLATE_TOKENS),
  );
  const kept = spec.data.maxRows === null ? 1 : Math.min(1, spec.data.maxRows / rows.length);
  return {
    rows: Math.round(rows.length * kept),
    tokens: Math.round(lengths.reduce((sum, length) => sum + length, 0) * kept),
    longestRowTokens: lengths.reduce((longest, length) => Math.max(longest, length), 0),
    longestAnswerTokens: rows.reduce(
      (longest, row) => Math.max(longest, tokensOf(row.answerCharacters) + 2),
      0,
    ),
  };
}
