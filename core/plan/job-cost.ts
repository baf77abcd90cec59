import { SPOT_DISCOUNT, SPOT_EVICTIONS_PER_HOUR, type Instance } from "../catalog/instances.ts";
import {
  dollars,
  HOUR,
  mapRange,
  seconds,
  type Bytes,
  type Dollars,
  type Range,
  type Seconds,
} from "./units.ts";

export type Purchase = "on-demand" | "spot";

/** What a job does on its node, and what it keeps. */
export interface JobWork {
  /** Training steps and evaluation, undisturbed. */
  work: Range<Seconds>;
  /** From an order for a node to the first step. */
  startUp: Range<Seconds>;
  /** A resumable checkpoint: adapter and optimizer. */
  checkpointBytes: Bytes;
  /** Volume of the job. */
  diskBytes: Bytes;
}

export interface JobCost {
  purchase: Purchase;
  /** From start to verdict. */
  duration: Range<Seconds>;
  cost: Range<Dollars>;
  /** Seconds between checkpoints; Young's optimum √(2 · time to save · time between evictions). */
  checkpointEvery: Seconds;
  /** Expected. */
  evictions: number;
  /** Paid for as long as the node. */
  diskBytes: Bytes;
}

/** cluster-autoscaler keeps an idle node for ten minutes by default (--scale-down-unneeded-time). */
export const IDLE: Seconds = seconds(600);
/** Of a network volume. */
const SAVE_BYTES_PER_SECOND = 150e6;
/** US dollars a GB and month of gp3, us-east-1. */
const DISK_USD_PER_GB_HOUR = 0.08 / 730;
/** On-demand nodes fail too, if rarely: without a published rate, once in about a month. */
const FAILURES_PER_HOUR = { "on-demand": 1 / 720, spot: SPOT_EVICTIONS_PER_HOUR } as const;

/**
 * Expected cost of the whole job on an instance, or null where it cannot be bought like that. Spot needs a
 * job that resumes: every stage of the trainer does, from its last checkpoint.
 */
export function jobCost(instance: Instance, purchase: Purchase, job: JobWork): JobCost | null {
  if (instance.usdPerHour === null || (purchase === "spot" && !instance.spot)) return null;
  const rate = FAILURES_PER_HOUR[purchase];
  const save = job.checkpointBytes / SAVE_BYTES_PER_SECOND;
  const checkpointEvery = seconds(Math.max(60, Math.sqrt((2 * save * HOUR) / rate)));
  const duration = mapRange((end) => {
    const undisturbed = job.startUp[end] + job.work[end] * (1 + save / checkpointEvery);
    // On average half of what was done since the last checkpoint, and a node once more.
    const lost = Math.min(checkpointEvery, job.work[end]) / 2 + job.startUp[end];
    // Each eviction costs what it loses, and that time can be evicted again: a geometric series.
    const again = Math.min(0.9, (rate * lost) / HOUR);
    return seconds(undisturbed / (1 - again));
  });
  const price = mapRange((end) => instance.usdPerHour! * (purchase === "spot" ? spotShare(end) : 1));
  const cost = mapRange((end) => {
    const hours = (duration[end] + IDLE) / HOUR;
    return dollars(hours * price[end] + (hours * job.diskBytes * DISK_USD_PER_GB_HOUR) / 1e9);
  });
  const evictions = (rate * duration.expected) / HOUR;
  return { purchase, duration, cost, checkpointEvery, evictions, diskBytes: job.diskBytes };
}

type End = keyof Range<number>;

/** The low end of a cost is the high end of the discount. */
function spotShare(end: End): number {
  const discount = { low: SPOT_DISCOUNT.high, expected: SPOT_DISCOUNT.expected, high: SPOT_DISCOUNT.low };
  return 1 - discount[end];
}
