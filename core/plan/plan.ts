import type { FineTuneSpec } from "../spec/fine-tune.ts";
import type { Engine } from "../spec/kubernetes.ts";
import type { RunFile } from "../spec/run-file.ts";
import type { StackConfig } from "../spec/stack.ts";
import type { GpuId } from "../catalog/gpus.ts";
import type { Instance } from "../catalog/instances.ts";
import type { AwsPlan } from "./aws-plan.ts";
import { adviceFor, type Advice } from "./advice.ts";
import { dataDigest, evaluationDigestOf, rowsDigest, runIdOf } from "./digest.ts";
import { calibratedMemory, peakRatio, type Accuracy, type Prediction } from "./calibration.ts";
import { dnsName } from "./dns-name.ts";
import { flightPlan, type FlightPlan } from "./flight.ts";
import type { GpuMeasurement } from "./gpu-step.ts";
import type { KubernetesPlan } from "./kubernetes-plan.ts";
import type { MemoryPlan } from "./memory.ts";
import { aliasPlan, outlookOf, type AliasPlan, type FormerVerdict, type RunState } from "./outlook.ts";
import { resolveEvaluation, type ResolvedBase } from "./resolve.ts";
import { serverKey, type ServerPlan } from "./servers.ts";
import { servedFineTune, type ServedFineTune, type ServingPlan } from "./serving-plan.ts";
import type { Duration, Speed } from "./time.ts";
import { planTraining } from "./training.ts";
import type { Bytes, Seconds } from "./units.ts";
import { workOf, type DataFacts } from "./work.ts";

/** What the planner knows of the world; it does no I/O itself. */
export interface Facts {
  base: ResolvedBase;
  data: DataFacts;
  /** That trains; null: a CPU; `planned`: that of the cheapest job within the limits. */
  gpu: GpuId | "planned" | null;
  /** That serves it in a cluster; null: the one server of a base on this machine. */
  engine: Engine | null;
  /** Main memory; Infinity where the nodes are not known. */
  memoryBytes: number;
  /** Of a CPU. */
  speed: Speed;
  /** Of a CPU, as a Job is declared with it whatever earlier runs took; null where no Job is. */
  declaredSpeed: Speed | null;
  /** Of the last training here of the same base, or else of its family. */
  lastAccuracy: Accuracy | null;
  /** What earlier runs of the base's family took on a GPU. */
  measuredOn: (gpu: GpuId) => GpuMeasurement | null;
  accuracyOf: (runId: string) => Accuracy | null;
  /** That could be rented or are owned, with their prices. */
  instances: readonly Instance[];
  /** State of a run in the workspace. */
  runState: (runId: string) => RunState;
  verdictOf: (runId: string) => FormerVerdict | null;
  /** Run that serves under this name today. */
  current: string | null;
}

export interface FineTunePlan {
  name: string;
  description: string;
  owner: string;
  runId: string;
  evaluationDigest: string;
  state: RunState;
  why: string;
  run: RunFile;
  /** That trains it; null: a CPU. */
  gpu: GpuId | null;
  rows: number;
  /** Trained tokens of one epoch, estimated. */
  tokens: number;
  /** Optimizer steps. */
  steps: number;
  /** Of the GPU where one trains, else main memory. */
  memory: MemoryPlan | null;
  /** Main memory of the training process. */
  hostBytes: Bytes | null;
  seconds: Duration | null;
  /** The high end of it, as no earlier run corrects it: what a Job's deadline follows from. */
  declaredSeconds: Seconds | null;
  speedSource: Speed["source"] | "catalog";
  /** Kept beside what will be measured; null where the architecture is unknown. */
  prediction: Prediction | null;
  /** Of a finished run. */
  accuracy: Accuracy | null;
  serving: AliasPlan;
  /** That serves it in a cluster. */
  engine: Engine | null;
  /** On a GPU; null for a base whose architecture is unknown. */
  flight: FlightPlan | null;
  /** What a GPU server of its base has to hold; null where the architecture is unknown. */
  served: ServedFineTune | null;
  advice: Advice[];
}

export interface StackPlan {
  schemaVersion: 1;
  target: StackConfig["target"];
  /** Name of the stack. */
  stack: string;
  /** Absolute path: a folder of this machine, or where pods mount the volume. */
  workspace: string;
  /** Of the targets kubernetes and aws. */
  kubernetes: KubernetesPlan | null;
  /** Of target aws. */
  aws: AwsPlan | null;
  parallelism: number;
  fineTunes: FineTunePlan[];
  /** Of this machine or the cluster. */
  servers: ServerPlan[];
  /** On GPUs: what serving all of it would take. */
  serving: ServingPlan;
  /** What a person should know of the target before anything starts. */
  notes: string[];
}

