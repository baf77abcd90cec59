import { coresOf } from "../plan/cores.ts";
import { canonicalJson, digestOf } from "../plan/digest.ts";
import type { FineTunePlan, StackPlan } from "../plan/plan.ts";
import { VOLUME } from "../plan/volume.ts";
import { EXIT_CODES } from "../spec/exit-codes.ts";
import { bucketOfJob, type Stage } from "./bucket.ts";
import { dataSecrets, dataVolume, type DataParts } from "./data-parts.ts";
import type {
  ConfigMap,
  Container,
  EnvironmentVariable,
  Job,
  Secret,
  Volume,
  VolumeMount,
} from "./manifest.ts";
import { clusterOf, componentLabels, metadataOf, names, PREDICTION, type Component } from "./names.ts";
import {
  containerOf,
  environment,
  memoryQuantity,
  nodesOf,
  podOf,
  resourcesOf,
  trainerEnvironment,
  workspaceMount,
  workspaceVolume,
} from "./pod.ts";
import { verdictAccess, type VerdictAccess } from "./verdict.ts";

export interface TrainingManifests extends VerdictAccess {
  runFile: ConfigMap;
  data: Secret[];
  /** Fetches a base model from the hub; null where the base comes from elsewhere. */
  staging: Job | null;
  job: Job;
}

/** Everything of one fine-tune's run. Throws Error where `parts` lacks one of its data files. */
export function trainingManifests(
  plan: StackPlan,
  fineTune: FineTunePlan,
  parts: DataParts,
): TrainingManifests {
  return {
    ...verdictAccess(plan, fineTune.name),
    runFile: runFile(plan, fineTune),
    data: dataSecrets(plan, fineTune, parts),
    staging: fineTune.run.base.weights.kind === "hub" ? stagingJob(plan, fineTune) : null,
    job: trainingJob(plan, fineTune, parts),
  };
}

const RUN_FILE = "/run-file/run.json";
const runLabels = ({ name, runId }: FineTunePlan) => ({
  "tuneform.dev/fine-tune": name,
  "tuneform.dev/run": runId,
});

/** A changed gate, say, is another file and so another Job, whose stages find what is done. */
const runFileName = ({ name, run }: FineTunePlan) => names.runFile(name, digestOf(run));

function runFile(plan: StackPlan, fineTune: FineTunePlan): ConfigMap {
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: metadataOf(plan, runFileName(fineTune), runLabels(fineTune)),
    immutable: true,
    data: { "run.json": `${JSON.stringify(fineTune.run, null, 2)}\n` },
  };
}

/** Seconds that a pod gets after SIGTERM: a checkpoint is written in them. */
const GRACE = 120;
/** Failures of the same input in the same image that come again however often they are tried. */
const FINAL_CODES = [
  EXIT_CODES.USAGE.code,
  EXIT_CODES.DATA.code,
  EXIT_CODES.BASE_MODEL.code,
  EXIT_CODES.NOT_FINITE.code,
  EXIT_CODES.ENVIRONMENT.code,
];

/** Seconds: weights of the catalog at 10 MB/s. */
const STAGING_DEADLINE = 7200;

/**
 * One Job a run: the stages are ordered init containers and one main container, so that there is one pod and
 * one volume. It has no TTL: a Job that is gone would be made again at the next update.
 */
function trainingJob(plan: StackPlan, fineTune: FineTunePlan, parts: DataParts): Job {
  const { queue, backoffLimit } = clusterOf(plan);
  const { name, runId, prediction } = fineTune;
  const verdict = names.verdict(name);
  const bucket = bucketOfJob(plan, fineTune);
  const stage = (stage: Stage, { mounts = [], ...settings }: StageSettings = {}) =>
    stageContainer(plan, fineTune, stage, { ...settings, mounts: [...mounts, ...bucket.mounts(stage)] });
  const dataMount = { name: "parts", mountPath: "/parts", readOnly: true };
  // `up` starts it when the weights are there; rendered files are applied all at once.
  const isFetched = fineTune.run.base.weights.kind === "hub";
  const awaited = isFetched ? ["--await-base", String(STAGING_DEADLINE)] : [];
  return jobOf(plan, fineTune, "training", {
    name: names.job(name, runId),
    labels: queue === null ? {} : { "kueue.x-k8s.io/queue-name": queue },
    annotations: prediction === null ? {} : { [PREDICTION]: canonicalJson(prediction) },
    backoffLimit,
    deadline: deadlineSeconds(plan, fineTune),
    initContainers: [
      stage("stage", {
        args: ["--parts", "/parts", ...awaited, ...bucket.staged],
        mounts: [dataMount],
      }),
      stage("prepare"),
      stage("train", { usesGpu: true }),
      stage("evaluate", { usesGpu: true }),
    ],
    container: stage("publish", {
      args: ["--verdict-configmap", verdict, ...bucket.published],
      mounts: [TOKEN_MOUNT],
    }),
    volumes: [dataVolume(plan, fineTune, parts), tokenVolume, ...bucket.volumes],
  });
}

