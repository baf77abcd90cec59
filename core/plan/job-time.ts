import { parameterCount, type Architecture } from "../catalog/architecture.ts";
import type { Gpu } from "../catalog/gpus.ts";
import type { Job } from "./job.ts";
import type { Shape } from "./shapes.ts";
import { tokensPerSecond } from "./throughput.ts";
import { START_SECONDS } from "./time.ts";
import { mapRange, seconds, type Range, type Seconds } from "./units.ts";

/** What a job spends its time on, in this order. */
export type JobParts = Record<
  "node" | "image" | "weights" | "processes" | "training" | "evaluation",
  Range<Seconds>
>;

/**
 * Node ordered and joined: KAITO issue 2325 measured 284 + 126 s on Azure. Image pulled: 101 s for 5.6 GB
 * there, about 6 min for another image of KAITO. The ends of both ranges are judged from these.
 */
const NODE = { low: seconds(180), expected: seconds(410), high: seconds(540) };
const IMAGE = { low: seconds(60), expected: seconds(100), high: seconds(360) };
/** Bytes a second of a hub or a bucket, slow to fast. */
const DOWNLOAD = { low: 1e9, expected: 300e6, high: 100e6 } as const;

/** The ends, for faster and slower machines than the measured one, are assumed. */
const PROCESSES = { low: seconds(20), expected: seconds(START_SECONDS), high: seconds(90) };

const EVALUATION_BATCH = 16;
/** Of the bandwidth that decoding in transformers reaches: unverified. */
const DECODE_SHARE = 0.25;
/** How far decoding may be off, either way. */
const DECODE_BAND = { low: 0.5, expected: 1, high: 2 } as const;

/** Undisturbed: no evictions, no checkpoints. */
export function jobParts(job: Job, shape: Shape, gpu: Gpu): JobParts {
  return {
    node: NODE,
    image: IMAGE,
    weights: weightsLoaded(job.architecture),
    processes: PROCESSES,
    training: mapRange((end) => seconds((job.trainTokens * job.epochs) / shape.rates[fastEnd[end]])),
    evaluation: evaluation(job, shape, gpu),
  };
}

/** The low end of a duration is the high end of a rate. */
const fastEnd = { low: "high", expected: "expected", high: "low" } as const;

const weightsLoaded = (a: Architecture): Range<Seconds> =>
  mapRange((end) => seconds((2 * parameterCount(a)) / DOWNLOAD[end]));

/** Base and tuned model read the test rows and generate their answers, on one GPU. */
function evaluation(job: Job, { train }: Shape, gpu: Gpu): Range<Seconds> {
  const forward = { ...train, checkpointing: "none" as const, maxLength: job.rowTokens };
  const scoring = tokensPerSecond(job.architecture, forward, gpu);
  const decodeSteps = (2 * job.testRows * job.newTokens) / EVALUATION_BATCH;
  const decode = (decodeSteps * 2 * parameterCount(job.architecture)) / (gpu.bandwidth * DECODE_SHARE);
  // Forward only is about half of a step without weight gradients.
  return mapRange((end) =>
    seconds((2 * job.testTokens) / 2 / scoring[fastEnd[end]] + decode * DECODE_BAND[end]),
  );
}
