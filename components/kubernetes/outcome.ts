import type { V1Job } from "@kubernetes/client-node";
import { EXIT_CODES } from "../../core/spec/exit-codes.ts";
import { connect, orAbsent, type Cluster, type Connection } from "../../loading/kubernetes-client.ts";
import type { Lifecycle } from "../local/provider.ts";
import { readAliases } from "./alias-map.ts";
import { followJob, forgetFailed, type JobEnd } from "./job-following.ts";
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
  /** Of the Job that fetched the base model; null where none had to. */
  staging: JobEnd | null;
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
  const { staging } = inputs;
  // The training Job is suspended then: there is nothing to wait for.
  if (staging?.state === "failed") return failed(staging);
  const end = await followJob(cluster, inputs);
  if (end.state === "complete") return verdictOf(cluster, inputs);
  return end.state === "failed" ? failed(end) : running(inputs);
}

const failed = ({ reason, exitCode }: JobEnd): Finding => ({
  state: "failed",
  reason,
  exitCode,
  verdict: null,
});

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

const running = ({ name, job }: OutcomeInputs): Finding => ({
  state: "running",
  reason: `${name}: Job ${job.metadata?.name ?? ""} runs; the next update reads its verdict`,
  exitCode: EXIT_CODES.OK.code,
  verdict: null,
});

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
    if (old.state === "failed" && old.runId === inputs.runId)
      await forgetFailed(connect(inputs.connection), inputs);
    return conclude(inputs, old);
  },
  async delete() {
    // Jobs, verdicts and volumes are resources of their own.
  },
};