/** A short Job of its own: it alone may reach the hub, and it alone gets to see no data. */
function stagingJob(plan: StackPlan, fineTune: FineTunePlan): Job {
  const { tokenSecret, hubEndpoint } = clusterOf(plan);
  const token: EnvironmentVariable[] =
    tokenSecret === null
      ? []
      : [{ name: "HF_TOKEN", valueFrom: { secretKeyRef: { name: tokenSecret, key: "token" } } }];
  const container = stageContainer(plan, fineTune, "stage", {
    args: ["--download"],
    env: [
      ...trainerEnvironment(true),
      ...(hubEndpoint === null ? [] : environment({ HF_ENDPOINT: hubEndpoint })),
      ...token,
    ],
  });
  return jobOf(plan, fineTune, "staging", {
    name: names.staging(fineTune.name, fineTune.runId),
    labels: {},
    annotations: {},
    backoffLimit: 3,
    deadline: STAGING_DEADLINE,
    initContainers: [],
    container,
    volumes: [],
  });
}

interface StageSettings {
  args?: string[];
  mounts?: VolumeMount[];
  env?: EnvironmentVariable[];
  usesGpu?: boolean;
}

/** All stages ask for the same memory: a pod is given the most that any of its containers asks for. */
function stageContainer(
  plan: StackPlan,
  { gpu, hostBytes }: FineTunePlan,
  stage: Stage,
  { args = [], mounts = [], env = trainerEnvironment(), usesGpu = false }: StageSettings,
): Container {
  const { trainerImage, cpuRequest } = clusterOf(plan);
  const hasGpu = usesGpu && gpu !== null;
  return containerOf({
    name: stage,
    image: trainerImage,
    command: ["tuneform-trainer"],
    args: [stage, "--run", RUN_FILE, "--workspace", VOLUME, ...args],
    env: hasGpu ? [...env, ...gpuEnvironment(cpuRequest)] : env,
    resources: resourcesOf(cpuRequest, memoryQuantity(hostBytes), hasGpu ? 1 : 0),
    volumeMounts: [workspaceMount(), { name: "run-file", mountPath: "/run-file", readOnly: true }, ...mounts],
  });
}

/** A pod with a GPU of its own waits for no other of the workspace, and takes the cores that it asked for. */
const gpuEnvironment = (cpuRequest: string): EnvironmentVariable[] =>
  environment({
    TUNEFORM_PARALLELISM: "0",
    OMP_NUM_THREADS: String(Math.max(1, Math.ceil(coresOf(cpuRequest)))),
  });

interface JobParts {
  name: string;
  labels: Record<string, string>;
  annotations: Record<string, string>;
  backoffLimit: number;
  /** Seconds. */
  deadline: number;
  initContainers: Container[];
  container: Container;
  volumes: Volume[];
}

function jobOf(plan: StackPlan, fineTune: FineTunePlan, component: Component, job: JobParts): Job {
  const settings = clusterOf(plan);
  const { priorityClass } = settings;
  const labels = { ...componentLabels(plan, component), ...runLabels(fineTune) };
  const runFileVolume = { name: runFileName(fineTune) };
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: {
      ...metadataOf(plan, job.name, { ...labels, ...job.labels }),
      // Followed by a resource of our own, which shows logs and notices every way to fail.
      annotations: { "pulumi.com/skipAwait": "true", ...job.annotations },
    },
    spec: {
      backoffLimit: job.backoffLimit,
      activeDeadlineSeconds: job.deadline,
      podFailurePolicy: {
        rules: [
          // Drained, evicted, preempted: not the training's fault, and it goes on from its checkpoint.
          { action: "Ignore", onPodConditions: [{ type: "DisruptionTarget", status: "True" }] },
          { action: "FailJob", onExitCodes: { operator: "In", values: FINAL_CODES } },
        ],
      },
      // Two pods at a time would write to the same run.
      podReplacementPolicy: "Failed",
      template: {
        metadata: { labels, annotations: { "tuneform.dev/evaluation": fineTune.evaluationDigest } },
        spec: podOf({
          serviceAccountName: names.trainer(fineTune.name),
          restartPolicy: "Never",
          gracePeriod: GRACE,
          ...(priorityClass === null ? {} : { priorityClassName: priorityClass }),
          nodes: nodesOf(settings, component === "staging" ? "staging" : { fineTune: fineTune.name }),
          ...(job.initContainers.length === 0 ? {} : { initContainers: job.initContainers }),
          containers: [job.container],
          volumes: [
            workspaceVolume(settings),
            { name: "run-file", configMap: runFileVolume },
            ...job.volumes,
          ],
        }),
      },
    },
  };
}

const UNKNOWN_SECONDS = 24 * 3600;

/** Twice the plan's maximum and half an hour, for pulls and restarts; a Job that nothing schedules ends too. */
function deadlineSeconds(plan: StackPlan, { declaredSeconds }: FineTunePlan): number {
  const { deadlineHours } = clusterOf(plan);
  if (deadlineHours !== null) return Math.ceil(deadlineHours * 3600);
  return declaredSeconds === null ? UNKNOWN_SECONDS : Math.ceil(2 * declaredSeconds + 1800);
}

const TOKEN_MOUNT: VolumeMount = {
  name: "token",
  mountPath: "/var/run/secrets/kubernetes.io/serviceaccount",
  readOnly: true,
};

/** What a service account usually finds in every container, for one of them only. */
const tokenVolume: Volume = {
  name: "token",
  projected: {
    sources: [
      { serviceAccountToken: { path: "token", expirationSeconds: 3600 } },
      { configMap: { name: "kube-root-ca.crt", items: [{ key: "ca.crt", path: "ca.crt" }] } },
      {
        downwardAPI: {
          items: [{ path: "namespace", fieldRef: { apiVersion: "v1", fieldPath: "metadata.namespace" } }],
        },
      },
    ],
  },
};
