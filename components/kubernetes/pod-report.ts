import type { V1ContainerStatus, V1Job, V1Pod } from "@kubernetes/client-node";
import { exitMeaning } from "../../core/spec/exit-codes.ts";

/** Lines of a failed container's own words that are shown. */
const LAST_LINES = 12;

/** Why a pod does not run yet, in the scheduler's or kubelet's words; null once it runs or has run. */
export function waitingReason(pod: V1Pod): string | null {
  const unscheduled = pod.status?.conditions?.find(
    ({ type, status }) => type === "PodScheduled" && status === "False",
  );
  if (unscheduled !== undefined) return `not scheduled: ${unscheduled.message ?? unscheduled.reason ?? ""}`;
  const waiting = containersOf(pod)
    .map(({ name, state }) => ({ name, waiting: state?.waiting }))
    .find(({ waiting }) => waiting?.reason !== undefined && !NORMAL.has(waiting.reason));
  if (waiting?.waiting === undefined) return null;
  const { reason, message } = waiting.waiting;
  return `${waiting.name} waits: ${reason ?? ""}${message === undefined ? "" : `: ${message}`}`;
}

/** States on the way to running. */
const NORMAL = new Set(["PodInitializing", "ContainerCreating"]);

/** All containers of a pod in the order in which they run. */
export const containersOf = (pod: V1Pod): V1ContainerStatus[] => [
  ...(pod.status?.initContainerStatuses ?? []),
  ...(pod.status?.containerStatuses ?? []),
];

export interface JobFailure {
  /** Of the last container that failed; null where none ran. */
  exitCode: number | null;
  /** For people: the stage, the exit code's meaning, and the trainer's own last lines. */
  message: string;
}

/**
 * Why a Job failed. Looks at its last pod: the stage that ended with an error, what its exit code means, and
 * its last words, which the kubelet keeps as the termination message.
 */
export function jobFailure(job: V1Job, pods: readonly V1Pod[]): JobFailure {
  const condition = job.status?.conditions?.find(
    ({ type, status }) => type === "Failed" && status === "True",
  );
  const verdict = [condition?.reason, condition?.message].filter((text) => text !== undefined).join(": ");
  const failed = newestFirst(pods).flatMap((pod) =>
    containersOf(pod).flatMap(({ name, state }) =>
      state?.terminated !== undefined && state.terminated.exitCode !== 0
        ? [{ pod, stage: name, ...state.terminated }]
        : [],
    ),
  );
  const [last] = failed;
  if (last === undefined) return { exitCode: null, message: neverRan(pods, verdict) };
  const words = (last.message ?? "").trimEnd().split("\n").slice(-LAST_LINES);
  const ended =
    last.reason === "OOMKilled" ? "out of memory: its limit was reached" : exitMeaning(last.exitCode);
  return {
    exitCode: last.exitCode,
    message: [
      `stage ${last.stage} ended with exit code ${last.exitCode}: ${ended} (Job ${verdict})`,
      ...words.filter((line) => line.trim() !== "").map((line) => `  ${line}`),
    ].join("\n"),
  };
}

function neverRan(pods: readonly V1Pod[], verdict: string): string {
  const waits = newestFirst(pods).flatMap((pod) => waitingReason(pod) ?? pod.status?.message ?? []);
  return `no stage ran (Job ${verdict})${waits.length === 0 ? "" : `; the pod was ${waits[0]}`}`;
}

const newestFirst = (pods: readonly V1Pod[]): V1Pod[] =>
  [...pods].sort((a, b) => createdAt(b) - createdAt(a));

const createdAt = (pod: V1Pod): number => new Date(pod.metadata?.creationTimestamp ?? 0).getTime();
