import type { Architecture } from "../core/catalog/architecture.ts";
import type { Instance } from "../core/catalog/instances.ts";
import { planAws, storageClassNames, type AwsPlan } from "../core/plan/aws-plan.ts";
import { awsNotes } from "../core/plan/aws-notes.ts";
import { serverHostBytes, VLLM_CORES } from "../core/plan/cluster-servers.ts";
import { coresOf } from "../core/plan/cores.ts";
import { holds, nodesOfPool, planPools, poolName } from "../core/plan/gpu-pools.ts";
import type { KubernetesPlan } from "../core/plan/kubernetes-plan.ts";
import type { FineTunePlan } from "../core/plan/plan.ts";
import { readsBucket, serverReads } from "../core/plan/server-reads.ts";
import type { ServerPlan } from "../core/plan/servers.ts";
import type { AwsSettings } from "../core/spec/aws.ts";
import type { Problem } from "../core/spec/problems.ts";
import type { Planned } from "./limits.ts";
import { modelProblem, type ModelFile } from "./model-files.ts";

/** Whether an instance has the main memory for a vLLM server of a base. */
export const holdsServer = (instance: Instance, base: Architecture): boolean =>
  holds(instance, { hostBytes: serverHostBytes(base, "vllm", []), cores: VLLM_CORES });

/** Fine-tunes that no instance of AWS trains, of those that the stack may take. */
export function awsProblems(planned: readonly Planned[]): Problem[] {
  return planned.flatMap(({ model, plan }) => {
    const { flight } = plan;
    if (flight === null)
      return [
        modelProblem(
          model,
          "base",
          `the architecture of ${plan.run.base.id} is unknown, so no instance can be chosen for it`,
          "npx tuneform models add, see docs/catalog.md",
        ),
      ];
    if (flight.best !== null || flight.beyondLimits !== null) return [];
    const why = Object.entries(flight.refused).map(([reason, types]) => `${reason} (${types} types)`);
    return [
      modelProblem(
        model,
        "base",
        `no instance that tuneform:aws.gpu allows trains ${plan.run.base.id}: ${why.join(", ") || "none is left"}`,
        "another gpu.instances or gpu.purchase, a smaller base, or train.method: qlora",
      ),
    ];
  });
}

interface PoolParts {
  stack: string;
  settings: AwsSettings;
  fineTunes: readonly FineTunePlan[];
  servers: readonly ServerPlan[];
  kubernetes: KubernetesPlan;
  /** Of the catalog or the stack's hardware file. */
  instances: readonly Instance[];
}

/** What AWS is asked for, where the cluster's pods go then, and what a person should know before. */
export function planPoolsOf({ stack, settings, fineTunes, servers, kubernetes, instances }: PoolParts): {
  aws: AwsPlan;
  kubernetes: KubernetesPlan;
  notes: string[];
} {
  const served = servers.map((server) => ({
    ...server,
    cores: VLLM_CORES,
    fineTunes: fineTunes.filter(({ serving }) => serving.server === server.key).map(({ name }) => name),
  }));
  const training = fineTunes.map(({ name, hostBytes, flight }) => ({
    name,
    hostBytes,
    flight,
    cores: coresOf(kubernetes.cpuRequest),
  }));
  const { pools, ...poolOf } = planPools(training, served, settings, instances);
  const named = fineTunes.map(({ name, owner, run }) => ({
    name,
    owner,
    dataKeys: [...new Set(run.data.sources.flatMap(({ sha256 }) => kubernetes.bucketKeys[sha256] ?? []))],
  }));
  const reading = servers.flatMap((server) => {
    const reads = serverReads(server, fineTunes, true);
    const { adaptersOf, baseKey } = reads;
    return readsBucket(reads) ? [{ key: server.key, adaptersOf, baseKey }] : [];
  });
  const { namespace } = kubernetes;
  const aws = planAws({ stack, namespace, settings, fineTunes: named, servers: reading, pools, poolOf });
  return {
    aws,
    kubernetes: {
      ...kubernetes,
      devicePlugin: aws.installsDevicePlugin ? "install" : "present",
      storageClass: kubernetes.storageClass ?? storageClassNames(aws).efs,
      pools: { training: nodes(aws.name, poolOf.training), serving: nodes(aws.name, poolOf.serving) },
    },
    notes: awsNotes(aws),
  };
}

const nodes = (stack: string, pools: Record<string, string>) =>
  Object.fromEntries(Object.entries(pools).map(([key, pool]) => [key, nodesOfPool(poolName(stack, pool))]));

/** Sources in S3, by their sha256: the bucket and the key. */
export const objectsOf = ({ spec }: ModelFile): Record<string, { bucket: string; key: string }> =>
  Object.fromEntries(
    [spec.data.source].flat().flatMap((source) => {
      if (!("s3" in source)) return [];
      const [bucket = "", ...key] = source.s3.replace("s3://", "").split("/");
      return [[source.sha256, { bucket, key: key.join("/") }]];
    }),
  );

/**
 * Sources in S3 of a stack that has no bucket, or another one. The name of a bucket that the stack makes is known to
 * AWS alone: the Job finds the object there by its key, and refuses another digest.
 */
export function bucketProblems(planned: readonly Planned[], aws: AwsSettings | null): Problem[] {
  const own = aws?.storage.bucket ?? null;
  if (aws !== null && own === null) return [];
  return planned.flatMap(({ model }) =>
    Object.values(objectsOf(model)).flatMap(({ bucket }) => {
      if (bucket === own) return [];
      return [
        modelProblem(
          model,
          "data.source",
          own === null
            ? `is in bucket ${bucket}, and only stacks of target aws have one`
            : `is in bucket ${bucket}, and the stack's is ${own}`,
          own === null ? "a file, or target aws" : `copy it to s3://${own}/datasets/`,
        ),
      ];
    }),
  );
}
