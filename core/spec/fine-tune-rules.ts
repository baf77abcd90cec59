import type { z } from "zod";
import { jsonSchemaFaults } from "./json-schema.ts";

const metricsByTask: Record<string, readonly string[]> = {
  classification: ["accuracy", "macro-f1"],
  extraction: ["json-valid", "schema-valid", "exact-match", "field-accuracy"],
  generation: ["rouge-l", "exact-match"],
};

/** What the rules read of a model file whose single fields are all valid. */
interface Checked {
  task: string;
  data: {
    source: { split: string } | { split: string }[];
    labels: string[] | null;
    format: string;
    fields: Record<string, string | null>;
    split: { validation: number; test: number };
    maxRows: number | null;
    thresholds: { minTrainRows: number; minTestRows: number };
  };
  evaluate: { metric: string | null; jsonSchema: unknown };
  serve: { maxLength: number | null };
  train: { maxLength: number };
}

type Issue = (path: string[], message: string) => void;

/** What no single field can say. */
export function crossFieldRules(spec: Checked, context: z.RefinementCtx): void {
  const issue: Issue = (path, message) => context.addIssue({ code: "custom", path, message });
  labelRules(spec, issue);
  fieldRules(spec, issue);
  splitRules(spec, issue);
  evaluationRules(spec, issue);
  if (spec.serve.maxLength !== null && spec.serve.maxLength < 32)
    issue(["serve", "maxLength"], "must leave room for a prompt and an answer: at least 32 tokens");
  if (spec.train.maxLength < 16) issue(["train", "maxLength"], "must be at least 16 tokens");
}

function labelRules({ task, data: { labels } }: Checked, issue: Issue): void {
  const path = ["data", "labels"];
  if (task === "classification" && labels === null) issue(path, "a classification has to declare its labels");
  if (task !== "classification" && labels !== null)
    issue(path, `labels are for task classification, this is ${task}`);
  const seen = new Map<string, string>();
  for (const label of labels ?? []) {
    // As answers are compared: case does not tell labels apart.
    const folded = label.normalize("NFKC").toLowerCase();
    const other = seen.get(folded);
    if (other === label) issue(path, `${label} stands there twice`);
    else if (other !== undefined) issue(path, `${other} and ${label} differ in case only`);
    seen.set(folded, label);
  }
}

function fieldRules({ data: { format, fields } }: Checked, issue: Issue): void {
  const isMapped = ["fields", "csv"].includes(format);
  for (const part of ["question", "answer"])
    if (isMapped && (fields[part] ?? null) === null)
      issue(["data", "fields", part], `format ${format} needs to know which field is the ${part}`);
  for (const part of ["question", "context", "answer", "system"])
    if (!isMapped && (fields[part] ?? null) !== null)
      issue(
        ["data", "fields", part],
        `format ${format} has field names of its own; only id and group are mapped`,
      );
}

function splitRules({ data }: Checked, issue: Issue): void {
  const { validation, test } = data.split;
  const splits = [data.source].flat().map((source) => source.split);
  if (splits.length === 0) return; // a problem of its own
  if (validation + test >= 0.9)
    issue(["data", "split"], "validation and test take 90 % or more: too little is left to train on");
  if (!splits.includes("test") && (test === 0 || !splits.includes("all")))
    issue(["data", "split", "test"], "no rows are left to test on, and the gate needs some");
  if (!splits.includes("train") && !splits.includes("all"))
    issue(["data", "source"], "no source has split train or all: nothing is left to train on");
  const { minTrainRows, minTestRows } = data.thresholds;
  if (data.maxRows !== null && data.maxRows < minTrainRows + minTestRows)
    issue(
      ["data", "maxRows"],
      `must be at least ${minTrainRows + minTestRows}: thresholds ask for ${minTrainRows} rows to train on and ${minTestRows} to test`,
    );
}

function evaluationRules({ task, evaluate }: Checked, issue: Issue): void {
  const metrics = metricsByTask[task] ?? [];
  if (evaluate.metric !== null && !metrics.includes(evaluate.metric))
    issue(
      ["evaluate", "metric"],
      `${evaluate.metric} does not measure a ${task}; one of ${metrics.join(", ")}`,
    );
  if (evaluate.jsonSchema !== null && task !== "extraction")
    issue(["evaluate", "jsonSchema"], `a JSON schema is for task extraction, this is ${task}`);
  if (evaluate.jsonSchema !== null)
    for (const fault of jsonSchemaFaults(evaluate.jsonSchema))
      issue(["evaluate", "jsonSchema"], `is not a JSON schema: ${fault}`);
  if (evaluate.metric === "schema-valid" && evaluate.jsonSchema === null)
    issue(["evaluate", "jsonSchema"], "metric schema-valid needs a JSON schema to check answers against");
}
