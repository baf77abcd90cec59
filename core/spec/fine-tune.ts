import { z } from "zod";
import { crossFieldRules } from "./fine-tune-rules.ts";
import { ENGINES } from "./kubernetes.ts";
import { METRICS } from "./run-file.ts";

/**
 * A model file: one declared fine-tune. Every default is here and nowhere else; descriptions become
 * schema/fine-tune.schema.json, which editors show.
 */
const share = (what: string) => z.number().min(0).max(1).describe(`share 0..1: ${what}`);
const count = (what: string) => z.number().int().positive().describe(what);
/** May be left out; the description moves to where editors look for it. */
const orNull = <T extends z.ZodType>(schema: T) =>
  schema
    .nullable()
    .default(null)
    .describe(schema.description ?? "");
/** numpy, which transformers seeds too, takes no other. */
const seed = (what: string) =>
  z
    .number()
    .int()
    .min(0)
    .max(2 ** 32 - 1)
    .default(42)
    .describe(what);

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
        hub: z
          .string()
          .regex(/^[\w.-]+\/[\w.-]+$/, "must look like owner/name")
          .describe("owner/name on the hub"),
        revision: z
          .string()
          .regex(/^[0-9a-f]{40}$/, "must be a commit hash of 40 hex digits: a branch can move")
          .describe("commit hash of 40 hex digits"),
      })
      .describe("any model of the Hugging Face hub, pinned"),
    z
      .strictObject({ folder: z.string().min(1).describe("relative to this file") })
      .describe("a local folder in Hugging Face layout"),
  ])
  .describe("the base model");

const sourceSplit = z
  .enum(["all", "train", "validation", "test"])
  .default("all")
  .describe("`all`: rows are split by a hash of their group; else every row belongs to that split");
