import type { Architecture } from "../catalog/architecture.ts";
import { GPUS, type GpuId } from "../catalog/gpus.ts";
import { peakRatio, type Outcome } from "./calibration.ts";
import type { GpuTraining } from "./gpu-memory.ts";
import { speedUp } from "./shapes.ts";
import { tokensPerSecond } from "./throughput.ts";

/** What earlier runs of a model family took on a GPU, against what was planned. */
export interface GpuMeasurement {
  /** Share of the GPU's peak that the arithmetic reached. */
  utilisation: number;
  /** Measured peak memory ÷ planned. */
  peakRatio: number;
}

/** The step that a prediction is of. */
export interface GpuStepTaken {
  gpu: GpuId;
  gpus: number;
  /** `maxLength` is the mean of the rows. */
  train: GpuTraining;
}

/** No measurement makes a GPU slower or faster than this. */
const UTILISATION_LIMITS = { low: 0.01, high: 1 } as const;

/**
 * What a finished run says of its GPU. The utilisation is the one at which the planner's formula gives the
 * measured tokens a second, found by halving: the formula may change, its speed only grows with utilisation.
 */
export function gpuMeasurement(
  a: Architecture,
  { gpu, gpus, train }: GpuStepTaken,
  planned: Outcome,
  measured: Outcome,
): GpuMeasurement {
  const wanted = measured.tokensPerSecond / speedUp(gpus);
  let { low, high }: { low: number; high: number } = UTILISATION_LIMITS;
  for (let halvings = 0; halvings < 30; halvings += 1) {
    const middle = (low + high) / 2;
    if (tokensPerSecond(a, train, GPUS[gpu], middle).expected < wanted) low = middle;
    else high = middle;
  }
  return { utilisation: (low + high) / 2, peakRatio: peakRatio({ planned, measured }) };
}
