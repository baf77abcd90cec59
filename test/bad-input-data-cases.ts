import { replaced, row, rows, type Case } from "./bad-input-cases.ts";

export const dataCases: Case[] = [
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
    model: replaced("fields: { id: id, question: text, answer: label }", "format: alpaca"),
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

const chat = replaced("fields: { id: id, question: text, answer: label }", "format: chat");
const many = (row: object) => Array.from({ length: 100 }, () => JSON.stringify(row)).join("\n");
const asCsv = replaced("  labels", "  format: csv\n  labels");

dataCases.push(
  {
    what: "chats whose messages are no list",
    model: chat,
    data: many({ messages: 5 }),
    says: /rows\.jsonl:1: messages is not a list of messages[^]*:6: 95 more rows like that/,
    code: 3,
  },
  {
    what: "chats without messages",
    model: chat,
    data: many({ messages: null }),
    says: /data\.format: 100 rows .* have nothing in field messages/,
    code: 3,
  },
  {
    what: "a chat whose last message is a number",
    model: chat,
    data: many({ messages: [{ role: "assistant", content: 7 }] }),
    says: /the label "7" is not declared \(100 rows\)/,
    code: 3,
  },
  {
    what: "labels in another case, counted and with the nearest",
    data: Array.from({ length: 100 }, (_, i) => row(i, i % 2 === 0 ? "Spam" : "ham")).join("\n"),
    says: /rows\.jsonl:1: the label "Spam" is not declared \(50 rows\) → did you mean spam\?/,
    code: 3,
  },
  {
    what: "a field that only every object inherits",
    model: replaced("question: text", "question: constructor"),
    says: /data\.fields\.question: 100 rows .* have no field constructor/,
    code: 3,
  },
  {
    what: "questions that are null",
    data: many({ id: "a", text: null, label: "spam" }),
    says: /data\.fields\.question: 100 rows .* have nothing in field text/,
    code: 3,
  },
  {
    what: "one JSON object instead of rows",
    data: JSON.stringify({ rows: [{ a: 1 }] }, null, 2),
    says: /rows\.jsonl: is one JSON object over several lines/,
    code: 3,
  },
  {
    what: "a CSV with two columns of one name",
    model: asCsv,
    data: "id,text,text,label\n1,a,b,spam\n",
    says: /rows\.jsonl:1: has two columns named text/,
    code: 3,
  },
  {
    what: "a CSV separated by semicolons",
    model: asCsv,
    data: "id;text;label\n1;a;spam\n",
    says: /rows\.jsonl:1: separates its columns by `;`/,
    code: 3,
  },
  {
    what: "a CSV with a short row, with its line",
    model: asCsv,
    data: "id,text,label\n1,a\n",
    says: /rows\.jsonl:2: not CSV: .*columns length is 3, got 2/,
    code: 3,
  },
  {
    what: "a package that is not installed",
    model: replaced("{ file: ../data/rows.jsonl }", "{ package: no-such-package, file: a.jsonl }"),
    says: /does not exist → `npm install no-such-package` brings the package/,
    code: 3,
  },
  {
    what: "too few rows of the split that is tested on",
    model: replaced(
      "{ file: ../data/rows.jsonl }",
      "[{ file: ../data/rows.jsonl, split: train }, { file: ../data/test.jsonl, split: test }]",
    ),
    more: { "data/test.jsonl": rows(2) },
    says: /data\.source: 2 rows have split test; testing needs 20/,
    code: 3,
  },
);

export const stackCases: Case[] = [
  {
    what: "a glob that matches nothing",
    stack: { models: "nowhere/*.yaml" },
    says: /Pulumi\.test\.yaml tuneform:models: nowhere\/\*\.yaml matches no file/,
    code: 2,
  },
  {
    what: "a target that is not built",
    stack: { target: "moon" },
    says: /tuneform:target: must be local, kubernetes or aws/,
    code: 2,
  },
  {
    what: "target aws without its block",
    stack: { target: "aws" },
    says: /tuneform:aws: is missing → see Pulumi\.aws\.example\.yaml/,
    code: 2,
  },
  {
    what: "settings of AWS that AWS would refuse, all at once",
    stack: {
      target: "aws",
      aws: JSON.stringify({
        gpu: { ami: "al2", instances: ["g7.2xlarge", "g4dn.xlarge"], purchase: "spoty" },
      }),
    },
    says: /tuneform:aws\.gpu\.ami: must be one of al2023, bottlerocket[^]*tuneform:aws\.gpu\.purchase/,
    code: 2,
  },
  {
    what: "an instance type whose driver no EKS image has",
    stack: { target: "aws", aws: JSON.stringify({ gpu: { instances: ["g7.2xlarge", "g4dn.xlarge"] } }) },
    says: /gpu\.instances\.0: g7\.2xlarge needs a newer driver[^]*gpu\.instances\.1: g4dn\.xlarge has no bf16/,
    code: 2,
  },
  {
    what: "versions of add-ons that nothing would read",
    stack: {
      target: "aws",
      aws: JSON.stringify({
        cluster: { addons: { "core-dns": "v1.13.2-eksbuild.11", "kube-proxy": "v1.35.3-eksbuild.17" } },
        gpu: { nodes: "auto-mode" },
      }),
    },
    says: /Pulumi\.test\.yaml tuneform:aws\.cluster\.addons\.core-dns: is no add-on[^]*one of aws-efs-csi-driver[^]*addons\.kube-proxy: is brought by EKS Auto Mode/,
    code: 2,
  },
  {
    what: "a copy of data in S3 that is another file",
    model: replaced(
      "source: { file: ../data/rows.jsonl }",
      `source: { s3: "s3://team-data/datasets/rows.jsonl", sha256: ${"a".repeat(64)}, copy: ../data/rows.jsonl }`,
    ),
    says: /data\.source: .*rows\.jsonl has sha256 [0-9a-f]{64}, and the object in S3 is said to have aaaa/,
    code: 3,
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
    says: /tuneform:workspce: is not a key of the stack → did you mean workspace\?/,
    code: 2,
  },
  {
    what: "no trainings at a time",
    stack: { parallelism: "0" },
    says: /tuneform:parallelism: must be at least 1/,
    code: 2,
  },
  {
    what: "a port in another notation",
    stack: { port: "0x2000" },
    says: /tuneform:port: must be a whole number/,
    code: 2,
  },
  {
    what: "the workspace of another stack",
    more: { "Pulumi.other.yaml": "config:\n  tuneform:workspace: shared\n" },
    stack: { workspace: "./shared" },
    says: /Pulumi\.test\.yaml tuneform:workspace: .*workspace of Pulumi\.other\.yaml too/,
    code: 2,
  },
  {
    what: "a workspace that is a file",
    stack: { workspace: "models/triage.yaml" },
    says: /tuneform:workspace: .*models\/triage\.yaml is a file, not a folder/,
    code: 7,
  },
  {
    what: "a machine without the memory",
    machine: { memoryBytes: 2e8 },
    says: /triage\.yaml:3 base: training smollm2-135m takes about .* this machine has 0\.2 GB/,
    code: 5,
  },
  {
    what: "a base that is larger than the machine",
    model: replaced("smollm2-135m", "gemma-2-9b"),
    says: /triage\.yaml:3 base: training gemma-2-9b takes about [345]\d.*24\.0 GB → train\.method: qlora/,
    code: 5,
  },
  {
    what: "a disk without room",
    machine: { freeDiskBytes: 1e6 },
    says: /tuneform:workspace: the plan writes up to .* has 0\.0 GB free/,
    code: 7,
  },
];
