import {
  adaptedMatrices,
  adapterParameters,
  largestMatrix,
  linearParameters,
  parameterCount,
  type Architecture,
  type Targets,
} from "../catalog/architecture.ts";
import { bytes, type Bytes } from "./units.ts";

/** What decides the memory of a training step on a GPU. */
export interface GpuTraining {
  method: "lora" | "qlora";
  /** The scales of NF4 blocks are quantised too. */
  doubleQuant: boolean;
  rank: number;
  targets: Targets;
  lastLayers: number | null;
  dropout: number;
  /** Tokens of a row; rows are padded or packed to it. */
  maxLength: number;
  /** Rows of a forward pass. */
  microBatch: number;
  checkpointing: "none" | "full";
  loss: Loss;
  /** Share of positions that the head works at: 1, or less where only answers are trained on. */
  headShare: number;
  /** Bytes a parameter of the adapter takes in all: weight, gradient, two moments. */
  adapterBytes: 16 | 10 | 8 | 6;
}

export const LOSSES = ["naive", "chunked", "liger"] as const;
export type Loss = (typeof LOSSES)[number];

export type MemoryPart =
  | "weights"
  | "adapter"
  | "optimizer"
  | "checkpoints"
  | "activations"
  | "dropout"
  | "logits"
  | "dequantisation"
  | "overhead";

export interface GpuMemory {
  /** What the process takes of the GPU, as nvidia-smi counts it. */
  peakBytes: Bytes;
  /** What PyTorch's allocator hands out at the peak: without context, cache and fragmentation. */
  allocatedBytes: Bytes;
  /** Adds up to `peakBytes`. */
  breakdown: Record<MemoryPart, Bytes>;
}

/** bitsandbytes: 4 bits, and a scale for 64 of them: fp32, or int8 with an fp32 for 256 scales. */
const NF4_BYTES = { plain: 0.5 + 4 / 64, double: 0.5 + 1 / 64 + 4 / (64 * 256) };
/** CUDA context and cuBLAS workspaces, and what fragments: reference of the memory model, unverified. */
const CONTEXT_BYTES = 0.5e9;
const FRAGMENTATION = 0.05;
/** Positions whose logits are there at a time. TRL's chunked loss takes 256, Liger's kernel picks up to 1024. */
const LOSS_CHUNK = { chunked: 256, liger: 1024 };

/**
 * Peak memory of (Q)LoRA training on one GPU. T = microBatch × maxLength tokens, h = hidden,
 * q = heads × head dimension, kv likewise, i = intermediate, V = vocabulary, L = layers.
 *
 * - weights: linears in NF4 or 16 bits, everything else (embeddings, head, norms) in 16 bits
 * - adapter and optimizer: 16 bytes a parameter in fp32 with AdamW
 * - checkpoints: 2·h·T a layer where only layer inputs are kept
 * - activations: (16h + 2(q + 2kv) + 2q + 8i)·T: two norms with fp32 copies, residuals, q/k/v, attention
 *   output, four feed-forward tensors; of one layer under checkpointing, else of all
 * - dropout: 2 bytes and 1 of mask for each adapted input
 * - logits: 12·V a position (16 bits, fp32 copy, gradient and its fp32 copy)
 * - dequantisation: the largest matrix in 16 bits
 * - overhead: 5 % and 0.5 GB
 *
 * Sources: QLoRA (Dettmers 2023), bitsandbytes' block sizes, transformers' modules. docs/planner.md compares
 * with published figures.
 */
export function gpuMemory(a: Architecture, train: GpuTraining): GpuMemory {
  const tokens = train.microBatch * train.maxLength;
  const linear = linearParameters(a);
  const kept = parameterCount(a) - linear;
  const isQuantised = train.method === "qlora";
  const nf4 = train.doubleQuant ? NF4_BYTES.double : NF4_BYTES.plain;
  const adapter = adapterParameters(a, train.rank, train.targets, train.lastLayers);
  const isFull = train.checkpointing === "full";
  // Below the first adapted layer nothing needs a gradient, and nothing is kept.
  const layersTrained = Math.min(a.layers, train.lastLayers ?? a.layers);
  const layersHeld = isFull ? 1 : layersTrained;
  const adaptedInputs = adaptedMatrices(a, train.targets).reduce((sum, matrix) => sum + matrix.in, 0);
  const weightAndGradient = train.adapterBytes >= 10 ? 8 : 4;
  const parts = {
    weights: linear * (isQuantised ? nf4 : 2) + kept * 2,
    adapter: adapter * weightAndGradient,
    optimizer: adapter * (train.adapterBytes - weightAndGradient),
    checkpoints: isFull ? layersTrained * 2 * a.hidden * tokens : 0,
    activations: layerBytes(a) * layersHeld * tokens,
    dropout: train.dropout > 0 ? 3 * adaptedInputs * layersHeld * tokens : 0,
    logits: logitBytes(a, train, tokens * train.headShare),
    dequantisation: isQuantised ? largestMatrix(a) * 2 : 0,
  };
  const allocated = Object.values(parts).reduce((sum, part) => sum + part, 0);
  const overhead = allocated * FRAGMENTATION + CONTEXT_BYTES;
  const entries = Object.entries({ ...parts, overhead }).map(([name, value]) => [
    name,
    bytes(Math.round(value)),
  ]);
  return {
    peakBytes: bytes(Math.round(allocated + overhead)),
    allocatedBytes: bytes(Math.round(allocated)),
    breakdown: Object.fromEntries(entries) as Record<MemoryPart, Bytes>,
  };
}

/** Bytes a token that one layer keeps for its backward pass, in 16 bits with fp32 norms. */
function layerBytes(a: Architecture): number {
  const queries = a.heads * a.headDim;
  const keysValues = a.keyValueHeads * a.headDim;
  return 16 * a.hidden + 2 * (queries + 2 * keysValues) + 2 * queries + 8 * a.intermediate;
}

function logitBytes(a: Architecture, { loss }: GpuTraining, positions: number): number {
  if (loss === "naive") return 12 * a.vocabulary * positions;
  // Chunks hold a copy of the head in fp32 and one in 16 bits (TRL 1.10, `_chunk`).
  const headCopies = loss === "chunked" ? 6 * a.vocabulary * a.hidden : 0;
  return 12 * a.vocabulary * Math.min(positions, LOSS_CHUNK[loss]) + headCopies;
}
