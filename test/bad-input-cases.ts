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
  stack?: Record<string, string>;
  machine?: Partial<MachineFacts>;
  /** What the message must say. */
  says: RegExp;
  code: number;
}
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
  { what: "a list instead of a map", model: "- a\n- b\n", says: /triage\.yaml.*expected object/, code: 2 },
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
    says: /triage\.yaml:3 base: gpt-9 is not in the catalog → one of smollm2-135m, phi-3-mini/,
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
    model: replaced("smollm2-135m", "gemma-2-9b"),
    says: /base: gemma-2-9b has no verified hub revision.*pin one/,
    code: 2,
  },
  {
    what: "a base folder that is no model",
    model: replaced("smollm2-135m", "{folder: .}"),
    says: /base\.folder: .*no config\.json/,
    code: 2,
  },
  {
    what: "a rank below one",
    model: replaced("rank: 8", "rank: -8"),
    says: /triage\.yaml:9 train\.rank: .*\(is -8\)/,
    code: 2,
  },
  {
    what: "a rank that is no whole number",
    model: replaced("rank: 8", "rank: 8.5"),
    says: /train\.rank/,
    code: 2,
  },
  {
    what: "a rank beyond what can be served",
    model: replaced("rank: 8", "rank: 1024"),
    says: /train\.rank: .*512/,
    code: 2,
  },
  {
    what: "a word where a number belongs",
    model: replaced("rank: 8", "rank: high"),
    says: /train\.rank: .*"high"/,
    code: 2,
  },
  {
    what: "a learning rate of zero",
    model: replaced("rank: 8", "learningRate: 0"),
    says: /train\.learningRate/,
    code: 2,
  },
  {
    what: "an unknown method",
    model: replaced("rank: 8", "method: dora"),
    says: /train\.method: .*"dora"/,
    code: 2,
  },
  {
    what: "a length beyond the model's context",
    model: replaced("rank: 8", "maxLength: 9000"),
    says: /triage\.yaml:9 train\.maxLength: 9000 tokens are more than the context of smollm2-135m → at most 8192/,
    code: 2,
  },
  {
    what: "a classification without labels",
    model: replaced("  labels: [spam, ham]\n", ""),
    says: /data\.labels: a classification has to declare its labels/,
    code: 2,
  },
  {
    what: "a single label",
    model: replaced("[spam, ham]", "[spam]"),
    says: /data\.labels: must name at least two/,
    code: 2,
  },
  {
    what: "a label twice",
    model: replaced("[spam, ham]", "[spam, spam]"),
    says: /data\.labels: spam stands there twice/,
    code: 2,
  },
  {
    what: "labels for a generation",
    model: replaced("classification", "generation"),
    says: /data\.labels: labels are for task classification/,
    code: 2,
  },
  {
    what: "a metric that does not measure the task",
    model: `${good}evaluate: { metric: rouge-l }\n`,
    says: /evaluate\.metric: rouge-l does not measure a classification; one of accuracy, macro-f1/,
    code: 2,
  },
  {
    what: "a JSON schema outside extraction",
    model: `${good}evaluate: { jsonSchema: {} }\n`,
    says: /evaluate\.jsonSchema: a JSON schema is for task extraction/,
    code: 2,
  },
  {
    what: "no field for the answer",
    model: replaced(", answer: label", ""),
    says: /data\.fields\.answer: format fields needs to know/,
    code: 2,
  },
  {
    what: "nothing left to train on",
    model: replaced("  labels", "  split: { validation: 0.5, test: 0.5 }\n  labels"),
    says: /data\.split: validation and test take 90 %/,
    code: 2,
  },
  {
    what: "a share above one",
    model: replaced("  labels", "  split: { test: 20 }\n  labels"),
    says: /data\.split\.test: .*\(is 20\)/,
    code: 2,
  },
  {
    what: "a gate margin below zero",
    model: `${good}gate: { minImprovement: -1 }\n`,
    says: /gate\.minImprovement/,
    code: 2,
  },
  {
    what: "a format nobody knows",
    model: replaced("  labels", "  format: parquet\n  labels"),
    says: /data\.format: .*"parquet"/,
    code: 2,
  },
];
