import type { Gpu } from "../catalog/gpus.ts";
import type { GpuMeasurement } from "./gpu-step.ts";
import { gpuMemory, type GpuTraining } from "./gpu-memory.ts";
import type { Job } from "./job.ts";
import { tokensPerSecond } from "./throughput.ts";
import { bytes, mapRange, type Bytes, type Range } from "./units.ts";

/** How a job is cut into micro-batches on a GPU or several. */
export interface Shape {
  train: GpuTraining;
  /** That train together, each on its own rows. */
  gpus: number;
  gradientAccumulation: number;
  /** Of one GPU. */
  peakBytes: Bytes;
  /** Tokens a second of all GPUs together. */
  rates: Range<number>;
}

/** A step that a job could take, whatever GPU it runs on. */
export interface Step {
  train: GpuTraining;
  peakBytes: Bytes;
}

/** A step on one GPU. */
export interface GpuStep extends Step {
  rates: Range<number>;
}

/** Left free for what the model does not see: other processes, a longer fragment. */
export const USABLE_SHARE = 0.95;

/** Numbers of GPUs that train together. */
const GPU_COUNTS = [1, 2, 4, 8] as const;

/** Gradients of an adapter are small: what data parallelism loses is mostly waiting for the slowest. */
const PARALLEL_EFFICIENCY = 0.9;

/** How many times as fast as one GPU several are. */
export const speedUp = (gpus: number): number => (gpus === 1 ? 1 : gpus * PARALLEL_EFFICIENCY);

/** Largest first. */
export const divisors = (n: number): number[] =>
  Array.from({ length: n }, (_, index) => n - index).filter((divisor) => n % divisor === 0);

const METHODS = ["lora", "qlora"] as const;

/** Every micro-batch that divides the effective batch, with and without recomputed activations. */
export function stepsOf(job: Job): Step[] {
  const methods = job.method === "auto" ? METHODS : [job.method];
  return methods.flatMap((method) =>
    divisors(job.effectiveBatch).flatMap((microBatch) =>
      (["none", "full"] as const).map((checkpointing) => {
        const train = trainingOn(job, method, microBatch, checkpointing);
        return { train, peakBytes: gpuMemory(job.architecture, train).processBytes };
      }),
    ),
  );
}

/** The trainer's own step: adapters in fp32, the head at answer positions only. */
export function trainingOn(
  job: Job,
  method: "lora" | "qlora",
  microBatch: number,
  checkpointing: GpuTraining["checkpointing"],
): GpuTraining {
  const { rank, targets, lastLayers, dropout } = job;
  return {
    method,
    doubleQuant: true,
    rank,
    targets,
    lastLayers,
    dropout,
    maxLength: job.longestRowTokens,
    microBatch,
    checkpointing,
    loss: "naive",
    headShare: Math.min(1, job.longestAnswerTokens / job.longestRowTokens),
    adapterBytes: 16,
  };
}

/** The steps that fit into the memory of a GPU, with their speed there. */
export function stepsOn(job: Job, steps: readonly Step[], gpu: Gpu): GpuStep[] {
  return steps.flatMap(({ train, peakBytes }) => {
    if (peakBytes > gpu.memoryBytes * USABLE_SHARE) return [];
    return [{ train, peakBytes, rates: ratesOf(job, train, gpu, null) }];
  });
}

/** A step takes its rows as they are, not the longest. */
const ratesOf = (job: Job, train: GpuTraining, gpu: Gpu, measured: GpuMeasurement | null): Range<number> =>
  tokensPerSecond(
    job.architecture,
    { ...train, maxLength: job.rowTokens },
    gpu,
    measured?.utilisation ?? null,
  );

/**
 * A shape with the memory and speed that earlier runs on the GPU make likely. What is chosen goes by formulas
 * alone, so that a measurement never changes a run that is declared already; what is told goes by this.
 */
export function asMeasured(job: Job, shape: Shape, gpu: Gpu, measured: GpuMeasurement | null): Shape {
  if (measured === null) return shape;
  const factor = speedUp(shape.gpus);
  const rates = ratesOf(job, shape.train, gpu, measured);
  return {
    ...shape,
    peakBytes: bytes(Math.round(shape.peakBytes * measured.peakRatio)),
    rates: mapRange((end) => rates[end] * factor),
  };
}

/**
 * The fastest shape of each method on up to `count` GPUs of one machine. A machine costs the same however
 * many of its GPUs work, so the fastest is the cheapest there; ties go to fewer GPUs.
 */
export function shapesOn(job: Job, steps: readonly GpuStep[], count: number): Shape[] {
  return METHODS.flatMap((method) => {
    const ofMethod = steps.filter(({ train }) => train.method === method);
    const shapes = GPU_COUNTS.filter((gpus) => gpus <= count).flatMap((gpus) => fastest(job, ofMethod, gpus));
    return shapes.length === 0
      ? []
      : [shapes.reduce((best, shape) => (isFaster(shape, best) ? shape : best))];
  });
}

const isFaster = (a: { rates: Range<number> }, b: { rates: Range<number> }): boolean =>
  a.rates.expected > b.rates.expected;

/** Rows of an optimizer step are divided evenly: micro-batch × accumulation × GPUs is the effective batch. */
function fastest(job: Job, steps: readonly GpuStep[], gpus: number): Shape[] {
  const cuts = steps.filter(({ train }) => job.effectiveBatch % (gpus * train.microBatch) === 0);
  if (cuts.length === 0) return [];
  const { train, peakBytes, rates } = cuts.reduce((best, step) => (isFaster(step, best) ? step : best));
  const factor = speedUp(gpus);
  return [
    {
      train,
      gpus,
      gradientAccumulation: job.effectiveBatch / (gpus * train.microBatch),
      peakBytes,
      rates: { low: rates.low * factor, expected: rates.expected * factor, high: rates.high * factor },
    },
  ];
}
