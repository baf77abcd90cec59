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
  /** Where other software than Tuneform's trainer is planned for. */
  software?: Software;
}

/** What published trainings do differently; each has cases of its own in docs/planner.md. */
export interface Software {
  /** No autocast around fp32 adapters: they keep their inputs in fp32 (PEFT without `bf16=True`). */
  fp32AdapterInputs?: true;
  /** Embeddings, head, norms and checkpoints in fp32: PEFT's `prepare_model_for_kbit_training`. */
  fp32Kept?: true;
  /** Checkpoints wait in the host's memory. */
  offloadedCheckpoints?: true;
  /** bitsandbytes before 0.43.2 keeps the input of every 4-bit matrix (fixed by its pull request 1270). */
  bufferedInputs?: true;
  /** The model hands out its logits in fp32: Lightning Fabric's `convert_output`. */
  fp32Logits?: true;
}

/** `chunked`: logits stay whole, in 16 bits; `chunked-nll`: TRL's, which computes each chunk again. */
export const LOSSES = ["naive", "chunked", "liger", "chunked-nll"] as const;
export type Loss = (typeof LOSSES)[number];

export type MemoryPart =
  | "weights"
  | "adapter"
  | "optimizer"
  | "checkpoints"
  | "activations"
  | "dropout"
  | "logits"
  | "dequantisation";

export interface GpuMemory {
  /** What PyTorch's allocator has in use at the peak: `torch.cuda.max_memory_allocated`. */
  allocatedBytes: Bytes;
  /** What the allocator has taken from the GPU for that: `torch.cuda.max_memory_reserved`. */
  reservedBytes: Bytes;
  /** What the process takes of the GPU, as nvidia-smi counts it: this has to fit. */
  processBytes: Bytes;
  /** Adds up to `allocatedBytes`. */
  breakdown: Record<MemoryPart, Bytes>;
}

/** bitsandbytes: 4 bits, and a scale for 64 of them: fp32, or int8 with an fp32 for 256 scales. */
const NF4_BYTES = { plain: 0.5 + 4 / 64, double: 0.5 + 1 / 64 + 4 / (64 * 256) };
/**
 * Share of what is in use that lies in gaps. IBM's fms-acceleration prints both figures for each run: what
 * nvidia-smi counts, less the context, is 4 to 31 % above what is allocated; most where the naive loss makes
 * large pieces. PyTorch gives these back before it runs out of memory, so the lower part of that is taken.
 */
const FRAGMENTATION = 0.07;
/** CUDA context, kernels and cuBLAS workspaces. */
const CONTEXT_BYTES = 0.6e9;

/**
 * Peak memory of (Q)LoRA training on one GPU. T = microBatch × maxLength tokens, h = hidden, q = heads × head
 * dimension, kv likewise, i = intermediate, V = vocabulary. Bytes:
 *
 * - weights: linears in NF4 or 16 bits, everything else (embeddings, head, norms) in 16
 * - adapter and optimizer: 16 a parameter in fp32 with AdamW
 * - checkpoints: 2·h·T a layer, where only layer inputs are kept
 * - activations of a layer: (12h + 2(q + 2kv) + 2q + 6i)·T: residuals and norms with their fp32 copies, q/k/v,
 *   attention output, gate, its activation and up; and the inputs of adapted matrices
 * - then the larger of two moments, since the logits are gone when the backward pass reaches a layer:
 *   the logits, or the layer being recomputed with 4i·T of gradients of its feed-forward part and the
 *   largest matrix in 16 bits. Without checkpointing all layers are there at both.
 *
 * Sources: QLoRA (Dettmers 2023), bitsandbytes' block sizes, what autograd saves in transformers' modules.
 * docs/planner.md compares with published figures.
 */
export function gpuMemory(a: Architecture, train: GpuTraining): GpuMemory {
  const parts = partsAtPeak(a, train);
  const allocated = Object.values(parts).reduce((sum, part) => sum + part, 0);
  const reserved = allocated * (1 + FRAGMENTATION);
  const entries = Object.entries(parts).map(([name, value]) => [name, bytes(Math.round(value))]);
  return {
    allocatedBytes: bytes(Math.round(allocated)),
    reservedBytes: bytes(Math.round(reserved)),
    processBytes: bytes(Math.round(reserved + CONTEXT_BYTES)),
    breakdown: Object.fromEntries(entries) as Record<MemoryPart, Bytes>,
  };
}

