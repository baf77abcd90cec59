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
 * Share of the peak that the arithmetic of a step reaches, recomputation counted as work. A plain
 * transformers step in PEFT's own benchmark reaches 0.25, torchtune's compiled QLoRA 0.57; docs/planner.md
 * holds the published cases that this band has to contain.
 */
export const UTILISATION = { low: 0.2, expected: 0.36, high: 0.62 } as const;

/** Kernels of a layer are launched one by one: seconds a layer and pass, compiled to uncompiled. */
const LAUNCH_SECONDS = { low: 1.2e-3, expected: 0.6e-3, high: 0.1e-3 } as const;
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
 * Tokens a second of one GPU. Slow and fast ends differ by utilisation and launches; `measured` is the
 * utilisation that earlier runs reached there, and narrows the band.
 */
export function tokensPerSecond(
  a: Architecture,
  train: GpuTraining,
  gpu: Gpu,
  measured: number | null = null,
): Range<number> {
  const tokens = train.microBatch * train.maxLength;
  const { hardwareFlops } = stepWork(a, train, train.maxLength);
  const passes = train.checkpointing === "full" ? 3 : 2;
  const dequantisation =
    train.method === "qlora"
      ? (passes * DEQUANTISATION_BYTES * linearParameters(a)) / (gpu.bandwidth * BANDWIDTH_SHARE)
      : 0;
  const rate = (end: keyof typeof UTILISATION): number => {
    const share = measured === null ? UTILISATION[end] : measured * CALIBRATED_BAND[end];
    const arithmetic = (tokens * hardwareFlops) / (gpu.flopsPerSecond * share);
    return tokens / (arithmetic + dequantisation + LAUNCH_SECONDS[end] * a.layers * passes);
  };
  return { low: rate("low"), expected: rate("expected"), high: rate("high") };
}

/** After a run on the same GPU and family. */
export const CALIBRATED_BAND = { low: 1 / 1.3, expected: 1, high: 1.3 } as const;

/** Seconds that a number of tokens takes at these rates; the fast rate is the low end. */
export const durationOf = (tokens: number, rates: Range<number>): Range<Seconds> => ({
  low: seconds(tokens / rates.high),
  expected: seconds(tokens / rates.expected),
  high: seconds(tokens / rates.low),
});
