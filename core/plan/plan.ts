import type { FineTuneSpec } from "../spec/fine-tune.ts";
import type { RunFile } from "../spec/run-file.ts";
import type { StackConfig } from "../spec/stack.ts";
import type { GpuId } from "../catalog/gpus.ts";
import type { Instance } from "../catalog/instances.ts";
import { adviceFor, type Advice } from "./advice.ts";
import { dataDigest, evaluationDigestOf, rowsDigest, runIdOf } from "./digest.ts";
import { calibratedMemory, type Accuracy, type Prediction } from "./calibration.ts";
import { flightPlan, type FlightPlan } from "./flight.ts";
import type { GpuMeasurement } from "./gpu-calibration.ts";
import { trainingMemory, type MemoryPlan } from "./memory.ts";
import { aliasPlan, outlookOf, type AliasPlan, type FormerVerdict, type RunState } from "./outlook.ts";
import { resolveEvaluation, resolveTraining, type ResolvedBase } from "./resolve.ts";
import type { ServerPlan } from "./servers.ts";
import { servedFineTune, type ServedFineTune, type ServingPlan } from "./serving-plan.ts";
import { seconds } from "./units.ts";
import { workOf, type DataFacts } from "./work.ts";
import { expectedSpeed, expectedTime, type Duration, type Speed } from "./time.ts";

/** What the planner knows of the world; it does no I/O itself. */
export interface Facts {
  base: ResolvedBase;
  data: DataFacts;
  memoryBytes: number;
  speed: Speed;
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
  rows: number;
  /** Trained tokens of one epoch, estimated. */
  tokens: number;
  /** Optimizer steps. */
  steps: number;
  memory: MemoryPlan | null;
  seconds: Duration | null;
  speedSource: Speed["source"];
  /** Kept beside what will be measured; null where the architecture is unknown. */
  prediction: Prediction | null;
  /** Of a finished run. */
  accuracy: Accuracy | null;
  serving: AliasPlan;
  /** On a GPU; null for a base whose architecture is unknown. */
  flight: FlightPlan | null;
  /** What a GPU server of its base has to hold; null where the architecture is unknown. */
  served: ServedFineTune | null;
  advice: Advice[];
}

export interface StackPlan {
  schemaVersion: 1;
  target: StackConfig["target"];
  /** Absolute path. */
  workspace: string;
  parallelism: number;
  fineTunes: FineTunePlan[];
  /** Of this machine. */
  servers: ServerPlan[];
  /** On GPUs: what serving all of it would take. */
  serving: ServingPlan;
}

/** Plan one fine-tune. Pure: same spec and facts, same plan. */
export function planFineTune(spec: FineTuneSpec, facts: Facts): FineTunePlan {
  const { base, architecture } = facts.base;
  const { run, memory } = resolveRun(spec, facts);
  const { runId, train } = run;
  const work = workOf(facts.data, spec);
  const time = architecture === null ? null : expectedTime(architecture, train, work, facts.speed);
  const flight = flightPlan(spec, facts);
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
    rows: work.rows,
    tokens: Math.round(work.trainTokens),
    steps: Math.ceil((Math.ceil(work.trainRows) / spec.train.effectiveBatch) * spec.train.epochs),
    memory: memory === null ? null : calibratedMemory(memory, facts.lastAccuracy),
    seconds: time,
    speedSource: facts.speed.source,
    prediction: predictionOf(spec, facts, run.train, memory),
    accuracy: state === "reused" ? facts.accuracyOf(runId) : null,
    serving: aliasPlan(spec.name, runId, base.id, facts.current, isRefused),
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
      seconds: time,
      entry: facts.base.entry,
      isDownloaded: base.weights.kind === "hub",
      flight,
    }),
  };
}

/** run.json, and the memory that its training takes; null where the architecture is unknown. */
function resolveRun(spec: FineTuneSpec, facts: Facts): { run: RunFile; memory: MemoryPlan | null } {
  const { base, architecture } = facts.base;
  const { longestRowTokens, longestAnswerTokens, sources } = facts.data;
  const memoryOf = (train: RunFile["train"]) =>
    architecture === null ? null : trainingMemory(architecture, train, longestRowTokens, longestAnswerTokens);
  const train = resolveTraining(spec, facts.memoryBytes, (candidate) => memoryOf(candidate)?.peakBytes ?? 0);
  const data = resolveData(spec, sources);
  const evaluate = resolveEvaluation(spec);
  const longest = Math.min(Math.max(2048, train.maxLength), facts.base.context ?? Infinity);
  const run: RunFile = {
    schemaVersion: 1,
    runId: runIdOf(base, rowsDigest(data), train),
    name: spec.name,
    task: spec.task,
    base,
    data,
    train,
    evaluate,
    gate: spec.gate,
    serve: { dtype: evaluate.dtype, maxLength: spec.serve.maxLength ?? longest },
  };
  return { run, memory: memoryOf(train) };
}

/** Null where the architecture is unknown. */
function predictionOf(
  spec: FineTuneSpec,
  { base: { architecture }, data, speed }: Facts,
  train: RunFile["train"],
  memory: MemoryPlan | null,
): Prediction | null {
  if (architecture === null || memory === null) return null;
  const { rowTokens, trainTokens } = workOf(data, spec);
  const tokensPerSecond = expectedSpeed(architecture, train, rowTokens, speed);
  return {
    peakBytes: memory.peakBytes,
    tokensPerSecond,
    seconds: seconds((trainTokens * train.epochs) / tokensPerSecond),
    architecture,
    on: null,
  };
}

function resolveData(spec: FineTuneSpec, sources: RunFile["data"]["sources"]): RunFile["data"] {
  const { source: _declared, ...settings } = spec.data;
  const data = { ...settings, sources };
  return { ...data, digest: dataDigest(data) };
}
