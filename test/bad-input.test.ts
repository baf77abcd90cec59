import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { InvalidInput } from "../core/spec/problems.ts";
import { parseStackConfig } from "../core/spec/stack.ts";
import { loadStackPlan } from "../loading/stack-plan.ts";
import type { MachineFacts } from "../loading/machine.ts";

const machine: MachineFacts = { memoryBytes: 24e9, freeDiskBytes: 1e12, flopsPerSecond: () => 1e11 };

/** A model file that is right; cases replace a line of it. */
const good = `name: triage
task: classification
base: smollm2-135m
data:
  source: { file: ../data/rows.jsonl }
  fields: { id: id, question: text, answer: label }
  labels: [spam, ham]
train:
  rank: 8
`;
const row = (i: number, label = i % 2 === 0 ? "spam" : "ham") =>
  JSON.stringify({ id: `r${i}`, text: `words ${i}`, label });
const rows = (count: number, label?: string) =>
  Array.from({ length: count }, (_, i) => row(i, label)).join("\n");

interface Case {
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
const replaced = (from: string, to: string) => good.replace(from, to);

const specCases: Case[] = [
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

const dataCases: Case[] = [
  {
    what: "a data file that is not there",
    data: null,
    says: /triage\.yaml:5 data\.source: data\/rows\.jsonl does not exist/,
    code: 3,
  },
  {
    what: "a folder as data",
    model: replaced("../data/rows.jsonl", "../data"),
    says: /data\.source: data is a folder/,
    code: 3,
  },
  { what: "an empty data file", data: "", says: /data\/rows\.jsonl is empty/, code: 3 },
  { what: "one row", data: rows(1), says: /rows\.jsonl has 1 rows; training needs 50/, code: 3 },
  {
    what: "a binary data file",
    data: Buffer.from([0x50, 0x4b, 3, 4, 0, 0, 0]),
    says: /is binary or UTF-16/,
    code: 3,
  },
  {
    what: "a Latin-1 data file",
    data: Buffer.concat([Buffer.from(rows(100)), Buffer.from([0xe9])]),
    says: /is not UTF-8/,
    code: 3,
  },
  {
    what: "a broken JSON line, with its number",
    data: `${rows(3)}\n{"id": \n${rows(2)}`,
    says: /data\/rows\.jsonl:4: is not a JSON object/,
    code: 3,
  },
  {
    what: "CSV where JSON Lines is declared",
    data: "id,text,label\n1,a,spam\n",
    says: /rows\.jsonl:1: is not a JSON object.*data\.format: csv/,
    code: 3,
  },
  { what: "a broken JSON array", data: "[{}, ", says: /data\/rows\.jsonl: not JSON/, code: 3 },
  { what: "numbers instead of rows", data: "[1, 2]", says: /item 1 is not an object/, code: 3 },
  {
    what: "a mapped field that no row has, with the nearest",
    model: replaced("question: text", "question: test"),
    says: /data\.fields\.question: 100 rows .* have no field test .*did you mean text\?/,
    code: 3,
  },
  {
    what: "a CSV without a mapped column",
    model: replaced("  labels", "  format: csv\n  labels"),
    data: "id,text,lable\n1,a,spam\n",
    says: /data\.fields\.answer: .*no field label.*did you mean lable\?/,
    code: 3,
  },
  {
    what: "rows of another format",
    model: replaced("  labels", "  format: alpaca\n  labels"),
    says: /data\.format: .*no field instruction/,
    code: 3,
  },
  {
    what: "a label that is not declared, with its line",
    data: `${rows(99)}\n${row(99, "offer")}`,
    says: /rows\.jsonl:100: the label "offer" is not declared → data\.labels has spam, ham/,
    code: 3,
  },
  {
    what: "a declared label without rows",
    model: replaced("[spam, ham]", "[spam, ham, offer]"),
    says: /triage\.yaml:7 data\.labels: no row .* has the label offer/,
    code: 3,
  },
  {
    what: "all rows of one label",
    data: rows(100, "ham"),
    says: /data\.labels: all rows .* have the label ham/,
    code: 3,
  },
  {
    what: "an id twice, with both lines",
    data: `${rows(100)}\n${row(4)}`,
    says: /rows\.jsonl:101: the id r4 stands in line 5 too/,
    code: 3,
  },
];

const stackCases: Case[] = [
  {
    what: "a glob that matches nothing",
    stack: { models: "nowhere/*.yaml" },
    says: /Pulumi\.test\.yaml tuneform:models: nowhere\/\*\.yaml matches no file/,
    code: 2,
  },
  {
    what: "a target that is not built",
    stack: { target: "moon" },
    says: /tuneform:target: `local` is the target that is built/,
    code: 2,
  },
  {
    what: "a port that is no number",
    stack: { port: "http" },
    says: /tuneform:port: must be a whole number/,
    code: 2,
  },
  {
    what: "a port that needs root",
    stack: { port: "80" },
    says: /tuneform:port: ports below 1024 need root/,
    code: 2,
  },
  {
    what: "an unknown key of the stack",
    stack: { workspce: "x" },
    says: /tuneform:workspce: is not a key of the stack/,
    code: 2,
  },
  {
    what: "no trainings at a time",
    stack: { parallelism: "0" },
    says: /tuneform:parallelism: must be at least 1/,
    code: 2,
  },
  {
    what: "a disk without room",
    machine: { freeDiskBytes: 1e6 },
    says: /tuneform:workspace: the plan writes up to .* has 0\.0 GB free/,
    code: 7,
  },
];

let root: string;
beforeEach(() => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), "tuneform-input-"));
  for (const folder of ["models", "data"]) fs.mkdirSync(path.join(root, folder));
});
afterEach(() => fs.rmSync(root, { recursive: true, force: true }));

