import { parameterCount, type Architecture } from "../catalog/architecture.ts";
import { GPUS, type GpuId } from "../catalog/gpus.ts";
import type { FineTuneSpec } from "../spec/fine-tune.ts";
import type { RunFile } from "../spec/run-file.ts";
import { jobOf } from "./flight.ts";
import { gpuMemory } from "./gpu-memory.ts";
import { shapeOn, trainingOn } from "./job-options.ts";
import { trainingMemory, type MemoryPlan } from "./memory.ts";
import { resolveTraining, trainingWith } from "./resolve.ts";
import { expectedSpeed, expectedTime, type Duration, type Speed } from "./time.ts";
import { workOf, type DataFacts } from "./work.ts";

/** Where and with what a fine-tune is trained. */
export interface TrainingFacts {
  /** Unknown for a hub model outside the catalog. */
  architecture: Architecture | null;
  data: DataFacts;
  /** That the stack's nodes have; null: a CPU trains. */
  gpu: GpuId | null;
  /** Main memory of the machine; Infinity where the nodes are not known. */
  memoryBytes: number;
  /** Of a CPU. */
  speed: Speed;
}

/** A training with nothing left open, and what it takes; null where the architecture is unknown. */
export interface TrainingPlan {
  train: RunFile["train"];
  /** Of the GPU where one trains, else main memory. */
  memory: MemoryPlan | null;
  /** Main memory of the training process. */
  hostBytes: number | null;
  seconds: Duration | null;
  tokensPerSecond: number | null;
}

export function planTraining(spec: FineTuneSpec, facts: TrainingFacts): TrainingPlan {
  return facts.gpu === null ? onCpu(spec, facts) : onGpu(spec, facts, facts.gpu);
}

function onCpu(spec: FineTuneSpec, { architecture, data, memoryBytes, speed }: TrainingFacts): TrainingPlan {
  const { longestRowTokens, longestAnswerTokens } = data;
  const memoryOf = (train: RunFile["train"]) =>
    architecture === null ? null : trainingMemory(architecture, train, longestRowTokens, longestAnswerTokens);
  const train = resolveTraining(spec, memoryBytes, (candidate) => memoryOf(candidate)?.peakBytes ?? 0);
  if (architecture === null) return unknown(train);
  const work = workOf(data, spec);
  const memory = memoryOf(train);
  return {
    train,
    memory,
    hostBytes: memory?.peakBytes ?? null,
    seconds: expectedTime(architecture, train, work, speed),
    tokensPerSecond: expectedSpeed(architecture, train, work.rowTokens, speed),
  };
}

const unknown = (train: RunFile["train"]): TrainingPlan => ({
  train,
  memory: null,
  hostBytes: null,
  seconds: null,
  tokensPerSecond: null,
});

/** CUDA libraries and the weights once in 16 bits, on their way to the GPU: unverified. */
const hostBytesOf = (a: Architecture) => 4e9 + 2 * parameterCount(a);

/** One GPU; what does not fit is planned at its smallest, so that the plan can say what it takes. */
function onGpu(spec: FineTuneSpec, { architecture, data }: TrainingFacts, gpu: GpuId): TrainingPlan {
  const computeDtype = "bfloat16" as const;
  const smallest = {
    method: spec.train.method === "lora" ? ("lora" as const) : ("qlora" as const),
    microBatch: 1,
    checkpointing: true,
    computeDtype,
  };
  if (architecture === null) return unknown(trainingWith(spec, smallest));
  const job = jobOf(spec, architecture, data);
  const shape = shapeOn(job, GPUS[gpu]);
  if (typeof shape === "string")
    return {
      ...unknown(trainingWith(spec, smallest)),
      memory: memoryOf(architecture, trainingOn(job, smallest.method, 1, "full")),
      hostBytes: hostBytesOf(architecture),
    };
  const { method, microBatch, checkpointing } = shape.train;
  return {
    train: trainingWith(spec, { method, microBatch, checkpointing: checkpointing === "full", computeDtype }),
    memory: memoryOf(architecture, shape.train),
    hostBytes: hostBytesOf(architecture),
    seconds: shape.work,
    tokensPerSecond: shape.rates.expected,
  };
}

function memoryOf(architecture: Architecture, train: ReturnType<typeof trainingOn>): MemoryPlan {
  const { peakBytes, breakdown } = gpuMemory(architecture, train);
  return { peakBytes, breakdown };
}
