import { z } from "zod";
import type { Architecture } from "./architecture.ts";
import { FAMILIES, type Family } from "./hub-families.ts";

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
  sliding_window: size.nullish(),
  sliding_window_pattern: size.nullish(),
  layer_types: z.array(z.string()).nullish(),
});
type Config = z.infer<typeof configSchema>;

/** The picture part of a Gemma 3: a SigLIP tower without a head. */
const visionSchema = z.object({
  hidden_size: size,
  image_size: size,
  intermediate_size: size,
  num_hidden_layers: size,
  patch_size: size,
});

/** Experts beside each other: each token passes some of them, which no formula of the planner knows. */
const EXPERT_KEYS = ["num_local_experts", "num_experts", "n_routed_experts"];

export interface HubModel {
  architecture: Architecture;
  /** Tokens. */
  context: number;
  /** As config.json names it; null where it does not. */
  modelType: string | null;
  /** Its parameters are counted with what this family's code adds to config.json. */
  isKnownFamily: boolean;
}

/**
 * Architecture of a decoder from the parsed config.json of its hub repository, or the keys that are missing
 * or wrong. Models with pictures keep the decoder's numbers under `text_config`; of their vision parts only
 * Gemma 3's is counted.
 */
export function fromHubConfig(config: unknown): HubModel | { faults: string[] } {
  const whole = asRecord(config);
  const text = asRecord(whole.text_config ?? config);
  const named = text.model_type ?? whole.model_type;
  const modelType = typeof named === "string" ? named : null;
  const family = modelType !== null && Object.hasOwn(FAMILIES, modelType) ? FAMILIES[modelType] : undefined;
  const parsed = configSchema.safeParse({ ...family?.defaults, ...withoutNulls(text) });
  const experts = EXPERT_KEYS.filter((key) => typeof text[key] === "number" && text[key] > 1);
  if (!parsed.success || experts.length > 0) {
    const wrong = parsed.error?.issues.map((issue) => issue.path.join(".")) ?? [];
    return { faults: [...new Set([...wrong, ...experts])] };
  }
  const c = parsed.data;
  const vision = visionOf(whole.vision_config, c.hidden_size, family);
  const headDim = c.head_dim ?? c.hidden_size / c.num_attention_heads;
  const keyValueHeads = c.num_key_value_heads ?? c.num_attention_heads;
  if (!Number.isInteger(headDim)) return { faults: ["hidden_size", "num_attention_heads"] };
  if (c.num_attention_heads % keyValueHeads !== 0) return { faults: ["num_key_value_heads"] };
  const architecture: Architecture = {
    layers: c.num_hidden_layers,
    hidden: c.hidden_size,
    heads: c.num_attention_heads,
    keyValueHeads,
    headDim,
    intermediate: c.intermediate_size,
    vocabulary: c.vocab_size,
    tiedHead: c.tie_word_embeddings ?? false,
    ...((c.attention_bias ?? c.use_qkv_bias) ? { attentionBias: true } : {}),
    ...family?.traits,
    ...windowOf(c, family),
    ...vision,
  };
  // Pictures that another family looks at have parameters that are not counted here.
  const isWhole = whole.vision_config == null || vision.visionParameters !== undefined;
  const context = c.max_position_embeddings ?? 2048;
  return { architecture, context, modelType, isKnownFamily: family !== undefined && isWhole };
}

const asRecord = (value: unknown): Record<string, unknown> =>
  typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};

const withoutNulls = (record: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(record).filter(([, value]) => value !== null));

/** Newer configs list the layers; older ones, and those that leave it out, alternate as the family does. */
function windowOf(c: Config, family: Family | undefined): Pick<Architecture, "slidingWindow"> {
  if (family?.fullEvery === undefined || c.sliding_window == null) return {};
  const listed = (c.layer_types ?? []).indexOf("full_attention") + 1;
  const fullEvery = listed > 0 ? listed : (c.sliding_window_pattern ?? family.fullEvery);
  return { slidingWindow: { tokens: c.sliding_window, fullEvery } };
}

/** SigLIP's matrices, biases, norms and positions, and the projector into a decoder of this width. */
function visionOf(
  vision: unknown,
  width: number,
  family: Family | undefined,
): Pick<Architecture, "visionParameters"> {
  const parsed = visionSchema.safeParse(vision);
  if (!parsed.success || !family?.seesWithSiglip) return {};
  const { hidden_size: h, intermediate_size: m, num_hidden_layers, patch_size, image_size } = parsed.data;
  const attention = 4 * (h * h + h);
  const feedForward = 2 * h * m + m + h;
  const norms = 4 * h;
  const patches = 3 * patch_size ** 2 * h + h;
  const positions = Math.floor(image_size / patch_size) ** 2 * h;
  const tower = patches + positions + num_hidden_layers * (attention + feedForward + norms) + 2 * h;
  const projector = h * width + h;
  return { visionParameters: tower + projector };
}
