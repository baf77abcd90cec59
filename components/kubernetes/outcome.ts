import { setTimeout as sleep } from "node:timers/promises";
import type { V1Job, V1Pod } from "@kubernetes/client-node";
import { EXIT_CODES } from "../../core/spec/exit-codes.ts";
import {
  apiError,
  connect,
  orAbsent,
  type Cluster,
  type Connection,
} from "../../loading/kubernetes-client.ts";
import { readAliases } from "./alias-map.ts";
import type { Lifecycle } from "../local/provider.ts";
import { leaseHeld } from "../local/lease.ts";
import { PodLogs } from "./pod-logs.ts";
import { jobFailure, waitingReason } from "./pod-report.ts";
import { verdictIn, type ClusterVerdict } from "./verdict.ts";

export interface OutcomeInputs {
  connection: Connection;
  namespace: string;
  /** Name of the fine-tune; begins every line it prints. */
  name: string;
  runId: string;
  /** Over the evaluate and gate settings: a change is judged again. */
  evaluationDigest: string;
  /** The Job as declared: made again where it is gone, or failed in an earlier update. */
  job: V1Job;
  /** Of the adapter that the run makes. */
  rank: number;
  verdictMap: string;
  /** `detached`: return after the Job was taken; a later update reads the verdict. */
  mode: "await" | "detached";
  /** See local/lease.ts. */
  lease: string;
}

export interface Target {
  modelId: string;
  runId: string;
  /** Of its adapter; null where an update before this one did not keep it. */
  rank: number | null;
}

export interface OutcomeOutputs {
  name: string;
  runId: string;
  evaluationDigest: string;
  state: ClusterVerdict["decision"] | "failed" | "running";
  /** For people: the gate's reason, or why the Job failed. */
  reason: string;
  exitCode: number;
  score: ClusterVerdict["score"] | null;
  improvement: ClusterVerdict["improvement"] | null;
  metric: string | null;
  /** What the alias points at after this update; null where nothing of this name was ever promoted. */
  serving: Target | null;
  /** What it pointed at before: stays loaded, so that a rollback moves the alias only. */
  previous: Target | null;
}

type Finding = Pick<OutcomeOutputs, "state" | "reason" | "exitCode"> & { verdict: ClusterVerdict | null };

const EXIT_OF = {
  promoted: EXIT_CODES.OK.code,
  rejected: EXIT_CODES.REJECTED.code,
  undecidable: EXIT_CODES.UNDECIDABLE.code,
} as const;

/** Follow the Job to its end and read the verdict. Throws only where the cluster or the person ends the wait. */
async function conclude(inputs: OutcomeInputs, old: OutcomeOutputs | null): Promise<OutcomeOutputs> {
  const cluster = connect(inputs.connection);
  const finding = await finish(cluster, inputs);
  const { state, reason, exitCode, verdict } = finding;
  const live = (await readAliases(cluster, inputs.namespace))[inputs.name] ?? null;
  const known = [old?.serving, old?.previous].find((target) => target?.runId === live?.runId);
  const before =
    live === null ? null : { modelId: live.modelId, runId: live.runId, rank: known?.rank ?? null };
  const own = { modelId: `${inputs.name}-${inputs.runId}`, runId: inputs.runId, rank: inputs.rank };
  const serving = state === "promoted" ? own : before;
  return {
    name: inputs.name,
    runId: inputs.runId,
    evaluationDigest: inputs.evaluationDigest,
    state,
    reason,
    exitCode,
    score: verdict?.score ?? null,
    improvement: verdict?.improvement ?? null,
    metric: verdict?.metric ?? null,
    serving,
    previous: before?.runId === serving?.runId ? null : before,
  };
}

async function finish(cluster: Cluster, inputs: OutcomeInputs): Promise<Finding> {
  const say = (line: string) => console.log(`${inputs.name} ${line}`);
  const logs = new PodLogs(cluster, say);
  try {
    return await wait(cluster, inputs, logs, say);
  } finally {
    await logs.end();
  }
}

const POLL_MILLISECONDS = 1000;
/** The API server may be away for so many polls in a row: an upgrade, a lost connection. */
const MOST_FAULTS = 120;

async function wait(
  cluster: Cluster,
  inputs: OutcomeInputs,
  logs: PodLogs,
  say: (line: string) => void,
): Promise<Finding> {
  let told = "";
  for (let faults = 0; ; await sleep(POLL_MILLISECONDS)) {
    if (!leaseHeld(inputs.lease))
      throw new Error(
        `${inputs.name}: no longer waited for; the Job goes on in the cluster, and the next update reads its ` +
          `verdict (exit code ${EXIT_CODES.INTERRUPTED.code}: ${EXIT_CODES.INTERRUPTED.meaning})`,
      );
    try {
      const { job, pods } = await observe(cluster, inputs);
      for (const pod of pods) logs.follow(pod);
      const state = stateOf(job);
      if (state === "complete") return await verdictOf(cluster, inputs);
      if (state === "failed") return failure(inputs, job, pods);
      if (inputs.mode === "detached") return running(inputs);
      const reason = pods.map(waitingReason).find((text) => text !== null) ?? "";
      if (reason !== told && reason !== "") say(`${reason}; the Job has until ${deadlineOf(job)}`);
      told = reason;
      faults = 0;
    } catch (error) {
      faults += 1;
      if (faults > MOST_FAULTS) throw new Error(`${inputs.name}: ${apiError(error)}`, { cause: error });
    }
  }
}

