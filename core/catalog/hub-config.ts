import { z } from "zod";
import type { Architecture } from "./architecture.ts";

const size = z.number().int().positive();
/** What planning reads of a config.json; configs write null for "as usual". */
const configSchema = z.object({
  model_type: z.string().nullish(),
  num_hidden_layers: size,
  hidden_size: size,
  num_attention_heads: size,
  num_key_value_heads: size.nullish(),
  head_dim: size.nullish(),
  intermediate_size: size,
  vocab_size: size,
  tie_word_embeddings: z.boolean().nullish(),
  attention_bias: z.boolean().nullish(),
  use_qkv_bias: z.boolean().nullish(),
  max_position_embeddings: size.nullish(),
});

/** What a model type means that its config.json does not say: transformers' modelling files. */
const FAMILY_TRAITS: Record<string, Partial<Architecture>> = {
  phi3: { isFused: true },
  qwen2: { attentionBias: true },
  qwen3: { headNorms: true },
  gemma: { tiedHead: true },
  gemma2: { tiedHead: true, normsPerLayer: 4 },
  gemma3: { tiedHead: true, normsPerLayer: 4, headNorms: true },
  gemma3_text: { tiedHead: true, normsPerLayer: 4, headNorms: true },
  stablelm: { normsPerLayer: 4 },
};

export interface HubModel {
  architecture: Architecture;
  /** Tokens. */
  context: number;
}

/**
 * Architecture of a decoder from the parsed config.json of its hub repository, or the keys that are missing
 * or wrong. Models with pictures keep the decoder's numbers under `text_config`; their vision part is not
 * counted.
 */
export function fromHubConfig(config: unknown): HubModel | { faults: string[] } {
  const text =
    typeof config === "object" && config !== null && "text_config" in config ? config.text_config : config;
  const parsed = configSchema.safeParse(text);
  if (!parsed.success)
    return { faults: [...new Set(parsed.error.issues.map((issue) => issue.path.join(".")))] };
  const c = parsed.data;
  const architecture: Architecture = {
    layers: c.num_hidden_layers,
    hidden: c.hidden_size,
    heads: c.num_attention_heads,
    keyValueHeads: c.num_key_value_heads ?? c.num_attention_heads,
    headDim: c.head_dim ?? c.hidden_size / c.num_attention_heads,
    intermediate: c.intermediate_size,
    vocabulary: c.vocab_size,
    tiedHead: c.tie_word_embeddings ?? false,
    ...((c.attention_bias ?? c.use_qkv_bias) ? { attentionBias: true } : {}),
    ...FAMILY_TRAITS[c.model_type ?? ""],
  };
  return { architecture, context: c.max_position_embeddings ?? 2048 };
}
