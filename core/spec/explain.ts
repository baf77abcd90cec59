import leven from "leven";
import { z } from "zod";

/** What is wrong at a place of a YAML file, in a person's words. */
export interface Explained {
  path: string[];
  message: string;
  hint?: string;
}

type Issue = z.core.$ZodIssue;

/** What may stand where several forms are allowed. */
const FORMS: Record<string, string> = {
  base: "a catalog id, {hub: owner/name, revision: <commit hash>} or {folder: path}",
  "data.source":
    "{file: path}, {package: name, file: path}, {s3: url, sha256: digest, copy: path}, or a list of these",
};

/** One zod issue of `schema` → one or more problems. `value` is the whole document. */
export function explain(issue: Issue, value: unknown, schema: z.ZodType): Explained[] {
  const path = issue.path.map(String);
  const set = valueAt(value, path);
  switch (issue.code) {
    case "unrecognized_keys":
      return issue.keys.map((key) => unknownKey(path, key, schema));
    case "invalid_union":
      return explainUnion(issue, value, schema);
    case "invalid_type":
      if (set === undefined) return [{ path, message: "is missing" }];
      return [
        withShown(path, `must be ${TYPES[issue.expected] ?? issue.expected}`, set, typeHint(issue, set)),
      ];
    case "invalid_value": {
      const allowed = issue.values.map(String);
      if (set === undefined) return [{ path, message: `is missing: one of ${allowed.join(", ")}` }];
      const near = typeof set === "string" ? nearest(set, allowed) : undefined;
      return [withShown(path, `must be one of ${allowed.join(", ")}`, set, near && `did you mean ${near}?`)];
    }
    case "invalid_key":
      return issue.issues.map(({ message }) => ({ path, message: `the name ${message}` }));
    case "too_small":
      return [
        withShown(path, limitMessage(issue, issue.inclusive ? "at least" : "more than", issue.minimum), set),
      ];
    case "too_big":
      return [
        withShown(path, limitMessage(issue, issue.inclusive ? "at most" : "less than", issue.maximum), set),
      ];
    default: // messages of our own
      return [
        issue.code === "custom" ? { path, message: issue.message } : withShown(path, issue.message, set),
      ];
  }
}

const TYPES: Record<string, string> = {
  number: "a number",
  int: "a whole number",
  string: "text",
  boolean: "true or false",
  object: "a block of keys",
  record: "a block of keys",
  array: "a list",
};

function typeHint({ expected }: z.core.$ZodIssueInvalidType, set: unknown): string | undefined {
  if (set === null) return "remove the key, or give it a value";
  if (expected === "string" && (typeof set === "boolean" || typeof set === "number"))
    return `put it in quotes: "${set}"`;
  if (expected === "number" && typeof set === "string" && set.trim() !== "" && Number.isFinite(Number(set)))
    return `without quotes: ${set}`;
  return undefined;
}

/** A schema's own message wins over zod's. */
function limitMessage(issue: Issue & { origin?: string }, relation: string, limit: number | bigint): string {
  if (!issue.message.startsWith("Too ")) return issue.message;
  if (issue.origin === "string" && issue.code === "too_small") return "must not be empty";
  const units: Record<string, string> = { string: " characters", array: " items" };
  const verb = issue.origin !== undefined && issue.origin in units ? "must have" : "must be";
  return `${verb} ${relation} ${limit}${units[issue.origin ?? ""] ?? ""}`;
}

function withShown(path: string[], message: string, set: unknown, hint?: string): Explained {
  const text = typeof set === "number" ? String(set) : (JSON.stringify(set) ?? "nothing");
  const short = text.length > 80 ? `${text.slice(0, 77)}…` : text;
  return { path, message: `${message} (is ${short})`, ...(hint === undefined ? {} : { hint }) };
}