async function observe(cluster: Cluster, inputs: OutcomeInputs): Promise<{ job: V1Job; pods: V1Pod[] }> {
  const { namespace } = inputs;
  const name = inputs.job.metadata?.name ?? "";
  const found = await orAbsent(cluster.batch.readNamespacedJob({ name, namespace }));
  // A deleted Job is made again: its stages find what is done already.
  const job = found ?? (await cluster.batch.createNamespacedJob({ namespace, body: inputs.job }));
  const selector = { namespace, labelSelector: `batch.kubernetes.io/job-name=${name}` };
  return { job, pods: (await cluster.core.listNamespacedPod(selector)).items };
}

export function stateOf(job: V1Job): "complete" | "failed" | "active" {
  const holds = (type: string) =>
    job.status?.conditions?.some((condition) => condition.type === type && condition.status === "True");
  if (holds("Complete")) return "complete";
  return holds("Failed") ? "failed" : "active";
}

async function verdictOf(cluster: Cluster, inputs: OutcomeInputs): Promise<Finding> {
  const { namespace, verdictMap: name, runId } = inputs;
  const verdict = verdictIn(await orAbsent(cluster.core.readNamespacedConfigMap({ name, namespace })));
  if (verdict?.runId === runId)
    return {
      state: verdict.decision,
      reason: verdict.reason,
      exitCode: EXIT_OF[verdict.decision],
      verdict,
    };
  const found = verdict === null ? "no verdict" : `the verdict of run ${verdict.runId}`;
  const reason = `the Job is complete, but ConfigMap ${namespace}/${name} holds ${found}`;
  return { state: "failed", reason, exitCode: EXIT_CODES.INTERNAL.code, verdict: null };
}

function failure({ namespace }: OutcomeInputs, job: V1Job, pods: V1Pod[]): Finding {
  const { exitCode, message } = jobFailure(job, pods);
  const look = `kubectl -n ${namespace} logs job/${job.metadata?.name ?? ""} --all-containers`;
  return {
    state: "failed",
    reason: `${message}\n  more: ${look}`,
    exitCode: exitCode ?? EXIT_CODES.INTERNAL.code,
    verdict: null,
  };
}

const running = ({ name, job }: OutcomeInputs): Finding => ({
  state: "running",
  reason: `${name}: Job ${job.metadata?.name ?? ""} runs; the next update reads its verdict`,
  exitCode: EXIT_CODES.OK.code,
  verdict: null,
});

function deadlineOf(job: V1Job): string {
  const began = new Date(job.status?.startTime ?? Date.now()).getTime();
  return new Date(began + (job.spec?.activeDeadlineSeconds ?? 0) * 1000).toISOString();
}

/** A Job that failed in an earlier update is tried again: it goes on from its last checkpoint. */
async function retry(inputs: OutcomeInputs): Promise<void> {
  const { batch } = connect(inputs.connection);
  const target = { name: inputs.job.metadata?.name ?? "", namespace: inputs.namespace };
  const job = await orAbsent(batch.readNamespacedJob(target));
  if (job === null || stateOf(job) !== "failed") return;
  console.log(`${inputs.name} the Job failed before: it is tried again`);
  await orAbsent(batch.deleteNamespacedJob({ ...target, propagationPolicy: "Foreground" }));
  while ((await orAbsent(batch.readNamespacedJob(target))) !== null) await sleep(POLL_MILLISECONDS);
}

export const lifecycle: Lifecycle<OutcomeInputs, OutcomeOutputs> = {
  async diff(old, inputs) {
    if (old.runId !== inputs.runId || old.evaluationDigest !== inputs.evaluationDigest) return true;
    if (old.state === "failed" || old.state === "running") return true;
    const cluster = connect(inputs.connection);
    const live = (await readAliases(cluster, inputs.namespace))[inputs.name]?.runId ?? null;
    return live !== (old.serving?.runId ?? null);
  },
  async create(inputs) {
    return { id: inputs.name, outputs: await conclude(inputs, null) };
  },
  async update(old, inputs) {
    if (old.state === "failed" && old.runId === inputs.runId) await retry(inputs);
    return conclude(inputs, old);
  },
  async delete() {
    // Jobs, verdicts and volumes are resources of their own.
  },
};
