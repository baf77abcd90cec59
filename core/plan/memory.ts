import {
  adapterParameters,
  linearParameters,
  parameterCount,
  type Architecture,
} from "../catalog/architecture.ts";
import type { RunFile } from "../spec/run-file.ts";
import { bytes, type Bytes } from "./units.ts";

/** Bytes by name; `peakBytes` is their sum. */
export interface MemoryPlan {
  peakBytes: Bytes;
  breakdown: Record<"runtime" | "weights" | "adapter" | "activations" | "logits" | "calibration", Bytes>;
}

const NF4_BYTES = 0.51587; // a parameter, with double quantisation: bitsandbytes blocks of 64 and 256
const RUNTIME_BYTES = 1e9; // Python, torch and transformers loaded, before any weight: measured on CPU
/** Share of the activations that stays resident on a CPU, measured: freed pieces are not all given back. */
const KEPT_BY_CHECKPOINTING = 0.5;

/**
 * Peak resident memory of the training process on a CPU.
 *
 * Formulas: weights by quantisation; adapter parameters × 16 bytes (fp32 value, gradient, two AdamW
 * moments); activations a layer and token `16h + 2(q+2kv) + 2q + 8i` bytes in 16 bit, twice that in 32
 * (two norms, residuals, q/k/v, attention output, four feed-forward tensors), and of every adapted matrix
 * the branch's output and the sum, which PEFT's forward keeps; logits at trained positions only. `longest` is the longest row in tokens.
 */
export function trainingMemory(
  architecture: Architecture,
  train: RunFile["train"],
  longest: number,
  answerTokens: number,
): MemoryPlan {
  const a = architecture;
  const wide = train.computeDtype === "float32" ? 2 : 1;
  const linear = linearParameters(a);
  const kept = parameterCount(a) - linear;
  const linearBytes = train.method === "qlora" ? linear * NF4_BYTES : linear * 2 * wide;
  const adapter =
    adapterParameters(a, train.rank, train.targets, train.lastLayers) *
    (train.adapterDtype === "float32" ? 16 : 8);
  const tokens = train.microBatch * Math.min(longest, train.maxLength);
  const queries = a.heads * a.headDim;
  const keysValues = a.keyValueHeads * a.headDim;
  const layerBytes =
    (16 * a.hidden + 2 * (queries + 2 * keysValues) + 2 * queries + 8 * a.intermediate) * wide;
  const outputs =
    2 * queries + 2 * keysValues + (train.targets === "all-linear" ? 2 * a.intermediate + a.hidden : 0);
  const branchBytes = 2 * outputs * 2 * wide;
  // Below the first adapted layer nothing needs a gradient, and nothing is kept.
  const layersHeld =
    Math.min(a.layers, train.lastLayers ?? a.layers) *
    (train.gradientCheckpointing ? KEPT_BY_CHECKPOINTING : 1);
  const breakdown = {
    runtime: bytes(RUNTIME_BYTES),
    weights: bytes(linearBytes + kept * 2 * wide),
    adapter: bytes(adapter),
    activations: bytes(tokens * (layerBytes + branchBytes) * layersHeld),
    logits: bytes(12 * a.vocabulary * train.microBatch * answerTokens),
    calibration: bytes(0),
  };
  const peak = Object.values(breakdown).reduce<number>((sum, part) => sum + part, 0);
  return { peakBytes: bytes(peak), breakdown };
}
