import fc from "fast-check";
import { BASE_MODELS, type BaseModel } from "../../core/catalog/base-models.ts";
import type { Job } from "../../core/plan/job.ts";

const architectures = Object.values<BaseModel>(BASE_MODELS).map(({ architecture }) => architecture);

/** Any job of the catalog's bases. */
export const jobs = fc.record({
  architecture: fc.constantFrom(...architectures),
  method: fc.constantFrom("auto", "lora", "qlora"),
  rank: fc.constantFrom(4, 16, 64),
  targets: fc.constantFrom("all-linear", "attention"),
  lastLayers: fc.constant(null),
  dropout: fc.constantFrom(0, 0.05),
  effectiveBatch: fc.constantFrom(1, 4, 12, 16, 64),
  trainTokens: fc.integer({ min: 1000, max: 100_000_000 }),
  epochs: fc.integer({ min: 1, max: 5 }),
  rowTokens: fc.integer({ min: 16, max: 500 }),
  longestRowTokens: fc.integer({ min: 500, max: 4096 }),
  longestAnswerTokens: fc.integer({ min: 1, max: 400 }),
  testRows: fc.integer({ min: 20, max: 5000 }),
  testTokens: fc.integer({ min: 1000, max: 1_000_000 }),
  newTokens: fc.integer({ min: 1, max: 256 }),
} satisfies { [Key in keyof Job]: fc.Arbitrary<Job[Key]> });

/** Three epochs of half a million tokens on Llama 3.1 8B. */
export const llamaJob: Job = {
  architecture: BASE_MODELS["llama-3.1-8b"].architecture,
  method: "auto",
  rank: 16,
  targets: "all-linear",
  lastLayers: null,
  dropout: 0,
  effectiveBatch: 16,
  trainTokens: 500_000,
  epochs: 3,
  rowTokens: 300,
  longestRowTokens: 1024,
  longestAnswerTokens: 100,
  testRows: 200,
  testTokens: 60_000,
  newTokens: 100,
};