/** Of the forms that are allowed, the one that is meant is the one with the fewest faults. */
function explainUnion(issue: z.core.$ZodIssueInvalidUnion, value: unknown, schema: z.ZodType): Explained[] {
  const path = issue.path.map(String);
  const set = valueAt(value, path);
  if (set === undefined) return [{ path, message: "is missing" }];
  const [meant] = formsOf(issue)
    .filter((faults) => !faults.some((fault) => fault.code === "invalid_type" && fault.path.length === 0))
    .sort((a, b) => farness(a) - farness(b));
  if (meant === undefined) {
    const forms = FORMS[path.filter((key) => !/^\d+$/.test(key)).join(".")];
    return [withShown(path, "has none of the allowed forms", set, forms && `write ${forms}`)];
  }
  return meant.flatMap((fault) => explain({ ...fault, path: [...issue.path, ...fault.path] }, value, schema));
}

/** Keys that do not belong there or are not there say more about what is meant than a wrong value does. */
function farness(faults: Issue[]): number {
  return faults.reduce(
    (sum, { code }) => sum + (code === "unrecognized_keys" || code === "invalid_type" ? 2 : 1),
    0,
  );
}

/** A form that is itself a choice of forms counts as those. */
function formsOf(issue: z.core.$ZodIssueInvalidUnion): Issue[][] {
  return issue.errors.flatMap((faults) => {
    const [only] = faults;
    const isChoice = faults.length === 1 && only?.code === "invalid_union" && only.path.length === 0;
    return isChoice ? formsOf(only) : [faults];
  });
}

function unknownKey(path: string[], key: string, schema: z.ZodType): Explained {
  const known = keysAt(path, schema);
  const near = nearest(key, known);
  const home = sectionsWith(key, schema).find((section) => section !== path.join("."));
  const hint =
    home !== undefined
      ? `${key} belongs under ${home}`
      : near !== undefined
        ? `did you mean ${near}?`
        : `known here: ${known.join(", ")}`;
  return { path: [...path, key], message: "is not a known key", hint };
}

/** The candidate with the fewest letters to change, if that is few enough to be a slip. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  const [best] = candidates
    .map((name) => ({ name, distance: leven(word.toLowerCase(), name.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance);
  return best !== undefined && best.distance <= Math.max(1, word.length / 2) ? best.name : undefined;
}

/** What stands at a path, own keys only. */
export function valueAt(value: unknown, path: string[]): unknown {
  return path.reduce<unknown>(
    (inner, key) =>
      typeof inner === "object" && inner !== null && Object.hasOwn(inner, key)
        ? (inner as Record<string, unknown>)[key]
        : undefined,
    value,
  );
}

interface SchemaNode {
  properties?: Record<string, SchemaNode>;
  items?: SchemaNode;
  additionalProperties?: SchemaNode | boolean;
  anyOf?: SchemaNode[];
}

const roots = new WeakMap<z.ZodType, SchemaNode>();
function rootOf(schema: z.ZodType): SchemaNode {
  const root = roots.get(schema) ?? (z.toJSONSchema(schema, { io: "input" }) as SchemaNode);
  roots.set(schema, root);
  return root;
}
/** What stands under a key: in a list, in a block of known keys, or in one whose keys are names. */
function below(node: SchemaNode, key: string): SchemaNode | undefined {
  if (/^\d+$/.test(key) && node.items !== undefined) return node.items;
  const named = typeof node.additionalProperties === "object" ? node.additionalProperties : undefined;
  return node.properties?.[key] ?? named;
}
const alternatives = (node: SchemaNode): SchemaNode[] => node.anyOf?.flatMap(alternatives) ?? [node];

/** Keys that the schema knows under a path. */
function keysAt(path: string[], schema: z.ZodType): string[] {
  let nodes = alternatives(rootOf(schema));
  for (const key of path)
    nodes = nodes
      .flatMap((node) => {
        const next = below(node, key);
        return next === undefined ? [] : [next];
      })
      .flatMap(alternatives);
  return [...new Set(nodes.flatMap((node) => Object.keys(node.properties ?? {})))];
}

/** Top-level sections that have a key of this name. */
function sectionsWith(key: string, schema: z.ZodType): string[] {
  return keysAt([], schema).filter((section) => keysAt([section], schema).includes(key));
}
