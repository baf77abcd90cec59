import { adapterParameters, parameterCount, type Architecture } from "../catalog/architecture.ts";
import { GPUS, type Gpu } from "../catalog/gpus.ts";
import type { Instance } from "../catalog/instances.ts";
import { gpuMemory, type GpuTraining } from "./gpu-memory.ts";
import { jobCost, type JobCost, type Purchase } from "./job-cost.ts";
import { tokensPerSecond } from "./throughput.ts";
import { bytes, HOUR, seconds, type Bytes, type Range, type Seconds } from "./units.ts";

/** A training as declared, before a GPU is chosen. Tokens are estimated from characters. */
export interface Job {
  architecture: Architecture;
  method: "auto" | "lora" | "qlora";
  rank: number;
  targets: GpuTraining["targets"];
  lastLayers: number | null;
  dropout: number;
  effectiveBatch: number;
  /** Of one epoch. */
  trainTokens: number;
  epochs: number;
  /** Mean of a row, after truncation. */
  rowTokens: number;
  /** Longest row after truncation: what has to fit. */
  longestRowTokens: number;
  longestAnswerTokens: number;
  testRows: number;
  testTokens: number;
  /** Tokens that are generated for a test row. */
  newTokens: number;
}

export interface Limits {
  maxUsd: number | null;
  maxHours: number | null;
}

