import { SPOT_DISCOUNT, SPOT_EVICTIONS_PER_HOUR } from "../catalog/instances.ts";
import type { GpuMeasurement } from "./gpu-step.ts";
import { IDLE } from "./job-cost.ts";
import type { JobOption } from "./job-options.ts";
import { duration, figure, gigabytes, percent } from "./text.ts";
import { CALIBRATED_BAND, UTILISATION } from "./throughput.ts";
import type { Range } from "./units.ts";

const span = ({ low, high }: Range<number>): string => `${duration(low)} to ${duration(high)}`;

/** What the range of an option takes for granted, each with its numbers. */
export function assumptionsOf(option: JobOption, measured: GpuMeasurement | null): string[] {
  const { parts, tokensPerSecond, priceDate, checkpointEvery, checkpointEverySteps } = option;
  const share =
    measured === null
      ? `matrix products at ${percent(UTILISATION.low)} to ${percent(UTILISATION.high)} of the GPU's peak`
      : `matrix products at ${percent(measured.utilisation)} of the GPU's peak as measured there, up to ${CALIBRATED_BAND.high} times off`;
  const price =
    option.purchase === "spot"
      ? `spot ${percent(SPOT_DISCOUNT.low)} to ${percent(SPOT_DISCOUNT.high)} below the price of ${priceDate}, ${SPOT_EVICTIONS_PER_HOUR} evictions an hour`
      : `price of ${priceDate}`;
  return [
    "tokens estimated from characters",
    `start-up: node ${span(parts.node)}, image ${span(parts.image)}, weights ${span(parts.weights)}, processes ${span(parts.processes)}`,
    `training ${span(parts.training)} at ${figure(tokensPerSecond.low)} to ${figure(tokensPerSecond.high)} tokens/s (${share})`,
    `evaluation ${span(parts.evaluation)}`,
    price,
    `a checkpoint every ${duration(checkpointEvery)} (${checkpointEverySteps} steps)`,
    `${duration(IDLE)} until the idle node is gone, ${gigabytes(option.diskBytes)} of disk`,
  ];
}
