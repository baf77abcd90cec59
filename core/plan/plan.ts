import type { GpuId } from "../catalog/gpus.ts";
import type { FineTuneSpec } from "../spec/fine-tune.ts";
import type { Engine } from "../spec/kubernetes.ts";
import type { RunFile, ServerFile } from "../spec/run-file.ts";
import type { StackConfig } from "../spec/stack.ts";
import type { Instance } from "../catalog/instances.ts";
import { adviceFor, type Advice } from "./advice.ts";
import { canonicalJson, dataDigest, evaluationDigestOf, rowsDigest, runIdOf } from "./digest.ts";
import { calibratedMemory, type Accuracy, type Outcome } from "./calibration.ts";
import { flightPlan, type FlightPlan } from "./flight.ts";
import type { KubernetesPlan } from "./kubernetes-plan.ts";
import type { MemoryPlan } from "./memory.ts";
import { resolveEvaluation, type ResolvedBase } from "./resolve.ts";
import type { ServingMemory } from "./serving-memory.ts";
import type { Duration, Speed } from "./time.ts";
import { planTraining } from "./training.ts";
import { workOf, type DataFacts } from "./work.ts";

/** A verdict that the workspace holds. */
export interface FormerVerdict {
  decision: "promoted" | "rejected" | "undecidable";
  reason: string;
  /** Run that it was compared with besides the base. */
  incumbent: string | null;
  /** Evaluate and gate settings that it was decided with. */
  settings: unknown;
}

/** What the planner knows of the world; it does no I/O itself. */
export interface Facts {
  base: ResolvedBase;
  data: DataFacts;
  /** That trains; null: a CPU. */
  gpu: GpuId | null;
  /** That serves it on a cluster; null: the one server of a base on this machine. */
  engine: Engine | null;
  /** Main memory; Infinity where the nodes are not known. */
  memoryBytes: number;
  /** Of a CPU. */
  speed: Speed;
  /** Of the last training of the same base here. */
  lastAccuracy: Accuracy | null;
  accuracyOf: (runId: string) => Accuracy | null;
  /** That could be rented or are owned, with their prices. */
  instances: readonly Instance[];
  /** State of a run in the workspace. */
  runState: (runId: string) => "new" | "resumes" | "reused";
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
  state: "new" | "resumes" | "reused";
  why: string;
  run: RunFile;
  rows: number;
  /** Trained tokens of one epoch, estimated. */
  tokens: number;
  /** Optimizer steps. */
  steps: number;
  /** Of the GPU where one trains, else main memory. */
  memory: MemoryPlan | null;
  /** Main memory of the training process, bytes. */
  hostBytes: number | null;
  seconds: Duration | null;
  speedSource: Speed["source"] | "catalog";
  /** Kept beside what will be measured; null where the architecture is unknown. */
  prediction: Outcome | null;
  /** Of a finished run. */
  accuracy: Accuracy | null;
  serving: {
    server: string;
    alias: string;
    modelId: string;
    change: "new" | "moves" | "none";
    from: string | null;
  };
  /** On a GPU; null for a base whose architecture is unknown. */
  flight: FlightPlan | null;
  advice: Advice[];
}

export interface ServerPlan {
  /** DNS-safe, names servers/<key>/ in the workspace. */
  key: string;
  engine: Engine;
  server: ServerFile;
  /** Main memory of its process, bytes; null where it is not planned. */
  hostBytes: number | null;
  /** Of its GPU; null for the trainer's own server. */
  gpuMemory: ServingMemory | null;
}

export interface StackPlan {
  schemaVersion: 1;
  target: StackConfig["target"];
  /** Name of the stack. */
  stack: string;
  /** Absolute path: a folder of this machine, or where pods mount the volume. */
  workspace: string;
  /** Of target kubernetes. */
  kubernetes: KubernetesPlan | null;
  parallelism: number;
  fineTunes: FineTunePlan[];
  servers: ServerPlan[];
}

