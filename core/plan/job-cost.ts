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

/** What a job takes however much its instance costs. */
export interface JobTime {
  purchase: Purchase;
  /** From start to verdict. */
  duration: Range<Seconds>;
  /** Seconds between checkpoints; Young's optimum √(2 · time to save · time between evictions). */
  checkpointEvery: Seconds;
  /** Expected. */
  evictions: number;
  /** Paid for as long as the node. */
  diskBytes: Bytes;
}

export interface JobCost extends JobTime {
  cost: Range<Dollars>;
}

/** cluster-autoscaler keeps an idle node for ten minutes by default (--scale-down-unneeded-time). */
export const IDLE: Seconds = seconds(600);
/** Of a network volume. */
const SAVE_BYTES_PER_SECOND = 150e6;
/** US dollars a GB and month of gp3, us-east-1. */
const DISK_USD_PER_GB_HOUR = 0.08 / 730;
/** On-demand nodes fail too, if rarely: without a published rate, once in about a month. */
const FAILURES_PER_HOUR = { "on-demand": 1 / 720, spot: SPOT_EVICTIONS_PER_HOUR } as const;

/** Expected time of the whole job. Lost work is done again from the last checkpoint: every stage resumes. */
export function jobTime(purchase: Purchase, job: JobWork): JobTime {
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
  const evictions = (rate * duration.expected) / HOUR;
  return { purchase, duration, checkpointEvery, evictions, diskBytes: job.diskBytes };
}

/** Expected cost of a job on an instance, or null where it cannot be bought like that. */
export function costOn(
  instance: Instance,
  { purchase, duration, diskBytes }: JobTime,
): Range<Dollars> | null {
  const { usdPerHour } = instance;
  if (usdPerHour === null || (purchase === "spot" && !instance.spot)) return null;
  const diskPerHour = (diskBytes * DISK_USD_PER_GB_HOUR) / 1e9;
  return mapRange((end) => {
    const price = usdPerHour * (purchase === "spot" ? 1 - SPOT_DISCOUNT[discountEnd[end]] : 1);
    return dollars(((duration[end] + IDLE) / HOUR) * (price + diskPerHour));
  });
}

/** The low end of a cost is the high end of the discount. */
const discountEnd = { low: "high", expected: "expected", high: "low" } as const;