function partsAtPeak(a: Architecture, train: GpuTraining): Record<MemoryPart, number> {
  const tokens = train.microBatch * train.maxLength;
  const isFull = train.checkpointing === "full";
  // Below the first adapted layer nothing needs a gradient, and nothing is kept.
  const layersTrained = Math.min(a.layers, train.lastLayers ?? a.layers);
  const layers = isFull ? 1 : layersTrained;
  const boundary = train.software?.fp32Kept ? 4 : 2;
  const isKept = isFull && !train.software?.offloadedCheckpoints;
  const inputs = adapterInputs(a, train);
  const activations = (layerBytes(a) + inputs.activations) * tokens;
  const dropout = inputs.dropout * tokens;
  const gradients = 4 * a.intermediate * tokens;
  const dequantisation = train.method === "qlora" ? largestMatrix(a) * 2 : 0;
  const logits = logitBytes(a, train, tokens * train.headShare);
  const constant = {
    ...weightBytes(a, train),
    checkpoints: isKept ? layersTrained * boundary * a.hidden * tokens : 0,
  };
  const whole = { activations: activations * layers, dropout: dropout * layers };
  const recomputed = isFull ? activations + dropout : 0;
  if (logits.peak > recomputed + gradients + logits.after + dequantisation)
    return {
      ...constant,
      ...(isFull ? { activations: 0, dropout: 0 } : whole),
      logits: logits.peak,
      dequantisation: 0,
    };
  return {
    ...constant,
    activations: whole.activations + gradients,
    dropout: whole.dropout,
    logits: logits.after,
    dequantisation,
  };
}

function weightBytes(a: Architecture, train: GpuTraining) {
  const linear = linearParameters(a);
  const kept = parameterCount(a) - linear;
  const nf4 = train.doubleQuant ? NF4_BYTES.double : NF4_BYTES.plain;
  const adapter = adapterParameters(a, train.rank, train.targets, train.lastLayers);
  const weightAndGradient = isWide(train) ? 8 : 4;
  return {
    weights: linear * (train.method === "qlora" ? nf4 : 2) + kept * (train.software?.fp32Kept ? 4 : 2),
    adapter: adapter * weightAndGradient,
    optimizer: adapter * (train.adapterBytes - weightAndGradient),
  };
}

/** The adapter's own numbers are fp32. */
const isWide = ({ adapterBytes }: GpuTraining): boolean => adapterBytes >= 10;

/** Bytes a token that one layer keeps for its backward pass, adapters apart: 16 bits, norms also in fp32. */
function layerBytes(a: Architecture): number {
  const queries = a.heads * a.headDim;
  const keysValues = a.keyValueHeads * a.headDim;
  return 12 * a.hidden + 2 * (queries + 2 * keysValues) + 2 * queries + 6 * a.intermediate;
}

/**
 * Bytes a token that one layer keeps because adapters need their input. An fp32 adapter or dropout makes a
 * copy for each matrix (16 bits under autocast) and dropout a mask of 1 byte; else the outputs of the norms
 * and the product of gate and up are kept once. The attention output is kept anyway.
 */
function adapterInputs(a: Architecture, train: GpuTraining): { activations: number; dropout: number } {
  const { targets, dropout, software } = train;
  const copied = adaptedMatrices(a, targets).reduce((sum, matrix) => sum + matrix.in, 0);
  const all = 4 * a.hidden + 2 * a.intermediate;
  const buffered = software?.bufferedInputs && train.method === "qlora" ? all : 0;
  if (!isWide(train) && dropout === 0)
    return { activations: Math.max(buffered, targets === "all-linear" ? all : 2 * a.hidden), dropout: 0 };
  const width = isWide(train) && software?.fp32AdapterInputs ? 4 : 2;
  return { activations: buffered + width * copied, dropout: dropout > 0 ? copied : 0 };
}

/** Copies of the logits, in bytes for each of a position's logits: 16 bits, fp32, log-probabilities, gradient. */
const LOGIT_BYTES = { naive: 2 + 4 + 4 + 4, chunked: 2, chunk: 12, fp32: 4 + 4 + 2 };
/** Positions that TRL's chunked loss (1.10, `_chunk`) works at a time. */
const CHUNK_POSITIONS = 256;

/** Bytes at the moment of the loss, and bytes of it that are still there in the backward pass of a layer. */
function logitBytes(
  a: Architecture,
  { loss, software }: GpuTraining,
  positions: number,
): { peak: number; after: number } {
  const { vocabulary, hidden } = a;
  switch (loss) {
    case "naive":
      return { peak: LOGIT_BYTES.naive * vocabulary * positions, after: 0 };
    case "chunked":
      return {
        peak: (software?.fp32Logits ? LOGIT_BYTES.fp32 : LOGIT_BYTES.chunked) * vocabulary * positions,
        after: 0,
      };
    case "liger": {
      // Chunks of positions·h/V, rounded up to a power of two, so up to twice that: their logits are about
      // as large as the hidden states. The gradient of these is there from the forward pass on.
      const chunk = Math.min(positions, (1.5 * positions * hidden) / vocabulary);
      const gradient = 2 * hidden * positions;
      return { peak: LOGIT_BYTES.chunk * vocabulary * chunk + gradient, after: gradient };
    }
    case "chunked-nll": {
      // Each chunk casts the head to fp32, and autocast that copy to 16 bits.
      const head = 6 * vocabulary * hidden;
      return { peak: LOGIT_BYTES.chunk * vocabulary * Math.min(positions, CHUNK_POSITIONS) + head, after: 0 };
    }
  }
}
