import type { Limits } from "./job.ts";
import type { JobOption } from "./job-options.ts";
import { duration, usd } from "./text.ts";
import { HOUR } from "./units.ts";

/** A limit of a spec that no instance keeps. */
export interface Excess {
  /** Field of the model file. */
  field: "compute.maxUsd" | "compute.maxHours";
  message: string;
  hint: string;
}

const SMALLER = "take fewer rows or epochs, a shorter train.maxLength or a smaller base";

/**
 * Which limit is in the way where no option keeps within both, with the nearest option and what to change.
 * `options` is all that fits, cheapest first; not empty. Limits are hard where GPUs are rented: an error.
 */
export function excessOf({ maxUsd, maxHours }: Limits, options: readonly JobOption[]): Excess | null {
  const [cheapest] = options;
  if (cheapest === undefined) return null;
  const fastest = options.reduce((best, option) =>
    option.duration.expected < best.duration.expected ? option : best,
  );
  const limitSeconds = (maxHours ?? Infinity) * HOUR;
  const limitUsd = maxUsd ?? Infinity;
  if (fastest.duration.expected > limitSeconds)
    return {
      field: "compute.maxHours",
      message: `is ${maxHours}, but the fastest job takes ${about(fastest)}; the cheapest takes ${about(cheapest)}`,
      hint: `raise it to ${ceil(fastest.duration.expected / HOUR)} or more, or ${SMALLER}`,
    };
  // Cheapest first, so the first that is quick enough is the cheapest of those.
  const inTime = options.find((option) => option.duration.expected <= limitSeconds);
  if (inTime === undefined || inTime.cost.expected <= limitUsd) return null;
  const within = maxHours === null ? "the cheapest job" : `the cheapest job within ${maxHours} h`;
  const slower = cheapest.cost.expected <= limitUsd ? `, compute.maxHours to ${hoursOf(cheapest)}` : "";
  return {
    field: "compute.maxUsd",
    message: `is ${usd(limitUsd)}, but ${within} takes ${about(inTime)}`,
    hint: `raise it to ${usd(ceil(inTime.cost.expected))} or more${slower}, or ${SMALLER}`,
  };
}

const about = ({ cost, duration: time, instance, purchase, gpus }: JobOption): string =>
  `about ${usd(cost.expected)} and ${duration(time.expected)} on ${instance} ${purchase}${gpus > 1 ? ` with ${gpus} GPUs` : ""}`;

const hoursOf = (option: JobOption): string => String(ceil(option.duration.expected / HOUR));

/** Rounded up at the second decimal: a limit of it is kept. */
const ceil = (value: number): number => Math.ceil(value * 100) / 100;
