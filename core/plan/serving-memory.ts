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
  const fitting = Math.floor(keyValues / keyValueBytes(a) / BLOCK_TOKENS) * BLOCK_TOKENS;
  if (fitting < 256) return null;
  const maxModelLength = Math.min(context, fitting);
  return {
    maxLoraRank,
    slots: ranks.length,
    maxModelLength,
    concurrency: fitting / maxModelLength,
    breakdown: {
      weights: bytes(weights),
      slots: bytes(slot * ranks.length),
      activations: bytes(ACTIVATION_BYTES),
      keyValues: bytes(keyValues),
    },
    oneMoreBytes: bytes(slot),
  };
}
