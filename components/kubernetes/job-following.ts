import { setTimeout as sleep } from "node:timers/promises";
import type { V1Job, V1Pod } from "@kubernetes/client-node";
import { EXIT_CODES } from "../../core/spec/exit-codes.ts";
import { apiError, orAbsent, type Cluster } from "../../loading/kubernetes-client.ts";
import { leaseHeld } from "../local/lease.ts";
import { PodLogs } from "./pod-logs.ts";
import { jobFailure, waitingReason } from "./pod-report.ts";
import { queueOf, queueReason } from "./queue-report.ts";

/** A Job to follow, and who waits for it. */
export interface FollowedJob {
  namespace: string;
  /** Name of the fine-tune; begins every line it prints. */
  name: string;
  /** As declared: made again where it is gone. */
  job: V1Job;
  /** See local/lease.ts. */
  lease: string;
  /** `detached`: return after the Job was taken. */
  mode: "await" | "detached";
}

/** How a Job ended, or why nobody waits for it any longer. */
export interface JobEnd {
  state: "complete" | "failed" | "active";
  /** For people; empty where there is nothing to say. */
  reason: string;
  exitCode: number;
}

const POLL_MILLISECONDS = 1000;
/** The API server may be away for so many polls in a row: an upgrade, a lost connection. */
const MOST_FAULTS = 120;

/**
 * Follow a Job to its end, showing what its containers write and what it waits for. Throws where the person
 * ends the wait, or the cluster cannot be asked.
 */
export async function followJob(cluster: Cluster, followed: FollowedJob): Promise<JobEnd> {
  const say = (line: string) => console.log(`${followed.name} ${line}`);
  const logs = new PodLogs(cluster, say);
  try {
    return await wait(cluster, followed, logs, say);
  } finally {
    await logs.end();
  }
}

async function wait(
  cluster: Cluster,
  followed: FollowedJob,
  logs: PodLogs,
  say: (line: string) => void,
): Promise<JobEnd> {
  let told = "";
  let heldSince: number | null = null;
  for (let faults = 0; ; await sleep(POLL_MILLISECONDS)) {
    if (!leaseHeld(followed.lease))
      throw new Error(
        `${followed.name}: no longer waited for; the Job goes on in the cluster, and the next update follows ` +
          `it (exit code ${EXIT_CODES.INTERRUPTED.code}: ${EXIT_CODES.INTERRUPTED.meaning})`,
      );
    try {
      const { job, pods } = await observe(cluster, followed);
      for (const pod of pods) logs.follow(pod);
      const state = stateOf(job);
      if (state === "complete") return { state, reason: "", exitCode: EXIT_CODES.OK.code };
      if (state === "failed") return failure(followed, job, pods);
      if (followed.mode === "detached") return { state, reason: "", exitCode: EXIT_CODES.OK.code };
      const isHeld = job.spec?.suspend === true;
      heldSince = isHeld ? (heldSince ?? Date.now()) : null;
      const reason = isHeld ? await queueReason(cluster, job) : podReason(job, pods);
      if (heldSince !== null && Date.now() - heldSince > deadlineMilliseconds(job))
        return neverAdmitted(job, reason);
      if (reason !== told && reason !== "") say(reason);
      told = reason;
      faults = 0;
    } catch (error) {
      faults += 1;
      if (faults > MOST_FAULTS) throw new Error(`${followed.name}: ${apiError(error)}`, { cause: error });
    }
  }
}

async function observe(
  cluster: Cluster,
  { namespace, job: declared }: FollowedJob,
): Promise<{ job: V1Job; pods: V1Pod[] }> {
  const name = declared.metadata?.name ?? "";
  const found = await orAbsent(cluster.batch.readNamespacedJob({ name, namespace }));
  // A deleted Job is made again: its stages find what is done already.
  const job = found ?? (await cluster.batch.createNamespacedJob({ namespace, body: declared }));
  const selector = { namespace, labelSelector: `batch.kubernetes.io/job-name=${name}` };
  return { job, pods: (await cluster.core.listNamespacedPod(selector)).items };
}

/** Whether a Job has ended, and how. */
export function stateOf(job: V1Job): JobEnd["state"] {
  const holds = (type: string) =>
    job.status?.conditions?.some((condition) => condition.type === type && condition.status === "True");
  if (holds("Complete")) return "complete";
  return holds("Failed") ? "failed" : "active";
}

function podReason(job: V1Job, pods: readonly V1Pod[]): string {
  const reason = pods.map(waitingReason).find((text) => text !== null);
  if (reason === undefined) return "";
  const began = new Date(job.status?.startTime ?? Date.now()).getTime();
  return `${reason}; the Job has until ${new Date(began + deadlineMilliseconds(job)).toISOString()}`;
}

const deadlineMilliseconds = (job: V1Job): number => (job.spec?.activeDeadlineSeconds ?? 0) * 1000;

function failure({ namespace }: FollowedJob, job: V1Job, pods: V1Pod[]): JobEnd {
  const { exitCode, message } = jobFailure(job, pods);
  const look = `kubectl -n ${namespace} logs job/${job.metadata?.name ?? ""} --all-containers`;
  return {
    state: "failed",
    reason: `${message}\n  more: ${look}`,
    exitCode: exitCode ?? EXIT_CODES.INTERNAL.code,
  };
}

/**
 * Kubernetes counts a Job's deadline from when it may run, so one that no queue admits would be waited for
 * without end. `up` waits as long as the Job may run, and leaves it in the queue.
 */
function neverAdmitted(job: V1Job, reason: string): JobEnd {
  const minutes = Math.round(deadlineMilliseconds(job) / 60_000);
  return {
    state: "failed",
    reason:
      `Job ${job.metadata?.name ?? ""} was not admitted in ${minutes} min: it ${reason}\n` +
      `  It keeps its place, and the next update waits again. To wait longer: tuneform:kubernetes.deadlineHours. ` +
      `More: kubectl -n ${job.metadata?.namespace ?? ""} describe localqueue ${queueOf(job) ?? ""}`,
    exitCode: EXIT_CODES.INTERRUPTED.code,
  };
}

/** Delete a Job that failed in an earlier update, so that it is made again: it goes on from its last checkpoint. */
export async function forgetFailed(
  { batch }: Cluster,
  { namespace, name, job: declared }: Pick<FollowedJob, "namespace" | "name" | "job">,
): Promise<void> {
  const target = { name: declared.metadata?.name ?? "", namespace };
  const job = await orAbsent(batch.readNamespacedJob(target));
  if (job === null || stateOf(job) !== "failed") return;
  console.log(`${name} the Job failed before: it is tried again`);
  await orAbsent(batch.deleteNamespacedJob({ ...target, propagationPolicy: "Foreground" }));
  while ((await orAbsent(batch.readNamespacedJob(target))) !== null) await sleep(POLL_MILLISECONDS);
}
