import {
  adapterParameters,
  headParameters,
  linearParameters,
  type Architecture,
} from "../catalog/architecture.ts";
import type { Gpu } from "../catalog/gpus.ts";
import type { GpuTraining } from "./gpu-memory.ts";
import { seconds, type Range, type Seconds } from "./units.ts";

/**
 * Share of the peak that matrix products reach, recomputation counted as work. Slow end: plain transformers
 * and PEFT; fast end: fused or compiled kernels. This and the two below were fitted to the published
 * throughputs of docs/planner.md, all of which the band has to contain.
 */
export const UTILISATION = { low: 0.55, expected: 0.66, high: 0.87 } as const;

/**
 * What the kernels between the matrix products read and write: bytes a token, layer and pass, in multiples of
 * `hidden`. That is why a narrow model, or a GPU with little bandwidth, uses less of its peak.
 */
const TRAFFIC = { low: 640, expected: 320, high: 140 } as const;

/** The host starts the kernels of a layer one by one: seconds a layer and pass. Rules where rows are short. */
const LAUNCH_SECONDS = { low: 2e-3, expected: 1.3e-3, high: 0.7e-3 } as const;

/** Bytes moved for each 4-bit weight that is dequantised: half read, two written. */
const DEQUANTISATION_BYTES = 2.5;
/** Reading and writing reaches this share of the bandwidth. */
const BANDWIDTH_SHARE = 0.8;

export interface StepWork {
  /** FLOPs a token, nothing recomputed: what LoRA-MFU counts. */
  modelFlops: number;
  /** FLOPs a token that the GPU does. */
  hardwareFlops: number;
}

/**
 * FLOPs of one token with a frozen base: 2 for each parameter it is multiplied with, forward, and 2 backward
 * to the activations; 6 for each adapter parameter; attention 2·s·q·L forward and twice that backward
 * (causal, s = tokens of the row). Checkpointing adds one forward.
 */
export function stepWork(
  a: Architecture,
  train: Pick<GpuTraining, "rank" | "targets" | "lastLayers" | "headShare" | "checkpointing">,
  rowTokens: number,
): StepWork {
  const head = headParameters(a) * train.headShare;
  const linear = linearParameters(a);
  // Nothing flows back below the first adapted layer.
  const backward = linear * (Math.min(a.layers, train.lastLayers ?? a.layers) / a.layers);
  const adapter = adapterParameters(a, train.rank, train.targets, train.lastLayers);
  const attention = 2 * rowTokens * a.heads * a.headDim * a.layers;
  const modelFlops = 2 * (linear + backward) + 4 * head + 6 * adapter + 3 * attention;
  const recomputed = 2 * backward + 2 * adapter + attention;
  return {
    modelFlops,
    hardwareFlops: modelFlops + (train.checkpointing === "full" ? recomputed : 0),
  };
}

/**
 * Tokens a second of one GPU. `measured` is the utilisation that earlier runs reached there: the expected
 * rate is scaled by it, since all that slows a step tends to come together, and the band becomes narrow.
 */
export function tokensPerSecond(
  a: Architecture,
  train: GpuTraining,
  gpu: Gpu,
  measured: number | null = null,
): Range<number> {
  const rate = (end: keyof typeof UTILISATION): number =>
    (train.microBatch * train.maxLength) / stepSeconds(a, train, gpu, end);
  if (measured === null) return { low: rate("low"), expected: rate("expected"), high: rate("high") };
  const expected = (rate("expected") * measured) / UTILISATION.expected;
  return { low: expected * CALIBRATED_BAND.low, expected, high: expected * CALIBRATED_BAND.high };
}

/** After a run on the same GPU and family. */
export const CALIBRATED_BAND = { low: 1 / 1.3, expected: 1, high: 1.3 } as const;

/** Kernels are started while others run: a step takes as long as the slower of host and GPU. */
function stepSeconds(a: Architecture, train: GpuTraining, gpu: Gpu, end: keyof typeof UTILISATION): number {
  const tokens = train.microBatch * train.maxLength;
  const passes = train.checkpointing === "full" ? 3 : 2;
  const { hardwareFlops } = stepWork(a, train, train.maxLength);
  const dequantised = train.method === "qlora" ? DEQUANTISATION_BYTES * linearParameters(a) : 0;
  const moved = passes * (TRAFFIC[end] * a.hidden * a.layers * tokens + dequantised);
  const onGpu =
    (tokens * hardwareFlops) / (gpu.flopsPerSecond * UTILISATION[end]) +
    moved / (gpu.bandwidth * BANDWIDTH_SHARE);
  return Math.max(onGpu, LAUNCH_SECONDS[end] * a.layers * passes);
}

/** Seconds that a number of tokens takes at these rates; the fast rate is the low end. */
export const durationOf = (tokens: number, rates: Range<number>): Range<Seconds> => ({
  low: seconds(tokens / rates.high),
  expected: seconds(tokens / rates.expected),
  high: seconds(tokens / rates.low),
});
