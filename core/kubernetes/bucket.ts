import { BUCKET_CLAIM, PREFIXES } from "../plan/aws-plan.ts";
import { BUCKET, inBucket } from "../plan/bucket.ts";
import type { FineTunePlan, StackPlan } from "../plan/plan.ts";
import { readsBucket, serverReads, type ServerReads } from "../plan/server-reads.ts";
import type { ServerPlan } from "../plan/servers.ts";
import type { Volume, VolumeMount } from "./manifest.ts";
import { clusterOf } from "./names.ts";

/** Stages of a Job that read or write the bucket in one way or another. */
export type Stage = "stage" | "prepare" | "train" | "evaluate" | "publish";

export interface JobBucket {
  volumes: Volume[];
  mounts: (stage: Stage) => VolumeMount[];
  /** Arguments of `stage`: data that it copies. */
  staged: string[];
  /** Arguments of `publish`. */
  published: string[];
}

/**
 * The stack's bucket in a Job, where it has one: the first stage copies data from it, the last one adapters into it.
 * What lies between sees it only where it reads a base from it, and never to write: a checkpoint cannot be written
 * there. Always the whole bucket: a part of it (`subPath`) is looked up by the kubelet, whose error a Job whose base is
 * not there would end with, instead of that of `stage`; what a pod may see of the rest, its role says.
 */
export function bucketOfJob(plan: StackPlan, { run }: FineTunePlan): JobBucket {
  if (plan.aws === null) return { volumes: [], mounts: () => [], staged: [], published: [] };
  const { bucketKeys } = clusterOf(plan);
  const hasBases = plan.aws.storage.bases === "bucket";
  const staged = run.data.sources.flatMap(({ sha256 }) => {
    const key = bucketKeys[sha256];
    return key === undefined ? [] : ["--mounted", `${sha256}=${inBucket(key)}`];
  });
  return {
    volumes: [volumeOf(false)],
    mounts: (stage) => {
      if (stage === "publish") return [mountOf(false)];
      return hasBases || (stage === "stage" && staged.length > 0) ? [mountOf(true)] : [];
    },
    staged,
    published: ["--adapters", inBucket(PREFIXES.adapters), "--registry", inBucket(PREFIXES.registry)],
  };
}

/** Where the pods of a server of this stack read from. */
export const readsOf = (plan: StackPlan, server: ServerPlan): ServerReads =>
  serverReads(server, plan.fineTunes, plan.aws !== null);

/** The bucket in the pods of a server: Mountpoint itself is told that nothing is written. */
export const bucketOfServer = (
  plan: StackPlan,
  server: ServerPlan,
): { volumes: Volume[]; mounts: VolumeMount[] } =>
  readsBucket(readsOf(plan, server))
    ? { volumes: [volumeOf(true)], mounts: [mountOf(true)] }
    : { volumes: [], mounts: [] };

const NAME = "bucket";

const volumeOf = (readOnly: boolean): Volume => ({
  name: NAME,
  persistentVolumeClaim: { claimName: BUCKET_CLAIM, ...(readOnly ? { readOnly } : {}) },
});

const mountOf = (readOnly: boolean): VolumeMount => ({
  name: NAME,
  mountPath: BUCKET,
  ...(readOnly ? { readOnly } : {}),
});
