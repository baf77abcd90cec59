import { z } from "zod";
import { METRICS } from "./run-file.ts";

/**
 * A model file: one declared fine-tune. Every default is here and nowhere else; descriptions become
 * schema/fine-tune.schema.json, which editors show.
 */
const share = (what: string) => z.number().min(0).max(1).describe(what);
const count = (what: string) => z.number().int().positive().describe(what);

const name = z
  .string()
  .regex(
    /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/,
    "must be lower-case letters, digits and hyphens (it becomes a DNS name)",
  )
  .max(40, "must have at most 40 characters");

const base = z
  .union([
    z.string().describe("id of the catalog, for example smollm2-135m"),
    z
      .strictObject({
        hub: z.string().regex(/^[\w.-]+\/[\w.-]+$/, "must look like owner/name"),
        revision: z
          .string()
          .regex(/^[0-9a-f]{40}$/, "must be a commit hash of 40 hex digits: a branch can move"),
      })
      .describe("any model of the Hugging Face hub, pinned"),
    z
      .strictObject({ folder: z.string() })
      .describe("a local folder in Hugging Face layout, relative to this file"),
  ])
  .describe("the base model");

const sourceSplit = z
  .enum(["all", "train", "validation", "test"])
  .default("all")
  .describe("`all`: rows are split by a hash of their group; else every row belongs to that split");
const source = z.union([
  z.strictObject({ file: z.string().describe("relative to this file"), split: sourceSplit }),
  z.strictObject({
    package: z.string().describe("an npm package of this project"),
    file: z.string().describe("inside the package"),
    split: sourceSplit,
  }),
]);

const field = (what: string) =>
  z.string().min(1).nullable().default(null).describe(`${what}; dots reach into objects`);
const fields = z
  .strictObject({
    question: field("what is asked"),
    context: field("material for the question, put under it"),
    answer: field("what the model has to answer; the label of a classification"),
    system: field("a system prompt of the row's own"),
    id: field("name of the row in reports"),
    group: field("rows of one group never fall into different splits"),
  })
  .prefault({})
  .describe("which field of a row plays which part (formats `fields` and `csv`)");

const thresholds = z
  .strictObject({
    minTrainRows: count("fewer is an error").default(50),
    minTestRows: count("fewer is an error").default(20),
    maxNearDuplicateShare: share("more is a warning").default(0.1),
    maxLabelConflictShare: share("same prompt, different label: more is a warning").default(0.02),
    maxLabelImbalance: z
      .number()
      .min(1)
      .default(10)
      .describe("most frequent label ÷ least frequent; more is a warning"),
    maxTruncatedShare: share("rows longer than train.maxLength: more is a warning").default(0.05),
    maxRefusalShare: share("answers such as `as an AI`: more is a warning").default(0.01),
    personalData: z.enum(["ignore", "warn", "error"]).default("warn"),
    secrets: z.enum(["ignore", "warn", "error"]).default("warn"),
  })
  .prefault({});

const data = z.strictObject({
  source: z.union([source, z.array(source).min(1)]).describe("where the rows are"),
  format: z.enum(["fields", "alpaca", "chat", "sharegpt", "prompt-completion", "csv"]).default("fields"),
  fields,
  systemPrompt: z
    .string()
    .min(1)
    .nullable()
    .default(null)
    .describe("sent before every question; applications send it too"),
  labels: z.array(z.string().min(1)).min(2, "must name at least two labels").nullable().default(null),
  split: z
    .strictObject({
      validation: share("of the groups").default(0.1),
      test: share("of the groups").default(0.2),
      seed: z.string().default("tuneform").describe("another seed is another split"),
    })
    .prefault({}),
  maxRows: count("take this many rows, by hash order").nullable().default(null),
  thresholds,
});

const train = z
  .strictObject({
    method: z
      .enum(["auto", "lora", "qlora"])
      .default("auto")
      .describe("auto: 16-bit LoRA where it fits, else QLoRA"),
    rank: count("of the adapter matrices").max(512).default(16),
    alpha: count("scale of the adapter is alpha ÷ rank; default 2 × rank").nullable().default(null),
    dropout: share("of the adapter's inputs").default(0),
    targets: z.enum(["all-linear", "attention"]).default("all-linear"),
    rslora: z.boolean().default(false).describe("scale by alpha ÷ √rank"),
    lastLayers: count("adapt only the last n layers").nullable().default(null),
    epochs: z.number().positive().max(100).default(3),
    learningRate: z.number().positive().max(1).default(2e-4),
    scheduler: z.enum(["cosine", "linear", "constant"]).default("cosine"),
    warmup: share("of all steps").default(0.05),
    weightDecay: z.number().min(0).default(0.01),
    maxGradNorm: z.number().positive().default(1),
    effectiveBatch: count("sequences an optimizer step").default(16),
    maxLength: count("tokens of a row").default(1024),
    seed: z.number().int().default(42),
    checkpointEverySteps: count("optimizer steps").default(20),
    earlyStopPatience: count("validations without improvement; null: never").nullable().default(2),
    reportTo: z.enum(["none", "wandb", "mlflow"]).default("none"),
  })
  .prefault({});

