import {
  adapterParameters,
  keyValueBytes,
  parameterCount,
  type Architecture,
} from "../catalog/architecture.ts";
import type { Gpu } from "../catalog/gpus.ts";
import { bytes, type Bytes } from "./units.ts";

/** Ranks that vLLM has slots for (vllm/config/lora.py). */
const SLOT_RANKS = [1, 8, 16, 32, 64, 128, 256, 320, 512] as const;
export const LARGEST_SLOT_RANK: number = Math.max(...SLOT_RANKS);

/** vLLM's --max-lora-rank for adapters of these ranks. Throws RangeError above 512. */
export function slotRank(ranks: readonly number[]): number {
  // Merged weights: no slot, whatever its rank would be.
  if (ranks.length === 0) return SLOT_RANKS[0];
  const largest = Math.max(...ranks);
  const slot = SLOT_RANKS.find((rank) => rank >= largest);
  if (slot === undefined)
    throw new RangeError(`vLLM serves ranks up to ${LARGEST_SLOT_RANK}, not ${largest}`);
  return slot;
}

export interface ServingMemory {
  /** --max-lora-rank. */
  maxLoraRank: number;
  /** --max-loras. */
  slots: number;
  /** --max-model-len. */
  maxModelLength: number;
  /** Requests of that length at a time. */
  concurrency: number;
  breakdown: Record<"weights" | "slots" | "activations" | "keyValues", Bytes>;
  /** One more fine-tune of the same base on the server: a slot. */
  oneMoreBytes: Bytes;
}

/** vLLM's default --gpu-memory-utilization. */
export const UTILISATION = 0.92;
/** Activations, CUDA graphs and what else vLLM counts: unverified, a published log of a 7B shows 2.5 GB. */
const ACTIVATION_BYTES = 2.5e9;
/** vLLM's KV cache block. */
const BLOCK_TOKENS = 16;

/** Tokens; below them a server is of no use. */
const SHORTEST_CONTEXT = 256;
/** vLLM's --max-num-batched-tokens on a GPU below 70 GiB: a window may hold as many more while it is filled. */
const BATCHED_TOKENS = 2048;

/**
 * Bytes of the cache that a request of so many tokens takes, in 16 bits. Layers with a sliding window keep no
 * more than the window and what is computed at a time, and a block (vLLM `v1/kv_cache_interface.py`).
 */
export function requestBytes(a: Architecture, requestTokens: number): Bytes {
  const blocks = (count: number) => Math.ceil(count / BLOCK_TOKENS) * BLOCK_TOKENS;
  const perLayer = keyValueBytes(a) / a.layers;
  const { slidingWindow } = a;
  if (slidingWindow === undefined) return bytes(perLayer * a.layers * blocks(requestTokens));
  const full = Math.floor(a.layers / slidingWindow.fullEvery);
  const held = Math.min(slidingWindow.tokens - 1 + BATCHED_TOKENS, requestTokens);
  const windowed = (a.layers - full) * (blocks(held) + BLOCK_TOKENS);
  return bytes(perLayer * (full * blocks(requestTokens) + windowed));
}

/** Tokens of the longest request whose keys and values fit, at most `context`; whole blocks below that. */
function longestRequest(a: Architecture, keyValues: number, context: number): number {
  if (requestBytes(a, context) <= keyValues) return context;
  let [fitting, tooMany] = [0, Math.ceil(context / BLOCK_TOKENS)];
  while (fitting + 1 < tooMany) {
    const middle = Math.floor((fitting + tooMany) / 2);
    if (requestBytes(a, middle * BLOCK_TOKENS) <= keyValues) fitting = middle;
    else tooMany = middle;
  }
  return fitting * BLOCK_TOKENS;
}

/**
 * Memory of one vLLM server of a base with `ranks.length` adapters, in 16 bits, on one GPU; null where not
 * even a context of 256 tokens fits. A slot is as large as the server's rank, not the adapter's, and has all
 * linear layers. Formula: vLLM `lora/layers/base_linear.py`, `v1/kv_cache_interface.py`.
 */
export function servingMemory(
  a: Architecture,
  gpu: Gpu,
  ranks: readonly number[],
  { context, embeddingSlots }: { context: number; embeddingSlots: boolean },
): ServingMemory | null {
  const maxLoraRank = slotRank(ranks);
  const embeddings = embeddingSlots ? 2 * maxLoraRank * (a.vocabulary + a.hidden) : 0;
  const slot = 2 * (adapterParameters(a, maxLoraRank, "all-linear") + embeddings);
  const weights = 2 * parameterCount(a);
  const keyValues = gpu.memoryBytes * UTILISATION - weights - slot * ranks.length - ACTIVATION_BYTES;
  const maxModelLength = longestRequest(a, keyValues, context);
  if (maxModelLength < Math.min(context, SHORTEST_CONTEXT)) return null;
  return {
    maxLoraRank,
    slots: ranks.length,
    maxModelLength,
    concurrency: keyValues / requestBytes(a, maxModelLength),
    breakdown: {
      weights: bytes(weights),
      slots: bytes(slot * ranks.length),
      activations: bytes(ACTIVATION_BYTES),
      keyValues: bytes(keyValues),
    },
    oneMoreBytes: bytes(slot),
  };
}