export interface JobOption extends JobCost {
  instance: string;
  gpu: string;
  /** That train together, each on its own rows. */
  gpus: number;
  method: "lora" | "qlora";
  microBatch: number;
  gradientAccumulation: number;
  checkpointing: GpuTraining["checkpointing"];
  peakBytes: Bytes;
  tokensPerSecond: Range<number>;
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

/** Left free for what the model does not see: other processes, a longer fragment. */
export const USABLE_SHARE = 0.95;

/** All ways to run a job on these instances. */
export function jobOptions(job: Job, instances: readonly Instance[], limits: Limits): JobOptions {
  const refused: Record<string, number> = {};
  const options: JobOption[] = [];
  const trainings = trainingsOf(job);
  const shapes = new Map<string, Shape | string>();
  for (const instance of instances) {
    const key = `${instance.gpu} ${instance.count}`;
    const shape = shapes.get(key) ?? bestShape(job, trainings, GPUS[instance.gpu], instance.count);
    shapes.set(key, shape);
    const reason = instance.stockAmi ? shape : "the stock EKS images lack its driver";
    if (typeof reason === "string") refused[reason] = (refused[reason] ?? 0) + 1;
    else options.push(...purchases(job, instance, reason));
  }
  options.sort((a, b) => a.cost.expected - b.cost.expected);
  const isWithin = ({ cost, duration }: JobOption) =>
    cost.expected <= (limits.maxUsd ?? Infinity) && duration.expected / HOUR <= (limits.maxHours ?? Infinity);
  return {
    options: options.filter(isWithin),
    beyondLimits: options.filter((option) => !isWithin(option)),
    refused,
  };
}

interface Shape {
  train: GpuTraining;
  gpus: number;
  gradientAccumulation: number;
  peakBytes: Bytes;
  /** Of all GPUs together. */
  rates: Range<number>;
}

/** The fastest way to train that fits on so many of a GPU, or why there is none. */
function bestShape(job: Job, trainings: Training[], gpu: Gpu, count: number): Shape | string {
  if (!gpu.bf16) return "no bf16";
  const methods = job.method === "auto" ? (["lora", "qlora"] as const) : [job.method];
  for (const method of methods) {
    const ofMethod = trainings.filter(({ train }) => train.method === method);
    const shapes = candidates(job, ofMethod, gpu, count);
    const [first] = shapes.sort((a, b) => b.rates.expected - a.rates.expected);
    if (first !== undefined) return first;
  }
  return "too little GPU memory";
}

/** Gradients of an adapter are small: what data parallelism loses is mostly waiting for the slowest. */
const PARALLEL_EFFICIENCY = 0.9;

function candidates(job: Job, trainings: Training[], gpu: Gpu, count: number): Shape[] {
  const gpus = divisors(job.effectiveBatch).find((n) => n <= count) ?? 1;
  const share = job.effectiveBatch / gpus;
  const factor = gpus === 1 ? 1 : gpus * PARALLEL_EFFICIENCY;
  return trainings.flatMap(({ train, peakBytes }) => {
    const gradientAccumulation = share / train.microBatch;
    if (!Number.isInteger(gradientAccumulation) || peakBytes > gpu.memoryBytes * USABLE_SHARE) return [];
    const one = tokensPerSecond(job.architecture, { ...train, maxLength: job.rowTokens }, gpu);
    const rates = { low: one.low * factor, expected: one.expected * factor, high: one.high * factor };
    return [{ train, gpus, gradientAccumulation, peakBytes, rates }];
  });
}

interface Training {
  train: GpuTraining;
  peakBytes: Bytes;
}

/** Every micro-batch that divides the effective batch, with and without recomputed activations. */
function trainingsOf(job: Job): Training[] {
  const methods = job.method === "auto" ? (["lora", "qlora"] as const) : [job.method];
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
function trainingOn(
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

/** Largest first. */
export const divisors = (n: number): number[] =>
  Array.from({ length: n }, (_, index) => n - index).filter((divisor) => n % divisor === 0);

function purchases(job: Job, instance: Instance, shape: Shape): JobOption[] {
  const { train, gpus, gradientAccumulation, peakBytes, rates } = shape;
  const work = {
    work: workOf(job, shape, GPUS[instance.gpu]),
    startUp: startUp(job.architecture),
    // fp32 adapter and two AdamW moments.
    checkpointBytes: bytes(12 * adapterParameters(job.architecture, job.rank, job.targets, job.lastLayers)),
    diskBytes: bytes(100e9 + 2 * parameterCount(job.architecture)),
  };
  return (["on-demand", "spot"] as Purchase[]).flatMap((purchase) => {
    const cost = jobCost(instance, purchase, work);
    if (cost === null) return [];
    const { method, microBatch, checkpointing } = train;
    const how = { method, microBatch, gradientAccumulation, checkpointing, gpus, peakBytes };
    return [
      {
        ...cost,
        ...how,
        instance: instance.type,
        gpu: instance.gpu,
        tokensPerSecond: rates,
        priceDate: instance.priceDate,
      },
    ];
  });
}

/** Training on all GPUs, and the evaluation of base and tuned model on one of them. */
function workOf(job: Job, { train, rates }: Shape, gpu: Gpu): Range<Seconds> {
  const forward = { ...train, checkpointing: "none" as const, maxLength: job.rowTokens };
  const scoring = tokensPerSecond(job.architecture, forward, gpu);
  const decodeSteps = (2 * job.testRows * job.newTokens) / EVALUATION_BATCH;
  const decode = (decodeSteps * 2 * parameterCount(job.architecture)) / (gpu.bandwidth * DECODE_SHARE);
  const end = (rate: "low" | "expected" | "high", slow: number) =>
    seconds(
      (job.trainTokens * job.epochs) / rates[rate] +
        // Forward only is about half of a step without weight gradients.
        (2 * job.testTokens) / 2 / scoring[rate] +
        decode * slow,
    );
  return { low: end("high", 0.5), expected: end("expected", 1), high: end("low", 2) };
}

const EVALUATION_BATCH = 16;
/** Of the bandwidth that decoding in transformers reaches: unverified. */
const DECODE_SHARE = 0.25;

/**
 * Node ordered, joined, image pulled, weights loaded. KAITO issue 2325 measured 284 + 126 + 101 s for node
 * and image on Azure; weights from a hub or bucket at 100 to 1,000 MB/s.
 */
function startUp(a: Architecture): Range<Seconds> {
  const weights = 2 * parameterCount(a);
  return {
    low: seconds(240 + weights / 1e9),
    expected: seconds(510 + weights / 300e6),
    high: seconds(900 + weights / 100e6),
  };
}
