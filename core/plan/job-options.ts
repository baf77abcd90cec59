import { adapterParameters, parameterCount } from "../catalog/architecture.ts";
import { GPUS, type GpuId } from "../catalog/gpus.ts";
import type { Instance } from "../catalog/instances.ts";
import type { GpuMeasurement } from "./gpu-step.ts";
import type { GpuTraining } from "./gpu-memory.ts";
import { costOn, jobTime, type JobCost, type JobTime } from "./job-cost.ts";
import { jobParts, type JobParts } from "./job-time.ts";
import type { Job, Limits } from "./job.ts";
import { asMeasured, shapesOn, stepsOf, stepsOn, trainingOn, type Shape } from "./shapes.ts";
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
 * are fastest.
 */
export function jobOptions(job: Job, instances: readonly Instance[], limits: Limits): JobOptions {
  const refused: Record<string, number> = {};
  const steps = stepsOf(job);
  const stepsByGpu = remember((id: GpuId) => stepsOn(job, steps, GPUS[id]));
  const worksByKey = remember((key: `${GpuId} ${number}`) => {
    const [id, count] = key.split(" ") as [GpuId, string];
    return shapesOn(job, stepsByGpu(id), Number(count)).flatMap((shape) => worksOf(job, shape, id));
  });
  const all: JobOption[] = [];
  for (const instance of instances) {
    const unfit = unusable(instance);
    const works = unfit === null ? worksByKey(`${instance.gpu} ${instance.count}`) : [];
    const reason = unfit ?? (works.length === 0 ? "too little GPU memory" : null);
    if (reason !== null) refused[reason] = (refused[reason] ?? 0) + 1;
    for (const work of works) {
      const option = optionOf(instance, work);
      if (option !== null) all.push(option);
    }
  }
  all.sort(byCost);
  const within = all.filter((option) => isWithin(option, limits));
  const beyond = within.length === all.length ? [] : all.filter((option) => !isWithin(option, limits));
  return { options: within, beyondLimits: beyond, refused };
}

const byCost = (a: JobOption, b: JobOption): number =>
  a.cost.expected - b.cost.expected || a.duration.expected - b.duration.expected;

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

/** An option without the instance, and so without its price. */
interface Work {
  gpu: GpuId;
  shape: Shape;
  parts: JobParts;
  time: JobTime;
  checkpointEverySteps: number;
}

/** A job in one shape, bought either way. */
function worksOf(job: Job, shape: Shape, gpu: GpuId): Work[] {
  const parts = jobParts(job, shape, GPUS[gpu]);
  const { node, image, weights, processes, training, evaluation } = parts;
  const work = {
    work: mapRange((end) => seconds(training[end] + evaluation[end])),
    startUp: mapRange((end) => seconds(node[end] + image[end] + weights[end] + processes[end])),
    // fp32 adapter and two AdamW moments.
    checkpointBytes: bytes(12 * adapterParameters(job.architecture, job.rank, job.targets, job.lastLayers)),
    diskBytes: bytes(100e9 + 2 * parameterCount(job.architecture)),
  };
  const stepSeconds = (job.effectiveBatch * job.rowTokens) / shape.rates.expected;
  return (["on-demand", "spot"] as const).map((purchase) => {
    const time = jobTime(purchase, work);
    const checkpointEverySteps = Math.max(1, Math.round(time.checkpointEvery / stepSeconds));
    return { gpu, shape, parts, time, checkpointEverySteps };
  });
}

/** An option as earlier runs of the model family on its GPU make it likely; the same job, cut the same. */
export function optionAsMeasured(
  job: Job,
  instances: readonly Instance[],
  option: JobOption,
  measured: GpuMeasurement | null,
): JobOption {
  const instance = instances.find(({ type }) => type === option.instance);
  if (measured === null || instance === undefined) return option;
  const { gpu, gpus, method, microBatch, gradientAccumulation, checkpointing, peakBytes } = option;
  const train = trainingOn(job, method, microBatch, checkpointing);
  const shape = { train, gpus, gradientAccumulation, peakBytes, rates: option.tokensPerSecond };
  const works = worksOf(job, asMeasured(job, shape, GPUS[gpu], measured), gpu);
  const work = works.find(({ time }) => time.purchase === option.purchase);
  return (work && optionOf(instance, work)) ?? option;
}

/** null: not to be had this way. Field by field: spread, this takes V8 most of the time of planning. */
function optionOf(instance: Instance, work: Work): JobOption | null {
  const { gpu, shape, parts, time, checkpointEverySteps } = work;
  const cost = costOn(instance, time);
  if (cost === null) return null;
  return {
    instance: instance.type,
    gpu,
    gpus: shape.gpus,
    purchase: time.purchase,
    method: shape.train.method,
    microBatch: shape.train.microBatch,
    gradientAccumulation: shape.gradientAccumulation,
    checkpointing: shape.train.checkpointing,
    peakBytes: shape.peakBytes,
    tokensPerSecond: shape.rates,
    duration: time.duration,
    cost,
    priceDate: instance.priceDate,
    parts,
    checkpointEvery: time.checkpointEvery,
    checkpointEverySteps,
    evictions: time.evictions,
    diskBytes: time.diskBytes,
  };
}
