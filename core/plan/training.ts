import { parameterCount, type Architecture } from "../catalog/architecture.ts";
import { GPUS, type GpuId } from "../catalog/gpus.ts";
import type { FineTuneSpec } from "../spec/fine-tune.ts";
import type { RunFile } from "../spec/run-file.ts";
import type { Prediction } from "./calibration.ts";
import { jobOf } from "./flight.ts";
import type { GpuMeasurement } from "./gpu-step.ts";
import { gpuMemory, type GpuTraining } from "./gpu-memory.ts";
import type { Job } from "./job.ts";
import { jobParts } from "./job-time.ts";
import { trainingMemory, type MemoryPlan } from "./memory.ts";
import { resolveTraining, trainingWith } from "./resolve.ts";
import { asMeasured, shapesOn, stepsOf, stepsOn, trainingOn, type Shape } from "./shapes.ts";
import { expectedSpeed, expectedTime, type Duration, type Speed } from "./time.ts";
import { bytes, mapRange, seconds, type Bytes, type Seconds } from "./units.ts";
import { workOf, type DataFacts } from "./work.ts";

/** Where and with what a fine-tune is trained. */
export interface TrainingFacts {
  /** Unknown for a hub model outside the catalog. */
  architecture: Architecture | null;
  data: DataFacts;
  /** That the stack's nodes have; null: a CPU trains. */
  gpu: GpuId | null;
  measuredOn: (gpu: GpuId) => GpuMeasurement | null;
  /** Main memory of the machine; Infinity where the nodes are not known. */
  memoryBytes: number;
  /** Of a CPU. */
  speed: Speed;
  /** Of a CPU, as a Job is declared with it whatever earlier runs took; null where no Job is. */
  declaredSpeed: Speed | null;
}

/** A training with nothing left open, and what it takes; null where the architecture is unknown. */
export interface TrainingPlan {
  train: RunFile["train"];
  /** Of the GPU where one trains, else main memory. */
  memory: MemoryPlan | null;
  /** Main memory of the training process. */
  hostBytes: Bytes | null;
  /** Training and evaluation, and the start of the stages. */
  seconds: Duration | null;
  /** The high end of it, as no earlier run corrects it: what a Job's deadline follows from. */
  declaredSeconds: Seconds | null;
  /** As no earlier run corrects it, in a cluster. */
  prediction: Prediction | null;
}

/** Resolve what a spec leaves open for the GPU or CPU that trains it. */
export function planTraining(spec: FineTuneSpec, facts: TrainingFacts): TrainingPlan {
  return facts.gpu === null ? onCpu(spec, facts) : onGpu(spec, facts, facts.gpu);
}

const unknown = (train: RunFile["train"]): TrainingPlan => ({
  train,
  memory: null,
  hostBytes: null,
  seconds: null,
  declaredSeconds: null,
  prediction: null,
});

function onCpu(spec: FineTuneSpec, facts: TrainingFacts): TrainingPlan {
  const { architecture, data, memoryBytes, speed } = facts;
  const { longestRowTokens, longestAnswerTokens } = data;
  if (architecture === null) return unknown(resolveTraining(spec, memoryBytes, () => 0));
  const memoryOf = (train: RunFile["train"]) =>
    trainingMemory(architecture, train, longestRowTokens, longestAnswerTokens);
  const train = resolveTraining(spec, memoryBytes, (candidate) => memoryOf(candidate).peakBytes);
  const memory = memoryOf(train);
  const work = workOf(data, spec);
  const declared = facts.declaredSpeed ?? speed;
  const tokensPerSecond = expectedSpeed(architecture, train, work.rowTokens, declared);
  return {
    train,
    memory,
    hostBytes: memory.peakBytes,
    seconds: expectedTime(architecture, train, work, speed),
    declaredSeconds: expectedTime(architecture, train, work, declared).high,
    prediction: {
      peakBytes: memory.peakBytes,
      tokensPerSecond,
      seconds: seconds((work.trainTokens * train.epochs) / tokensPerSecond),
      architecture,
      on: null,
    },
  };
}

/** CUDA libraries, and the weights once in 16 bits on their way to the GPU: unverified. */
export const trainerHostBytes = (a: Architecture): Bytes => bytes(4e9 + 2 * parameterCount(a));

/** What the process takes of the GPU: what has to fit. `reserve` is what the allocator and CUDA add. */
function processMemory(a: Architecture, train: GpuTraining): MemoryPlan {
  const { processBytes, allocatedBytes, breakdown } = gpuMemory(a, train);
  return {
    peakBytes: processBytes,
    breakdown: { ...breakdown, reserve: bytes(processBytes - allocatedBytes) },
  };
}

/**
 * One GPU of a kind that is there already, so the fastest shape is the cheapest; 16-bit weights where they
 * fit. What does not fit is planned at its smallest, so that the plan can say what it takes.
 */
function onGpu(spec: FineTuneSpec, facts: TrainingFacts, gpu: GpuId): TrainingPlan {
  const { architecture, data } = facts;
  const method = spec.train.method === "lora" ? "lora" : "qlora";
  const computeDtype = "bfloat16";
  const smallest = trainingWith(spec, { method, microBatch: 1, checkpointing: true, computeDtype });
  if (architecture === null) return unknown(smallest);
  const hostBytes = trainerHostBytes(architecture);
  const job = jobOf(spec, architecture, data);
  const [shape] = shapesOn(job, stepsOn(job, stepsOf(job), GPUS[gpu]), 1);
  if (shape === undefined)
    return {
      ...unknown(smallest),
      memory: processMemory(architecture, trainingOn(job, method, 1, "full")),
      hostBytes,
    };
  const { train, rates, peakBytes } = shape;
  const declared = workIn(job, shape, gpu);
  const told = workIn(job, asMeasured(job, shape, GPUS[gpu], facts.measuredOn(gpu)), gpu);
  return {
    train: trainingWith(spec, {
      method: train.method,
      microBatch: train.microBatch,
      checkpointing: train.checkpointing === "full",
      computeDtype,
    }),
    memory: processMemory(architecture, train),
    hostBytes,
    seconds: told.work,
    declaredSeconds: declared.work.high,
    prediction: {
      peakBytes,
      tokensPerSecond: rates.expected,
      seconds: declared.training.expected,
      architecture,
      on: { gpu, gpus: 1, train: { ...train, maxLength: job.rowTokens } },
    },
  };
}

/** Training, and with it evaluation and the start of the stages. Image and node are there. */
function workIn(job: Job, shape: Shape, gpu: GpuId): { training: Duration; work: Duration } {
  const { processes, training, evaluation } = jobParts(job, shape, GPUS[gpu]);
  return { training, work: mapRange((end) => seconds(processes[end] + training[end] + evaluation[end])) };
}
