import { adapterParameters, parameterCount } from "../catalog/architecture.ts";
import { GPUS, type Gpu, type GpuId } from "../catalog/gpus.ts";
import type { Instance } from "../catalog/instances.ts";
import type { GpuMeasurement } from "./gpu-calibration.ts";
import type { GpuTraining } from "./gpu-memory.ts";
import { jobCost, type JobCost, type JobWork, type Purchase } from "./job-cost.ts";
import { jobParts, type JobParts } from "./job-time.ts";
import type { Job, Limits } from "./job.ts";
import { shapesOn, stepsOf, stepsOn, type GpuStep, type Shape } from "./shapes.ts";
import { bytes, HOUR, mapRange, seconds, type Bytes, type Range } from "./units.ts";

export interface JobOption extends JobCost {
  instance: string;
  gpu: GpuId;
  /** That train together, each on its own rows. */
  gpus: number;
  method: "lora" | "qlora";
  microBatch: number;
  gradientAccumulation: number;
  checkpointing: GpuTraining["checkpointing"];
  /** Optimizer steps between checkpoints, from `checkpointEvery`. */
  checkpointEverySteps: number;
  peakBytes: Bytes;
  tokensPerSecond: Range<number>;
  /** Undisturbed. */
  parts: JobParts;
  priceDate: string;
}

export interface JobOptions {
  /** Within the limits, cheapest expected cost of the job first. */
  options: JobOption[];
  /** What fits, but not within the limits; cheapest first. */
  beyondLimits: JobOption[];
  /** Why instances were left out, and how many. */
  refused: Record<string, number>;
}

/**
 * All ways to run a job on these instances: each instance, method and purchase, on as many of its GPUs as
 * are fastest. `measuredOn`: what earlier runs of the same model family took on a GPU.
 */
export function jobOptions(
  job: Job,
  instances: readonly Instance[],
  limits: Limits,
  measuredOn: (gpu: GpuId) => GpuMeasurement | null = () => null,
): JobOptions {
  const refused: Record<string, number> = {};
  const steps = stepsOf(job);
  const stepsByGpu = remember((id: GpuId) => stepsOn(job, steps, GPUS[id], measuredOn(id)));
  const worksByKey = new Map<string, Work[]>();
  const worksOf = ({ gpu, count }: Instance): Work[] => {
    const key = `${gpu} ${count}`;
    const works = worksByKey.get(key) ?? worksOn(job, stepsByGpu(gpu), GPUS[gpu], count);
    worksByKey.set(key, works);
    return works;
  };
  const options = instances.flatMap((instance) => {
    const reason = unusable(instance) ?? (worksOf(instance).length === 0 ? "too little GPU memory" : null);
    if (reason === null) return worksOf(instance).flatMap((work) => purchases(instance, work));
    refused[reason] = (refused[reason] ?? 0) + 1;
    return [];
  });
  options.sort((a, b) => a.cost.expected - b.cost.expected || a.duration.expected - b.duration.expected);
  return {
    options: options.filter((option) => isWithin(option, limits)),
    beyondLimits: options.filter((option) => !isWithin(option, limits)),
    refused,
  };
}

/** Both limits are of what is expected. */
export const isWithin = ({ cost, duration }: JobOption, { maxUsd, maxHours }: Limits): boolean =>
  cost.expected <= (maxUsd ?? Infinity) && duration.expected / HOUR <= (maxHours ?? Infinity);

function unusable({ stockAmi, gpu }: Instance): string | null {
  if (!stockAmi) return "the stock EKS images lack its driver";
  return GPUS[gpu].bf16 ? null : "no bf16";
}

function remember<Key, Value>(make: (key: Key) => Value): (key: Key) => Value {
  const made = new Map<Key, Value>();
  return (key) => {
    const value = made.get(key) ?? make(key);
    made.set(key, value);
    return value;
  };
}

/** A shape and what it takes on the GPUs that it is for, whatever they cost. */
interface Work {
  shape: Shape;
  parts: JobParts;
  work: JobWork;
  /** Of one optimizer step. */
  stepSeconds: number;
}

function worksOn(job: Job, steps: readonly GpuStep[], gpu: Gpu, count: number): Work[] {
  return shapesOn(job, steps, count).map((shape) => {
    const parts = jobParts(job, shape, gpu);
    const { node, image, weights, training, evaluation } = parts;
    const work = {
      work: mapRange((end) => seconds(training[end] + evaluation[end])),
      startUp: mapRange((end) => seconds(node[end] + image[end] + weights[end])),
      // fp32 adapter and two AdamW moments.
      checkpointBytes: bytes(12 * adapterParameters(job.architecture, job.rank, job.targets, job.lastLayers)),
      diskBytes: bytes(100e9 + 2 * parameterCount(job.architecture)),
    };
    return {
      shape,
      parts,
      work,
      stepSeconds: (job.effectiveBatch * job.rowTokens) / shape.rates.expected,
    };
  });
}

function purchases(instance: Instance, { shape, parts, work, stepSeconds }: Work): JobOption[] {
  const { train, gpus, gradientAccumulation, peakBytes, rates } = shape;
  return (["on-demand", "spot"] as Purchase[]).flatMap((purchase) => {
    const cost = jobCost(instance, purchase, work);
    if (cost === null) return [];
    return [
      {
        ...cost,
        instance: instance.type,
        gpu: instance.gpu,
        gpus,
        method: train.method,
        microBatch: train.microBatch,
        gradientAccumulation,
        checkpointing: train.checkpointing,
        checkpointEverySteps: Math.max(1, Math.round(cost.checkpointEvery / stepSeconds)),
        peakBytes,
        tokensPerSecond: rates,
        parts,
        priceDate: instance.priceDate,
      },
    ];
  });
}
