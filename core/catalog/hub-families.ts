import type { Architecture } from "./architecture.ts";

/** What a `model_type` means that its config.json does not say. */
export interface Family {
  /** Keys that configs of the family leave out where they are these. */
  defaults?: Record<string, number | boolean>;
  /** What the family's code does whatever its config says. */
  traits?: Partial<Architecture>;
  /** Every n-th layer attends to the whole context, the others to `sliding_window`. */
  fullEvery?: number;
  /** A `vision_config` beside it is a SigLIP tower with a projector. */
  seesWithSiglip?: boolean;
}

const GEMMA3: Family = {
  defaults: {
    vocab_size: 262208,
    num_attention_heads: 8,
    num_key_value_heads: 4,
    head_dim: 256,
    max_position_embeddings: 131072,
    sliding_window: 4096,
  },
  traits: { tiedHead: true, normsPerLayer: 4, headNorms: true },
  fullEvery: 6,
  seesWithSiglip: true,
};

/**
 * Families whose parameters are counted exactly, by `model_type`. Defaults and traits: the configuration
 * and modelling files of transformers 5.19.
 */
export const FAMILIES: Record<string, Family> = {
  llama: { defaults: { max_position_embeddings: 2048 } },
  mistral: { defaults: { num_key_value_heads: 8, max_position_embeddings: 131072 } },
  phi3: { defaults: { max_position_embeddings: 4096 }, traits: { isFused: true } },
  qwen2: { defaults: { max_position_embeddings: 32768 }, traits: { attentionBias: true } },
  qwen3: { defaults: { head_dim: 128, max_position_embeddings: 32768 }, traits: { headNorms: true } },
  gemma: { defaults: { head_dim: 256, max_position_embeddings: 8192 }, traits: { tiedHead: true } },
  gemma2: {
    defaults: { head_dim: 256, max_position_embeddings: 8192, sliding_window: 4096 },
    traits: { tiedHead: true, normsPerLayer: 4 },
    fullEvery: 2,
  },
  gemma3: GEMMA3,
  gemma3_text: GEMMA3,
  smollm3: {
    defaults: { num_key_value_heads: 4, tie_word_embeddings: true, max_position_embeddings: 32768 },
  },
  stablelm: { defaults: { max_position_embeddings: 4096 }, traits: { normsPerLayer: 4 } },
};

/** `model_type`s that vLLM has a class of its own for, and whether that one has LoRA: of vLLM 0.32, by test/vllm. */
export const VLLM_LORA: Record<string, boolean> = {
  llama: true,
  mistral: true,
  phi: true,
  phi3: true,
  gemma: true,
  gemma2: true,
  gemma3: true,
  gemma3_text: true,
  qwen2: true,
  qwen3: true,
  granite: true,
  smollm3: true,
  olmo: true,
  olmo2: true,
  olmo3: true,
  opt: true,
  starcoder2: true,
  gpt_neox: true,
  stablelm: false,
  gpt2: false,
  falcon: false,
  bloom: false,
  gemma3n: false,
  gemma3n_text: false,
  mamba: false,
};

/** Does vLLM serve adapters of a `model_type`? null where it is not known. */
export const vllmLoraOf = (modelType: string | null): boolean | null =>
  modelType === null ? null : (VLLM_LORA[modelType] ?? null);
