import { z } from "zod";

/**
 * `run.json`: the only thing the Python side sees of a plan. Mirrored by trainer config.py;
 * schema/run.schema.json is generated from here and a test holds the two sides together.
 */
const share = z.number().min(0).max(1);
const dtype = z.enum(["bfloat16", "float32"]);

export const weightsSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("hub") }),
  z.strictObject({
    kind: z.literal("package"),
    package: z.string(),
    version: z.string(),
    file: z.string(),
    sha256: z.string(),
  }),
  z.strictObject({ kind: z.literal("folder"), path: z.string(), digest: z.string() }),
]);

export const baseSchema = z.strictObject({
  id: z.string(),
  hubId: z.string().nullable(),
  revision: z.string().nullable(),
  weights: weightsSchema,
  licence: z.string().nullable(),
});

export const fieldMapSchema = z.strictObject({
  question: z.string().nullable(),
  context: z.string().nullable(),
  answer: z.string().nullable(),
  system: z.string().nullable(),
  id: z.string().nullable(),
  group: z.string().nullable(),
});

export const thresholdsSchema = z.strictObject({
  minTrainRows: z.number().int().min(1),
  minTestRows: z.number().int().min(1),
  maxNearDuplicateShare: share,
  maxLabelConflictShare: share,
  maxLabelImbalance: z.number().min(1),
  maxTruncatedShare: share,
  maxRefusalShare: share,
  personalData: z.enum(["ignore", "warn", "error"]),
  secrets: z.enum(["ignore", "warn", "error"]),
});

export const splitSchema = z.strictObject({ validation: share, test: share, seed: z.string() });

export const dataSchema = z.strictObject({
  digest: z.string(),
  sources: z
    .array(
      z.strictObject({
        path: z.string(),
        sha256: z.string(),
        split: z.enum(["all", "train", "validation", "test"]),
      }),
    )
    .min(1),
  format: z.enum(["fields", "alpaca", "chat", "sharegpt", "prompt-completion", "csv"]),
  fields: fieldMapSchema,
  systemPrompt: z.string().nullable(),
  labels: z.array(z.string()).nullable(),
  split: splitSchema,
  maxRows: z.number().int().positive().nullable(),
  thresholds: thresholdsSchema,
});

export const trainSchema = z.strictObject({
  method: z.enum(["lora", "qlora"]),
  rank: z.number().int().positive(),
  alpha: z.number().int().positive(),
  dropout: share,
  targets: z.enum(["all-linear", "attention"]),
  rslora: z.boolean(),
  lastLayers: z.number().int().positive().nullable(),
  epochs: z.number().positive(),
  learningRate: z.number().positive(),
  scheduler: z.enum(["cosine", "linear", "constant"]),
  warmup: share,
  weightDecay: z.number().min(0),
  maxGradNorm: z.number().positive(),
  microBatch: z.number().int().positive(),
  gradientAccumulation: z.number().int().positive(),
  maxLength: z.number().int().positive(),
  gradientCheckpointing: z.boolean(),
  computeDtype: dtype,
  adapterDtype: dtype,
  seed: z.number().int(),
  checkpointEverySteps: z.number().int().positive(),
  earlyStopPatience: z.number().int().positive().nullable(),
  reportTo: z.enum(["none", "wandb", "mlflow"]),
});

export const METRICS = [
  "accuracy",
  "macro-f1",
  "exact-match",
  "rouge-l",
  "json-valid",
  "schema-valid",
  "field-accuracy",
] as const;

export const evaluateSchema = z.strictObject({
  metric: z.enum(METRICS),
  batchRows: z.number().int().positive(),
  maxNewTokens: z.number().int().positive(),
  maxRows: z.number().int().positive().nullable(),
  bootstrapSamples: z.number().int().positive(),
  confidence: z.number().gt(0).lt(1),
  seed: z.number().int(),
  dtype,
  jsonSchema: z.record(z.string(), z.unknown()).nullable(),
});

export const gateSchema = z.strictObject({
  minImprovement: z.number(),
  maxRegression: z.number().min(0),
  minScore: share.nullable(),
});

export const serveSchema = z.strictObject({
  dtype,
  maxLength: z.number().int().positive(),
  /** Merged where vLLM serves it and has no LoRA for the base. */
  weights: z.enum(["adapter", "merged"]),
});

export const runFileSchema = z.strictObject({
  schemaVersion: z.literal(1),
  runId: z.string(),
  name: z.string(),
  task: z.enum(["classification", "extraction", "generation"]),
  base: baseSchema,
  data: dataSchema,
  train: trainSchema,
  evaluate: evaluateSchema,
  gate: gateSchema,
  serve: serveSchema,
});

export const serverFileSchema = z.strictObject({
  schemaVersion: z.literal(1),
  base: baseSchema,
  host: z.string(),
  port: z.number().int(),
  dtype,
  maxLength: z.number().int().positive(),
  aliasesFile: z.string(),
  maxBatchRows: z.number().int().positive(),
  apiKeyVariable: z.string().nullable(),
});

export type Base = z.infer<typeof baseSchema>;
export type RunFile = z.infer<typeof runFileSchema>;
export type ServerFile = z.infer<typeof serverFileSchema>;

/** `aliases.json` beside server.json: watched by the server. */
export interface AliasesFile {
  schemaVersion: 1;
  aliases: Record<string, { modelId: string; runId: string; adapter: string }>;
}
