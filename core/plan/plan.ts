import type { FineTuneSpec } from "../spec/fine-tune.ts";
import type { RunFile, ServerFile } from "../spec/run-file.ts";
import type { StackConfig } from "../spec/stack.ts";
import type { Instance } from "../catalog/instances.ts";
import { adviceFor, type Advice } from "./advice.ts";
import { canonicalJson, dataDigest, evaluationDigestOf, rowsDigest, runIdOf } from "./digest.ts";
import { flightPlan, type FlightPlan } from "./flight.ts";
import { trainingMemory, type MemoryPlan } from "./memory.ts";
import { resolveEvaluation, resolveTraining, type ResolvedBase } from "./resolve.ts";
import { expectedTime, type Duration, type Speed } from "./time.ts";

type DeclaredSplit = RunFile["data"]["sources"][number]["split"];

/** What reading the data of a fine-tune found. Tokens are estimated from characters. */
export interface DataFacts {
  sources: RunFile["data"]["sources"];
  /** Rows and tokens (prompts and answers) of the sources of each declared split, after `maxRows`. */
  bySplit: Record<DeclaredSplit, { rows: number; tokens: number }>;
  longestRowTokens: number;
  longestAnswerTokens: number;
}

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
  memoryBytes: number;
  speed: Speed;
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
  /** On a GPU; null for a base whose architecture is unknown. */
  flight: FlightPlan | null;
  advice: Advice[];
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
  const { longestRowTokens, longestAnswerTokens } = facts.data;
  const memoryOf = (train: RunFile["train"]) =>
    architecture === null ? null : trainingMemory(architecture, train, longestRowTokens, longestAnswerTokens);
  const train = resolveTraining(spec, facts.memoryBytes, (candidate) => memoryOf(candidate)?.peakBytes ?? 0);
  const data = resolveData(spec, facts.data.sources);
  const evaluate = resolveEvaluation(spec);
  const runId = runIdOf(base, rowsDigest(data), train);
  const longest = Math.min(Math.max(2048, train.maxLength), facts.base.context ?? Infinity);
  const serve = { dtype: evaluate.dtype, maxLength: spec.serve.maxLength ?? longest };
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
  const work = workOf(facts.data, spec);
  const seconds = architecture === null ? null : expectedTime(architecture, train, work, facts.speed);
  const flight = flightOf(spec, facts);
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
    memory: memoryOf(train),
    seconds,
    speedSource: facts.speed.source,
    serving: servingOf(spec.name, runId, base.id, facts.current, isRefused),
    flight,
    advice: adviceFor(spec, {
      rows: work.rows,
      testRows: Math.round(work.testRows),
      longestRowTokens,
      rowTokens: work.rowTokens,
      serveLength: serve.maxLength,
      seconds,
      entry: facts.base.entry,
      isDownloaded: base.weights.kind === "hub",
      flight,
    }),
  };
}

/** Tokens of an answer of the longest kind are generated for each test row. */
export function flightOf(
  spec: FineTuneSpec,
  {
    base: { architecture, context, entry },
    data,
    instances,
  }: Pick<Facts, "data" | "instances"> & { base: Omit<ResolvedBase, "base"> },
): FlightPlan | null {
  if (architecture === null) return null;
  const work = workOf(data, spec);
  const { maxLength, ...train } = spec.train;
  const job = {
    ...train,
    ...work,
    architecture,
    rowTokens: Math.max(1, Math.min(work.rowTokens, maxLength)),
    longestRowTokens: Math.max(1, Math.min(data.longestRowTokens, maxLength)),
    longestAnswerTokens: data.longestAnswerTokens,
    newTokens: Math.min(data.longestAnswerTokens, resolveEvaluation(spec).maxNewTokens),
  };
  return flightPlan(job, spec, { context, vllmLora: entry?.vllmLora ?? true }, instances);
}

/** Rows and tokens by what happens to them. */
function workOf(data: DataFacts, spec: FineTuneSpec) {
  const { all, training, test } = splitsOf(data, spec.data.split);
  return {
    rows: all.rows,
    trainRows: training.rows,
    testRows: test.rows,
    trainTokens: training.tokens,
    testTokens: test.tokens,
    rowTokens: all.tokens / Math.max(1, all.rows),
  };
}

/** What is trained on and tested on: declared splits, and shares of the rows that a hash divides. */
function splitsOf({ bySplit }: DataFacts, { validation, test }: FineTuneSpec["data"]["split"]) {
  const share = Math.max(0, 1 - validation - test);
  const sum = (of: (part: "rows" | "tokens") => number) => ({ rows: of("rows"), tokens: of("tokens") });
  const parts = Object.values(bySplit);
  return {
    all: sum((part) => parts.reduce((total, split) => total + split[part], 0)),
    training: sum((part) => bySplit.train[part] + bySplit.all[part] * share),
    test: sum((part) => bySplit.test[part] + bySplit.all[part] * test),
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
  name: string,
  runId: string,
  baseId: string,
  current: string | null,
  isRefused: boolean,
): FineTunePlan["serving"] {
  const from = current === null ? null : `${name}-${current}`;
  const change = isRefused || current === runId ? "none" : current === null ? "new" : "moves";
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