/** Plan one fine-tune. Pure: same spec and facts, same plan. */
export function planFineTune(spec: FineTuneSpec, facts: Facts): FineTunePlan {
  const { base, architecture } = facts.base;
  const { train, memory, hostBytes, seconds, tokensPerSecond } = planTraining(spec, {
    ...facts,
    architecture,
  });
  const run = resolveRun(spec, facts, train);
  const { runId } = run;
  const work = workOf(facts.data, spec);
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
    hostBytes,
    seconds,
    speedSource: facts.gpu === null ? facts.speed.source : "catalog",
    prediction:
      memory === null || tokensPerSecond === null ? null : { peakBytes: memory.peakBytes, tokensPerSecond },
    accuracy: state === "reused" ? facts.accuracyOf(runId) : null,
    serving: servingOf(run, facts, isRefused),
    flight,
    advice: adviceFor(spec, {
      ...work,
      testRows: Math.round(work.testRows),
      longestRowTokens: facts.data.longestRowTokens,
      serveLength: run.serve.maxLength,
      seconds,
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
    serve: { dtype: evaluate.dtype, maxLength: spec.serve.maxLength ?? longest },
  };
}

function resolveData(spec: FineTuneSpec, sources: RunFile["data"]["sources"]): RunFile["data"] {
  const { source: _declared, ...settings } = spec.data;
  const data = { ...settings, sources };
  return { ...data, digest: dataDigest(data) };
}

/** Why a run is new or not, and whether the gate is known to refuse it again. */
function outlookOf(
  state: FineTunePlan["state"],
  verdict: FormerVerdict | null,
  run: RunFile,
  current: string | null,
): { why: string; isRefused: boolean } {
  const outlook = (why: string, isRefused = false) => ({ why, isRefused });
  if (state === "resumes")
    return outlook("an earlier update was interrupted; it goes on from its checkpoint");
  if (state === "new")
    return outlook(
      current === null ? "no run of this name serves yet" : "base, data or training settings changed",
    );
  if (verdict === null) return outlook("it is trained already and not judged yet");
  const settings = { evaluate: run.evaluate, gate: run.gate };
  const isSame = canonicalJson(verdict.settings) === canonicalJson(settings);
  if (!isSame) return outlook("it is trained already; evaluation or gate changed, so it is judged again");
  if (verdict.decision !== "promoted" && verdict.incumbent === current)
    return outlook(`it is trained already and was ${verdict.decision}: ${verdict.reason}`, true);
  return outlook("base, data and training settings are those of a finished run");
}

function servingOf(
  { name, runId, base }: RunFile,
  { current, engine }: Facts,
  isRefused: boolean,
): FineTunePlan["serving"] {
  const from = current === null ? null : `${name}-${current}`;
  const change = isRefused || current === runId ? "none" : current === null ? "new" : "moves";
  const server = serverKey(base.id) + (engine === null ? "" : `-${engine}`);
  return { server, alias: name, modelId: `${name}-${runId}`, change, from };
}

/** A base id as a folder and DNS name. */
export function serverKey(baseId: string): string {
  return baseId
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-|-$/g, "");
}

/** One server per base: all fine-tunes of a base share its weights. Ports count up in order of the keys. */
export function planServers(
  plans: readonly FineTunePlan[],
  config: StackConfig,
  workspace: string,
): ServerPlan[] {
  const keys = [...new Set(plans.map((plan) => plan.serving.server))].sort();
  return keys.map((key, index) => {
    const mine = plans.filter((plan) => plan.serving.server === key);
    const [first] = mine;
    if (first === undefined) throw new Error("a server without fine-tunes");
    return {
      key,
      engine: "cpu",
      hostBytes: null,
      gpuMemory: null,
      server: {
        schemaVersion: 1,
        base: first.run.base,
        host: "127.0.0.1",
        port: config.port + index,
        dtype: first.run.serve.dtype,
        maxLength: Math.max(...mine.map((plan) => plan.run.serve.maxLength)),
        aliasesFile: `${workspace}/servers/${key}/aliases.json`,
        maxBatchRows: 8,
        apiKeyVariable: null,
      },
    };
  });
}