const source = z.union([
  z.strictObject({ file: z.string().min(1).describe("relative to this file"), split: sourceSplit }),
  z.strictObject({
    package: z
      .string()
      .regex(/^(@[\w.-]+\/)?\w[\w.-]*$/, "must be the name of an npm package")
      .describe("an npm package of this project"),
    file: z
      .string()
      .min(1)
      .refine((file) => !file.split("/").includes(".."), "must stay inside the package")
      .describe("inside the package"),
    split: sourceSplit,
  }),
  z.strictObject({
    s3: z
      .string()
      .refine((uri) => !/[?&]versionId=/i.test(uri), {
        abort: true,
        message:
          "names a version, which a mounted bucket cannot read → leave ?versionId=… out: sha256 pins what is " +
          "in the object, and any other content is refused",
      })
      .regex(
        // No `*`, which a policy would read as "all"; no empty, `.` or `..` segment, which a mounted bucket cannot show.
        /^s3:\/\/[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]\/datasets(\/(?!\.{1,2}(\/|$))[\w!.'()-]+)+$/,
        "must be s3://<bucket>/datasets/<key>, of letters, digits and !.'()-_",
      )
      .describe("an object in the bucket of a stack on AWS"),
    sha256: z
      .string()
      .regex(/^[0-9a-f]{64}$/, "must be 64 hex digits, as sha256sum prints them")
      .describe("of the object: another one is refused"),
    copy: z
      .string()
      .min(1)
      .describe("the same file, relative to this one: a plan is made from rows and asks no cloud"),
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
    minTrainRows: count("rows; fewer is an error").default(50),
    minTestRows: count("rows; fewer is an error").default(20),
    maxNearDuplicateShare: share("rows that are nearly another one: more is a warning").default(0.1),
    maxLabelConflictShare: share("same prompt, different label: more is a warning").default(0.02),
    maxLabelImbalance: z
      .number()
      .min(1)
      .default(10)
      .describe("most frequent label ÷ least frequent; more is a warning"),
    maxTruncatedShare: share("rows longer than train.maxLength: more is a warning").default(0.05),
    maxRefusalShare: share("answers such as `as an AI`: more is a warning").default(0.01),
    personalData: z.enum(["ignore", "warn", "error"]).default("warn").describe("what finding some leads to"),
    secrets: z
      .enum(["ignore", "warn", "error"])
      .default("warn")
      .describe("what finding keys or passwords leads to"),
  })
  .prefault({})
  .describe("when a finding about the data becomes a warning or an error");

const label = z
  .string()
  .min(1, "must not be empty")
  .refine((text) => text === text.trim(), "must not begin or end with white space");

const data = z.strictObject({
  source: z.union([source, z.array(source).min(1, "must name at least one")]).describe("where the rows are"),
  format: z
    .enum(["fields", "alpaca", "chat", "sharegpt", "prompt-completion", "csv"])
    .default("fields")
    .describe("what a row looks like: see docs/spec.md"),
  fields,
  systemPrompt: z
    .string()
    .min(1)
    .nullable()
    .default(null)
    .describe("sent before every question; applications send it too"),
  labels: z
    .array(label)
    .min(2, "must name at least two labels")
    .nullable()
    .default(null)
    .describe("the closed set of answers of a classification"),
  split: z
    .strictObject({
      validation: share("of the groups, to notice overfitting").default(0.1),
      test: share("of the groups, for the gate").default(0.2),
      seed: z.string().default("tuneform").describe("another seed is another split"),
    })
    .prefault({})
    .describe("how rows of sources with split `all` are divided; the rest is trained on"),
  maxRows: orNull(count("take this many rows, by hash order; null: all")),
  thresholds,
});

const train = z
  .strictObject({
    method: z
      .enum(["auto", "lora", "qlora"])
      .default("auto")
      .describe("auto: 16-bit LoRA where it fits, else QLoRA"),
    rank: count("of the adapter matrices").max(512).default(16),
    alpha: orNull(count("scale of the adapter is alpha ÷ rank; null: 2 × rank")),
    dropout: share("of the adapter's inputs").default(0),
    targets: z
      .enum(["all-linear", "attention"])
      .default("all-linear")
      .describe("which matrices get an adapter"),
    rslora: z.boolean().default(false).describe("scale by alpha ÷ √rank"),
    lastLayers: orNull(count("adapt only the last n layers; null: all")),
    epochs: z.number().positive().max(100).default(3).describe("passes over the training rows"),
    learningRate: z.number().positive().max(1).default(2e-4).describe("at its peak"),
    scheduler: z
      .enum(["cosine", "linear", "constant"])
      .default("cosine")
      .describe("course of the learning rate"),
    warmup: share("of all steps, over which the learning rate rises").default(0.05),
    weightDecay: z.number().min(0).default(0.01).describe("of AdamW"),
    maxGradNorm: z.number().positive().default(1).describe("longer gradients are cut to this length"),
    effectiveBatch: count("sequences an optimizer step").default(16),
    maxLength: count("tokens of a row; longer rows are truncated and counted").default(1024),
    seed: seed("of weights, order and dropout"),
    checkpointEverySteps: count("optimizer steps").default(20),
    earlyStopPatience: orNull(count("validations without improvement; null: never")).default(2),
    reportTo: z.enum(["none", "wandb", "mlflow"]).default("none").describe("where metrics go beside the run"),
  })
  .prefault({})
  .describe("how the adapter is trained; the whole section is optional");

const evaluate = z
  .strictObject({
    metric: z
      .enum(METRICS)
      .nullable()
      .default(null)
      .describe("what the gate looks at; null: accuracy, field-accuracy or rouge-l, by task"),
    maxRows: orNull(count("test rows to score; null: all")),
    maxNewTokens: orNull(count("tokens of a generated answer; null: by task")),
    bootstrapSamples: count("resamples of the paired bootstrap").min(100).default(10_000),
    confidence: z.number().gt(0.5).lt(1).default(0.95).describe("of the interval, 0.5..1"),
    seed: seed("of the bootstrap"),
    jsonSchema: z
      .record(z.string(), z.unknown())
      .nullable()
      .default(null)
      .describe("what an answer of task extraction has to satisfy"),
  })
  .prefault({})
  .describe("how base and tuned model are compared");

const gate = z
  .strictObject({
    minImprovement: share("over the base, in units of the metric").default(0.02),
    maxRegression: share("under the model that serves today, in units of the metric").default(0.02),
    minScore: orNull(share("absolute floor, in units of the metric; null: none")),
  })
  .prefault({})
  .describe("what a run has to reach to be served");

const compute = z
  .strictObject({
    maxHours: z.number().positive().nullable().default(null).describe("hours a training may take"),
    maxUsd: z.number().positive().nullable().default(null).describe("US dollars a training may cost"),
  })
  .prefault({})
  .describe("limits");

const economics = z
  .strictObject({
    requestsPerDay: z.number().positive().nullable().default(null).describe("expected"),
    apiUsdPerMillionTokens: z
      .number()
      .positive()
      .nullable()
      .default(null)
      .describe("US dollars, of the API that the fine-tune would replace"),
    dataChanges: z
      .enum(["rarely", "monthly", "weekly", "daily"])
      .default("rarely")
      .describe("how often what has to be known changes, so that it is trained again"),
    scope: z
      .enum(["narrow", "broad-knowledge", "open-ended"])
      .default("narrow")
      .describe("one task with clear answers, knowledge of the world, or free creation"),
    commercial: z.boolean().default(true).describe("licences that forbid or restrict it are named"),
  })
  .prefault({})
  .describe("what the fine-tune is compared with");

export const fineTuneSchema = z
  .strictObject({
    name: name.describe("the alias that applications call; at most 40 characters"),
    description: z.string().default("").describe("for people"),
    owner: z.string().default("").describe("person or team"),
    task: z.enum(["classification", "extraction", "generation"]).describe("decides metrics and checks"),
    base,
    data: data.describe("the examples"),
    train,
    evaluate,
    gate,
    serve: z
      .strictObject({
        maxLength: orNull(
          count("tokens of prompt and answer together; null: 2048, or train.maxLength if longer"),
        ),
        engine: z
          .enum(["auto", ...ENGINES])
          .default("auto")
          .describe("on a cluster: vLLM or the trainer's own server; auto: what the stack takes"),
      })
      .prefault({})
      .describe("how it is served"),
    compute,
    economics,
  })
  .superRefine(crossFieldRules);

/** A validated model file with every default filled in. */
export type FineTuneSpec = z.infer<typeof fineTuneSchema>;