const evaluate = z
  .strictObject({
    metric: z
      .enum(METRICS)
      .nullable()
      .default(null)
      .describe("default by task: accuracy, field-accuracy or rouge-l"),
    maxRows: count("test rows to score").nullable().default(null),
    maxNewTokens: count("of a generated answer").nullable().default(null),
    bootstrapSamples: count("resamples of the paired bootstrap").min(100).default(10_000),
    confidence: z.number().gt(0.5).lt(1).default(0.95),
    seed: z.number().int().default(42),
    jsonSchema: z.record(z.string(), z.unknown()).nullable().default(null).describe("for task extraction"),
  })
  .prefault({});

const gate = z
  .strictObject({
    minImprovement: z.number().min(0).max(1).default(0.02).describe("over the base, in units of the metric"),
    maxRegression: z.number().min(0).max(1).default(0.02).describe("under the model that serves today"),
    minScore: share("absolute floor").nullable().default(null),
  })
  .prefault({});

export const fineTuneSchema = z
  .strictObject({
    name: name.describe("the alias that applications call"),
    description: z.string().default(""),
    owner: z.string().default(""),
    task: z.enum(["classification", "extraction", "generation"]),
    base,
    data,
    train,
    evaluate,
    gate,
    serve: z
      .strictObject({ maxLength: count("tokens of prompt and answer").nullable().default(null) })
      .prefault({}),
    compute: z
      .strictObject({
        maxHours: z.number().positive().nullable().default(null),
        maxUsd: z.number().positive().nullable().default(null),
      })
      .prefault({}),
    economics: z
      .strictObject({
        requestsPerDay: z.number().positive().nullable().default(null),
        apiUsdPerMillionTokens: z.number().positive().nullable().default(null),
      })
      .prefault({}),
  })
  .superRefine(crossFieldRules);

/** A validated model file with every default filled in. */
export type FineTuneSpec = z.infer<typeof fineTuneSchema>;

const metricsByTask: Record<string, readonly string[]> = {
  classification: ["accuracy", "macro-f1"],
  extraction: ["json-valid", "schema-valid", "exact-match", "field-accuracy"],
  generation: ["rouge-l", "exact-match"],
};

interface Checked {
  task: string;
  data: {
    labels: string[] | null;
    format: string;
    fields: Record<string, string | null>;
    split: { validation: number; test: number };
  };
  evaluate: { metric: string | null; jsonSchema: unknown };
  serve: { maxLength: number | null };
  train: { maxLength: number };
}

/** What no single field can say. */
function crossFieldRules(spec: Checked, context: z.RefinementCtx): void {
  const issue = (path: string[], message: string) => context.addIssue({ code: "custom", path, message });
  const { task, data, evaluate } = spec;
  if (task === "classification" && data.labels === null)
    issue(["data", "labels"], "a classification has to declare its labels");
  if (task !== "classification" && data.labels !== null)
    issue(["data", "labels"], `labels are for task classification, this is ${task}`);
  const repeated = (data.labels ?? []).filter((label, i, all) => all.indexOf(label) !== i);
  if (repeated.length > 0) issue(["data", "labels"], `${repeated.join(", ")} stands there twice`);
  if (["fields", "csv"].includes(data.format))
    for (const part of ["question", "answer"])
      if ((data.fields[part] ?? null) === null)
        issue(["data", "fields", part], `format ${data.format} needs to know which field is the ${part}`);
  if (data.split.validation + data.split.test >= 0.9)
    issue(["data", "split"], "validation and test take 90 % or more: too little is left to train on");
  const metrics = metricsByTask[task] ?? [];
  if (evaluate.metric !== null && !metrics.includes(evaluate.metric))
    issue(
      ["evaluate", "metric"],
      `${evaluate.metric} does not measure a ${task}; one of ${metrics.join(", ")}`,
    );
  if (evaluate.jsonSchema !== null && task !== "extraction")
    issue(["evaluate", "jsonSchema"], `a JSON schema is for task extraction, this is ${task}`);
  if (spec.serve.maxLength !== null && spec.serve.maxLength < 32)
    issue(["serve", "maxLength"], "must leave room for a prompt and an answer: at least 32 tokens");
  if (spec.train.maxLength < 16) issue(["train", "maxLength"], "must be at least 16 tokens");
}
