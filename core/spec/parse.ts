import leven from "leven";
import { isMap, isPair, isScalar, LineCounter, parseDocument, type Document } from "yaml";
import { z } from "zod";
import { fineTuneSchema, type FineTuneSpec } from "./fine-tune.ts";
import type { Problem } from "./problems.ts";

export type Parsed =
  { spec: FineTuneSpec; lineOf: (path: string) => number | undefined } | { problems: Problem[] };

/** Text of a model file → spec, or every problem in it with its line. `file` is only for messages. */
export function parseFineTune(text: string, file: string): Parsed {
  if (text.includes("\u0000")) return { problems: [{ file, line: 1, message: "is binary, not text" }] };
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true });
  if (document.errors.length > 0)
    return {
      problems: document.errors.map((error) => ({
        file,
        line: lines.linePos(error.pos[0]).line,
        message: `not YAML: ${error.message.split("\n")[0] ?? ""}`,
      })),
    };
  const lineOf = (path: string) => lineOfPath(document, lines, path === "" ? [] : path.split("."));
  const value: unknown = document.toJS();
  if (value === null)
    return { problems: [{ file, message: "is empty", hint: "see models/spam-triage.yaml" }] };
  const result = fineTuneSchema.safeParse(value);
  if (result.success) return { spec: result.data, lineOf };
  return { problems: result.error.issues.flatMap((issue) => problemsOf(issue, value, file, lineOf)) };
}

function problemsOf(
  issue: z.core.$ZodIssue,
  value: unknown,
  file: string,
  lineOf: (path: string) => number | undefined,
): Problem[] {
  const at = issue.path.map(String);
  const problem = (path: string[], message: string, hint?: string): Problem => {
    const line = lineOf(path.join("."));
    return {
      file,
      ...(path.length === 0 ? {} : { path: path.join(".") }),
      ...(line === undefined ? {} : { line }),
      message,
      ...(hint === undefined ? {} : { hint }),
    };
  };
  if (issue.code === "unrecognized_keys") {
    const known = keysAt(at);
    return issue.keys.map((key) => problem([...at, key], "is not a known key", nearest(key, known)));
  }
  if (issue.code === "invalid_union") return [unionProblem(issue, value, at, problem)];
  const set = valueAt(value, at);
  const shown = set === undefined || issue.code === "custom" ? "" : ` (is ${JSON.stringify(set)})`;
  return [
    problem(
      at,
      set === undefined && issue.code === "invalid_type" ? "is missing" : `${issue.message}${shown}`,
    ),
  ];
}

/** Of a union's branches, the one that got furthest tells the person most. */
function unionProblem(
  issue: z.core.$ZodIssueInvalidUnion,
  value: unknown,
  at: string[],
  problem: (path: string[], message: string) => Problem,
): Problem {
  const branches = issue.errors.map((issues) => issues[0]).filter((first) => first !== undefined);
  const deepest = branches.reduce(
    (best, branch) => (best === undefined || branch.path.length > best.path.length ? branch : best),
    undefined as z.core.$ZodIssue | undefined,
  );
  const set = valueAt(value, at);
  if (set === undefined) return problem(at, "is missing");
  if (deepest === undefined || deepest.path.length === 0)
    return problem(at, `has none of the allowed forms (is ${JSON.stringify(set)}); see docs/spec.md`);
  return problem([...at, ...deepest.path.map(String)], deepest.message);
}

function valueAt(value: unknown, path: string[]): unknown {
  return path.reduce<unknown>((inner, key) => (inner as Record<string, unknown> | undefined)?.[key], value);
}

/** Keys that the schema knows under a path. */
function keysAt(path: string[]): string[] {
  let schema: unknown = z.toJSONSchema(fineTuneSchema, { io: "input", unrepresentable: "any" });
  for (const key of path) schema = (schema as { properties?: Record<string, unknown> }).properties?.[key];
  return Object.keys((schema as { properties?: object } | undefined)?.properties ?? {});
}

function nearest(key: string, known: string[]): string | undefined {
  const [best] = known
    .map((name) => ({ name, distance: leven(key.toLowerCase(), name.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance);
  if (best !== undefined && best.distance <= Math.max(2, key.length / 2)) return `did you mean ${best.name}?`;
  return known.length === 0 ? undefined : `known here: ${known.join(", ")}`;
}

/** Line of the key at `path`, or of its nearest parent that is there. */
function lineOfPath(document: Document, lines: LineCounter, path: string[]): number | undefined {
  for (let depth = path.length; depth > 0; depth -= 1) {
    const parent: unknown = depth === 1 ? document.contents : document.getIn(path.slice(0, depth - 1), true);
    if (!isMap(parent)) continue;
    const pair = parent.items.find(
      (item) => isPair(item) && isScalar(item.key) && String(item.key.value) === path[depth - 1],
    );
    const range = pair !== undefined && isScalar(pair.key) ? pair.key.range : undefined;
    if (range) return lines.linePos(range[0]).line;
  }
  return undefined;
}
