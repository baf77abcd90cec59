import type { FineTuneSpec } from "../spec/fine-tune.ts";
import type { RunFile, ServerFile } from "../spec/run-file.ts";
import type { StackConfig } from "../spec/stack.ts";
import { adviceFor } from "./advice.ts";
import { dataDigest, evaluationDigestOf, runIdOf } from "./digest.ts";
import { trainingMemory, type MemoryPlan } from "./memory.ts";
import { resolveEvaluation, resolveTraining, type ResolvedBase } from "./resolve.ts";
import { expectedTime, type Duration, type Speed } from "./time.ts";

/** What reading the data of a fine-tune found. Tokens are estimated from characters. */
export interface DataFacts {
  sources: RunFile["data"]["sources"];
  rows: number;
  /** Of all rows together, prompts and answers. */
  tokens: number;
  longestRowTokens: number;
  longestAnswerTokens: number;
}

/** What the planner knows of the world; it does no I/O itself. */
export interface Facts {
  base: ResolvedBase;
  data: DataFacts;
  memoryBytes: number;
  speed: Speed;
  /** State of a run in the workspace. */
  runState: (runId: string) => "new" | "resumes" | "reused";
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
  memory: MemoryPlan | null;
  seconds: Duration | null;
  speedSource: Speed["source"];
  serving: {
    server: string;
    alias: string;
    modelId: string;
    change: "new" | "moves" | "none";
    from: string | null;
  };
  advice: string[];
}

export interface ServerPlan {
  /** DNS-safe, names servers/<key>/ in the workspace. */
  key: string;
  server: ServerFile;
}

export interface StackPlan {
  schemaVersion: 1;
  target: StackConfig["target"];
  /** Absolute path. */
  workspace: string;
  parallelism: number;
  fineTunes: FineTunePlan[];
  servers: ServerPlan[];
}

/** Plan one fine-tune. Pure: same spec and facts, same plan. */
export function planFineTune(spec: FineTuneSpec, facts: Facts): FineTunePlan {
  const { base, architecture } = facts.base;
  const { longestRowTokens, longestAnswerTokens, rows, tokens } = facts.data;
  const memoryOf = (train: RunFile["train"]) =>
    architecture === null ? null : trainingMemory(architecture, train, longestRowTokens, longestAnswerTokens);
  const train = resolveTraining(spec, facts.memoryBytes, (candidate) => memoryOf(candidate)?.peakBytes ?? 0);
  const data = resolveData(spec, facts.data.sources);
  const evaluate = resolveEvaluation(spec);
  const runId = runIdOf(base, data.digest, train);
  const serve = {
    dtype: evaluate.dtype,
    maxLength: spec.serve.maxLength ?? Math.min(2048, facts.base.context ?? 2048),
  };
  const run: RunFile = {
    schemaVersion: 1,
    runId,
    name: spec.name,
    task: spec.task,
    base,
    data,
    train,
    evaluate,
    gate: spec.gate,
    serve,
  };
  const trainShare = Math.max(0, 1 - spec.data.split.validation - spec.data.split.test);
  const work = {
    trainTokens: tokens * trainShare,
    testTokens: tokens * spec.data.split.test,
    rowTokens: tokens / Math.max(1, rows),
  };
  const state = facts.runState(runId);
  return {
    name: spec.name,
    description: spec.description,
    owner: spec.owner,
    runId,
    evaluationDigest: evaluationDigestOf(run),
    state,
    why: whyOf(state, facts.current),
    run,
    rows,
    tokens: Math.round(work.trainTokens),
    steps: Math.ceil((Math.ceil(rows * trainShare) / spec.train.effectiveBatch) * spec.train.epochs),
    memory: memoryOf(train),
    seconds: architecture === null ? null : expectedTime(architecture, train, work, facts.speed),
    speedSource: facts.speed.source,
    serving: servingOf(spec.name, runId, base.id, facts.current),
    advice: adviceFor(spec, rows),
  };
}

function resolveData(spec: FineTuneSpec, sources: RunFile["data"]["sources"]): RunFile["data"] {
  const { source: _declared, ...settings } = spec.data;
  const data = { ...settings, sources };
  return { ...data, digest: dataDigest(data) };
}

function whyOf(state: FineTunePlan["state"], current: string | null): string {
  if (state === "reused") return "base, data and training settings are those of a finished run";
  if (state === "resumes") return "an earlier update was interrupted; it goes on from its checkpoint";
  return current === null ? "no run of this name serves yet" : "base, data or training settings changed";
}

function servingOf(
  name: string,
  runId: string,
  baseId: string,
  current: string | null,
): FineTunePlan["serving"] {
  const from = current === null ? null : `${name}-${current}`;
  const change = current === null ? "new" : current === runId ? "none" : "moves";
  return { server: serverKey(baseId), alias: name, modelId: `${name}-${runId}`, change, from };
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
