import type { MachineFacts } from "../loading/machine.ts";

/** A model file that is right; cases replace a line of it. */
export const good = `name: triage
task: classification
base: smollm2-135m
data:
  source: { file: ../data/rows.jsonl }
  fields: { id: id, question: text, answer: label }
  labels: [spam, ham]
train:
  rank: 8
`;
export const row = (i: number, label = i % 2 === 0 ? "spam" : "ham") =>
  JSON.stringify({ id: `r${i}`, text: `words ${i}`, label });
export const rows = (count: number, label?: string) =>
  Array.from({ length: count }, (_, i) => row(i, label)).join("\n");

export interface Case {
  what: string;
  /** Text of models/triage.yaml. */
  model?: string | Buffer;
  /** Content of data/rows.jsonl; null: no such file. */
  data?: string | Buffer | null;
  /** Further files, by their paths in the project. */
  more?: Record<string, string>;
  stack?: Record<string, string>;
  machine?: Partial<MachineFacts>;
  /** What the message must say. */
  says: RegExp;
  code: number;
}
const grown = (name: string) => {
  const before = String.fromCharCode(name.charCodeAt(0) - 1);
  return `${name}: &${name} [${Array(10).fill(`*${before}`).join(", ")}]`;
};
export const replaced = (from: string, to: string) => good.replace(from, to);

export const specCases: Case[] = [
  { what: "YAML that does not parse", model: "name: [triage", says: /triage\.yaml:1: not YAML/, code: 2 },
  {
    what: "a tab as indentation",
    model: replaced("  rank", "\trank"),
    says: /triage\.yaml:\d+: not YAML/,
    code: 2,
  },
  {
    what: "a key twice",
    model: `${good}task: generation\n`,
    says: /triage\.yaml:10: not YAML.*unique/i,
    code: 2,
  },
  { what: "an empty file", model: "", says: /triage\.yaml: is empty/, code: 2 },
  {
    what: "a list instead of a map",
    model: "- a\n- b\n",
    says: /triage\.yaml: must be a block of keys/,
    code: 2,
  },
  {
    what: "a UTF-16 file",
    model: Buffer.from(`\uFEFF${good}`, "utf16le"),
    says: /triage\.yaml:1: is not UTF-8/,
    code: 2,
  },
  {
    what: "an unknown key, with the nearest known one",
    model: replaced("rank", "rnk"),
    says: /triage\.yaml:9 train\.rnk: is not a known key → did you mean rank\?/,
    code: 2,
  },
  {
    what: "an unknown section",
    model: `${good}serving: {}\n`,
    says: /serving: is not a known key → did you mean serve\?/,
    code: 2,
  },
  { what: "no name", model: replaced("name: triage\n", ""), says: /name: is missing/, code: 2 },
  {
    what: "a name that is no DNS name",
    model: replaced("triage", "My Triage"),
    says: /triage\.yaml:1 name: must be lower-case.*"My Triage"/,
    code: 2,
  },
  {
    what: "a name that is too long",
    model: replaced("triage", "a".repeat(41)),
    says: /name: must have at most 40/,
    code: 2,
  },
  {
    what: "an unknown task",
    model: replaced("classification", "poetry"),
    says: /triage\.yaml:2 task: .*"poetry"/,
    code: 2,
  },
  {
    what: "an unknown base, with those that are known",
    model: replaced("smollm2-135m", "gpt-9"),
    says: /triage\.yaml:3 base: gpt-9 is not in the catalog → one of smollm2-135m, smollm2-360m/,
    code: 2,
  },
  {
    what: "a hub base at a branch",
    model: replaced("smollm2-135m", "{hub: a/b, revision: main}"),
    says: /base\.revision: must be a commit hash/,
    code: 2,
  },
  {
    what: "a hub base without a revision",
    model: replaced("smollm2-135m", "{hub: a/b}"),
    says: /triage\.yaml:3 base/,
    code: 2,
  },
  {
    what: "a base whose hub revision nobody verified",
    model: replaced("smollm2-135m", "stablelm-2-1.6b"),
    says: /base: stablelm-2-1\.6b has no verified hub revision.*pin one/,
    code: 2,
  },
  {
    what: "a base folder that is no model",
    model: replaced("smollm2-135m", "{folder: .}"),
    says: /base\.folder: .*no config\.json/,
    code: 2,
  },
  {
    what: "an alias without its anchor",
    model: replaced("name: triage", "name: *other"),
    says: /triage\.yaml:1: not YAML: Unresolved alias/,
    code: 2,
  },
  {
    what: "aliases that grow without bound",
    model: ["a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]", ..."bcdef".split("").map(grown)].join("\n"),
    says: /triage\.yaml:2: not YAML: Excessive alias count/,
    code: 2,
  },
  {
    what: "a tag that means nothing here",
    model: replaced("name: triage", "name: !secret triage"),
    says: /triage\.yaml:1: not YAML: Unresolved tag: !secret/,
    code: 2,
  },
  {
    what: "a key that is no text",
    model: `${good}? { a: b }\n: 2\n`,
    says: /triage\.yaml:10: not YAML: a key has to be text/,
    code: 2,
  },
  {
    what: "two documents in one file",
    model: `${good}---\n${good}`,
    says: /triage\.yaml:10: not YAML: a second document/,
    code: 2,
  },
  {
    what: "a key in the wrong section, with the right one",
    model: `${good}maxRows: 100\n`,
    says: /triage\.yaml:10 maxRows: is not a known key → maxRows belongs under data/,
    code: 2,
  },
  {
    what: "an unknown key of a source",
    model: replaced("rows.jsonl }", "rows.jsonl, splt: train }"),
    says: /triage\.yaml:5 data\.source\.splt: is not a known key → did you mean split\?/,
    code: 2,
  },
  {
    what: "a source that is only a path",
    model: replaced("{ file: ../data/rows.jsonl }", "../data/rows.jsonl"),
    says: /data\.source: has none of the allowed forms.*write \{file: path\}/,
    code: 2,
  },
  {
    what: "a package that would leave node_modules",
    model: replaced("{ file: ../data/rows.jsonl }", "{ package: ../etc, file: passwd }"),
    says: /data\.source\.package: must be the name of an npm package/,
    code: 2,
  },
  {
    what: "a package file that would leave its package",
    model: replaced("{ file: ../data/rows.jsonl }", "{ package: yaml, file: ../../x }"),
    says: /data\.source\.file: must stay inside the package/,
    code: 2,
  },
];