/** Plan one fine-tune. Pure: same spec and facts, same plan. */
export function planFineTune(spec: FineTuneSpec, facts: Facts): FineTunePlan {
  const { base, architecture } = facts.base;
  const flight = flightPlan(spec, facts);
  const job = flight?.best ?? flight?.beyondLimits ?? null;
  const gpu = facts.gpu === "planned" ? (job?.gpu ?? null) : facts.gpu;
  const training = planTraining(spec, { ...facts, gpu, architecture });
  const { seconds } = training;
  const measured = gpu === null ? null : facts.measuredOn(gpu);
  const ratio = gpu === null ? peakRatio(facts.lastAccuracy) : (measured?.peakRatio ?? 1);
  const memory = training.memory === null ? null : calibratedMemory(training.memory, ratio);
  const run = resolveRun(spec, facts, training.train);
  const { runId } = run;
  const work = workOf(facts.data, spec);
  const state = facts.runState(runId);
  const verdict = state === "reused" ? facts.verdictOf(runId) : null;
  const { why, isRefused } = outlookOf(state, verdict, run, facts.current);
  return {
    name: spec.name,
    description: spec.description,
    owner: spec.owner,
    runId,
    evaluationDigest: evaluationDigestOf(run),
    state,
    why,
    run,
    gpu,
    rows: work.rows,
    tokens: Math.round(work.trainTokens),
    steps: Math.ceil((Math.ceil(work.trainRows) / spec.train.effectiveBatch) * spec.train.epochs),
    memory,
    hostBytes: training.hostBytes,
    seconds,
    declaredSeconds: training.declaredSeconds,
    speedSource: gpu === null ? facts.speed.source : measured === null ? "catalog" : "last run",
    prediction: training.prediction,
    accuracy: state === "reused" ? facts.accuracyOf(runId) : null,
    serving: aliasPlan(spec.name, runId, serverOf(run, facts.engine), facts.current, isRefused),
    engine: facts.engine,
    flight,
    served: servedFineTune(
      spec,
      facts.base,
      run.serve.maxLength,
      work.rowTokens,
      facts.data.longestAnswerTokens,
    ),
    advice: adviceFor(spec, {
      ...work,
      testRows: Math.round(work.testRows),
      longestRowTokens: facts.data.longestRowTokens,
      serveLength: run.serve.maxLength,
      seconds,
      gpu,
      memory,
      entry: facts.base.entry,
      isDownloaded: base.weights.kind === "hub",
      flight,
    }),
  };
}

/** run.json. Scored in the type that is served: 16 bits by vLLM, 32 by the trainer's own server. */
function resolveRun(spec: FineTuneSpec, facts: Facts, train: RunFile["train"]): RunFile {
  const { base, context } = facts.base;
  const data = resolveData(spec, facts.data.sources);
  const evaluate = resolveEvaluation(spec, facts.engine === "vllm" ? "bfloat16" : "float32");
  const longest = Math.min(Math.max(2048, train.maxLength), context ?? Infinity);
  return {
    schemaVersion: 1,
    runId: runIdOf(base, rowsDigest(data), train),
    name: spec.name,
    task: spec.task,
    base,
    data,
    train,
    evaluate,
    gate: spec.gate,
    serve: {
      dtype: evaluate.dtype,
      maxLength: spec.serve.maxLength ?? longest,
      weights: servedWeights(facts),
    },
  };
}

const servedWeights = ({ engine, base }: Facts): RunFile["serve"]["weights"] =>
  engine === "vllm" && base.entry?.vllmLora === false ? "merged" : "adapter";

/**
 * Key of its server: on this machine one a base, in a cluster one a base and engine, and one of its own where
 * the weights hold the adapter.
 */
function serverOf({ base, name, serve }: RunFile, engine: Engine | null): string {
  if (engine === null) return serverKey(base.id);
  return serve.weights === "merged" ? dnsName(base.id, name, engine) : dnsName(base.id, engine);
}

function resolveData(spec: FineTuneSpec, sources: RunFile["data"]["sources"]): RunFile["data"] {
  const { source: _declared, ...settings } = spec.data;
  const data = { ...settings, sources };
  return { ...data, digest: dataDigest(data) };
}