async function load({
  model = good,
  data = rows(100),
  stack = {},
  machine: facts = {},
}: Partial<Case>): Promise<InvalidInput> {
  fs.writeFileSync(path.join(root, "models", "triage.yaml"), model);
  if (data !== null) fs.writeFileSync(path.join(root, "data", "rows.jsonl"), data);
  try {
    const config = parseStackConfig({ port: "1024", ...stack }, "Pulumi.test.yaml");
    await loadStackPlan({ root, config, stack: "test", machine: { ...machine, ...facts } });
  } catch (error) {
    if (error instanceof InvalidInput) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

describe("bad input is refused with file, field and what to do, and leaves nothing behind", () => {
  it.each([...specCases, ...dataCases, ...stackCases])("$what", async (bad) => {
    const error = await load(bad);
    expect(error.message).toMatch(bad.says);
    expect(error.exitCode).toBe(bad.code);
    expect(fs.readdirSync(root).sort()).toEqual(["data", "models"]);
  });

  it("has at least 40 cases", () => {
    expect(specCases.length + dataCases.length + stackCases.length).toBeGreaterThanOrEqual(40);
  });

  it("a port that another program holds", async () => {
    const other = net.createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => other.once("listening", resolve));
    const { port } = other.address() as net.AddressInfo;
    const error = await load({ stack: { port: String(port) } });
    other.close();
    expect(error.message).toMatch(new RegExp(`tuneform:port: port ${port} on 127\\.0\\.0\\.1 is taken`));
    expect(error.exitCode).toBe(9);
  });

  it("a name that two files have", async () => {
    fs.writeFileSync(path.join(root, "models", "other.yaml"), good);
    expect((await load({})).message).toMatch(
      /triage\.yaml:1 name: triage is the name of models\/other\.yaml too/,
    );
  });

  it("everything at once: all problems of all files in one answer", async () => {
    fs.writeFileSync(
      path.join(root, "models", "other.yaml"),
      replaced("task: classification", "task: poetry"),
    );
    const { problems } = await load({ model: replaced("rank: 8", "rank: 0\n  epochs: -1\n  speed: 3") });
    expect(problems.map(({ file, path: field }) => `${file} ${field ?? ""}`).sort()).toEqual([
      "models/other.yaml task",
      "models/triage.yaml train.epochs",
      "models/triage.yaml train.rank",
      "models/triage.yaml train.speed",
    ]);
  });
});
