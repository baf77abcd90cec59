import { BASE_MODELS } from "../../core/catalog/base-models.ts";
import { INSTANCES } from "../../core/catalog/instances.ts";
import { planFineTune, type Facts } from "../../core/plan/plan.ts";
import { fineTuneSchema } from "../../core/spec/fine-tune.ts";

export const exampleArchitecture = BASE_MODELS["smollm2-135m"].architecture;

/** A valid model file with every default; `overrides` replaces whole top-level sections. */
export const exampleSpec = (overrides: object = {}) =>
  fineTuneSchema.parse({
    name: "triage",
    task: "classification",
    base: "smollm2-135m",
    data: { source: { file: "x.jsonl" }, fields: { question: "q", answer: "a" }, labels: ["yes", "no"] },
    ...overrides,
  });

const none = { rows: 0, tokens: 0 };

export const exampleFacts: Facts = {
  base: {
    base: {
      id: "smollm2-135m",
      hubId: null,
      revision: null,
      licence: null,
      weights: { kind: "package", package: "p", version: "1", file: "f", sha256: "s" },
    },
    architecture: exampleArchitecture,
    context: 8192,
    entry: null,
  },
  data: {
    sources: [{ path: "/x.jsonl", sha256: "abc", split: "all" }],
    bySplit: { all: { rows: 1000, tokens: 90_000 }, train: none, validation: none, test: none },
    longestRowTokens: 128,
    longestAnswerTokens: 3,
  },
  gpu: null,
  engine: null,
  memoryBytes: 24e9,
  instances: INSTANCES,
  speed: { source: "last run", tokensPerSecond: 200, train: null },
  declaredSpeed: null,
  lastAccuracy: null,
  measuredOn: () => null,
  accuracyOf: () => null,
  runState: () => "new",
  verdictOf: () => null,
  current: null,
};

export const examplePlan = (overrides: object = {}, facts: Partial<Facts> = {}) =>
  planFineTune(exampleSpec(overrides), { ...exampleFacts, ...facts });
