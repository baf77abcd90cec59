import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument, visit, type Document } from "yaml";
import type { z } from "zod";
import { explain } from "./explain.ts";
import { fineTuneSchema, type FineTuneSpec } from "./fine-tune.ts";
import type { Problem } from "./problems.ts";

/** What a YAML file says, and where: `lineOf` takes a dotted path, or its keys where these have dots. */
export type Parsed<T> =
  { value: T; lineOf: (path: string | readonly string[]) => number | undefined } | { problems: Problem[] };

interface Position {
  line: number;
  column: number;
}

/** Text of a model file → spec, or every problem in it with its line. `file` is only for messages. */
export const parseFineTune = (text: string, file: string): Parsed<FineTuneSpec> =>
  parseAs(fineTuneSchema, text, file, "models/spam-triage.yaml");

/** Text of any YAML file → what a schema makes of it, or every problem. `example` is a file like it. */
export function parseAs<T extends z.ZodType>(
  schema: T,
  text: string,
  file: string,
  example: string,
): Parsed<z.infer<T>> {
  if (text.includes("\u0000")) return { problems: [{ file, line: 1, message: "is binary, not text" }] };
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true });
  const positionAt = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { line, column: col };
  };
  const read = valueOf(document, positionAt);
  if ("faults" in read)
    return {
      problems: read.faults.map(({ at, message }) => ({ file, ...at, message: `not YAML: ${message}` })),
    };
  if (read.value === null) return { problems: [{ file, message: "is empty", hint: `see ${example}` }] };
  const positionOf = (path: readonly string[]) => {
    const offset = offsetOf(document, path);
    return offset === undefined ? undefined : positionAt(offset);
  };
  const result = schema.safeParse(read.value);
  if (result.success) {
    const keysOf = (path: string | readonly string[]) => (typeof path === "string" ? path.split(".") : path);
    return { value: result.data, lineOf: (path) => positionOf(keysOf(path))?.line };
  }
  const problems = result.error.issues.flatMap((issue) => explain(issue, read.value, schema));
  return {
    problems: problems.map(({ path, ...rest }) => ({
      file,
      ...(path.length === 0 ? {} : { path: path.join(".") }),
      ...positionOf(path),
      ...rest,
    })),
  };
}

interface Fault {
  at: Position | undefined;
  message: string;
}

/** The document as plain values, or what keeps it from being YAML that means one thing only. */
function valueOf(
  document: Document.Parsed,
  positionAt: (offset: number) => Position,
): { value: unknown } | { faults: Fault[] } {
  // A warning is, for example, an unknown tag: the value would not be what the file says.
  const faults: Fault[] = [...document.errors, ...document.warnings].map((error) => ({
    at: positionAt(error.pos[0]),
    message:
      error.code === "MULTIPLE_DOCS"
        ? "a second document begins here; a file has one"
        : (error.message.split("\n")[0] ?? "").replace(/ at line \d+, column \d+:?$/, ""),
  }));
  let alias: Position | undefined;
  visit(document, {
    Pair(_key, { key }) {
      if (isScalar(key) || isAlias(key)) return;
      const start = (key as { range?: [number, number, number] } | null)?.range?.[0];
      faults.push({
        at: start === undefined ? undefined : positionAt(start),
        message: "a key has to be text",
      });
    },
    Alias(_key, { range }) {
      if (range) alias ??= positionAt(range[0]);
    },
  });
  if (faults.length > 0) return { faults };
  try {
    return { value: document.toJS() as unknown };
  } catch (error) {
    // Only aliases fail this late: without their anchor, or so many of them that memory would not do.
    return { faults: [{ at: alias, message: (error as Error).message }] };
  }
}

/** Where the key at `path` stands, or its nearest parent that is there. */
function offsetOf(document: Document, path: readonly string[]): number | undefined {
  let node: unknown = document.contents;
  let found: number | undefined;
  for (const key of path) {
    if (isAlias(node)) node = node.resolve(document);
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === key);
      if (pair === undefined) break;
      if (isScalar(pair.key) && pair.key.range) found = pair.key.range[0];
      node = pair.value;
    } else if (isSeq(node)) {
      node = node.items[Number(key)];
      const range = (node as { range?: [number, number, number] | null } | undefined)?.range;
      if (range) found = range[0];
    } else break;
  }
  return found;
}
