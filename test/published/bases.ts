import type { Architecture } from "../../core/catalog/architecture.ts";

const decoder = (
  layers: number,
  hidden: number,
  [heads, keyValueHeads, headDim]: [number, number, number],
  intermediate: number,
  vocabulary: number,
  more: Partial<Architecture> = {},
): Architecture => ({
  layers,
  hidden,
  heads,
  keyValueHeads,
  headDim,
  intermediate,
  vocabulary,
  tiedHead: false,
  ...more,
});

/**
 * Base models of published trainings: the numbers of their config.json on the Hugging Face hub, which give the
 * parameter counts of the model cards.
 */
export const BASES = {
  "Llama 2 7B": decoder(32, 4096, [32, 32, 128], 11008, 32000),
  "Llama 2 13B": decoder(40, 5120, [40, 40, 128], 13824, 32000),
  "Llama 2 70B": decoder(80, 8192, [64, 8, 128], 28672, 32000),
  "Llama 3 8B": decoder(32, 4096, [32, 8, 128], 14336, 128256),
  "Llama 3.2 3B": decoder(28, 3072, [24, 8, 128], 8192, 128256, { tiedHead: true }),
  // litgpt holds embeddings and head apart, though the weights are the same.
  "Llama 3.2 1B, head apart": decoder(16, 2048, [32, 8, 64], 8192, 128256),
  "Llama 3.2 3B, head apart": decoder(28, 3072, [24, 8, 128], 8192, 128256),
  "Mistral 7B": decoder(32, 4096, [32, 8, 128], 14336, 32000),
  "Ministral 8B": decoder(36, 4096, [32, 8, 128], 12288, 131072),
  "Mistral Small 24B": decoder(40, 5120, [32, 8, 128], 32768, 131072),
  "PowerLM 3B": decoder(40, 2304, [36, 36, 64], 9216, 49152, { tiedHead: true }),
  "Qwen 1.8B": decoder(24, 2048, [16, 16, 128], 5504, 151936, { attentionBias: true }),
  "Qwen 7B": decoder(32, 4096, [32, 32, 128], 11008, 151936, { attentionBias: true }),
  "Qwen 14B": decoder(40, 5120, [40, 40, 128], 13696, 152064, { attentionBias: true }),
  "Qwen 3 4B": decoder(36, 2560, [32, 8, 128], 9728, 151936, { tiedHead: true, headNorms: true }),
  "Seed-OSS 36B": decoder(64, 5120, [80, 8, 128], 27648, 155136, { attentionBias: true }),
} satisfies Record<string, Architecture>;

export type Base = keyof typeof BASES;
