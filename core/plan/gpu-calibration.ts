import type { Architecture } from "../catalog/architecture.ts";
import { GPUS } from "../catalog/gpus.ts";
import { peakRatio, type Outcome } from "./calibration.ts";
import type { GpuMeasurement, GpuStepTaken } from "./gpu-step.ts";
import { speedUp } from "./shapes.ts";
import { tokensPerSecond } from "./throughput.ts";

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
