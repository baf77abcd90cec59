import type { KubernetesPlan } from "../plan/kubernetes-plan.ts";
import type { Nodes } from "../plan/nodes.ts";
import { podMemoryBytes } from "../plan/pod-memory.ts";
import { CACHE, HUB_HOME, VOLUME } from "../plan/volume.ts";
import type { Container, EnvironmentVariable, PodSpec, Resources, Volume, VolumeMount } from "./manifest.ts";

/** User and group of the trainer image; `fsGroup` lets them write to the volume. */
export const USER = 10001;

/** Pod Security `restricted`, and no more than it asks for. */
const POD_SECURITY = {
  runAsNonRoot: true,
  runAsUser: USER,
  runAsGroup: USER,
  fsGroup: USER,
  // A volume with many files would else be walked at each start.
  fsGroupChangePolicy: "OnRootMismatch",
  seccompProfile: { type: "RuntimeDefault" },
};

/** What each container of a pod under Pod Security `restricted` says; it may add a root that is read only. */
export const CONTAINER_SECURITY = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ["ALL"] },
  seccompProfile: { type: "RuntimeDefault" },
};

interface PodParts {
  restartPolicy: PodSpec["restartPolicy"];
  /** Seconds that a pod gets after SIGTERM. */
  gracePeriod: number;
  serviceAccountName?: string;
  priorityClassName?: string;
  initContainers?: Container[];
  containers: Container[];
  volumes: Volume[];
  /** Where a pod that mounts the workspace volume may run; see `nodesOf`. */
  nodes?: Pick<PodSpec, "nodeSelector" | "tolerations">;
}

/** A pod without a token, without variables of other Services (vLLM reads VLLM_PORT), and without root. */
export function podOf({
  gracePeriod,
  nodes,
  initContainers,
  containers,
  volumes,
  ...rest
}: PodParts): PodSpec {
  return {
    ...rest,
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    terminationGracePeriodSeconds: gracePeriod,
    securityContext: POD_SECURITY,
    ...nodes,
    ...(initContainers === undefined ? {} : { initContainers }),
    containers,
    volumes: [...volumes, { name: "tmp", emptyDir: { sizeLimit: "10Gi" } }],
  };
}

/** A pod that mounts the workspace, as far as where it runs depends on it. */
export type Work = { fineTune: string } | { server: string } | "staging";

/**
 * Nodes for a pod. Without pools every pod that mounts the workspace goes to the same nodes, also one that
 * needs no GPU: a volume of one node or zone is made where its first pod runs. With pools all nodes reach the
 * volume, and what needs no GPU, as staging, does not hold a GPU node.
 */
export function nodesOf(
  { nodeSelector, tolerations, pools }: KubernetesPlan,
  work: Work,
): Pick<PodSpec, "nodeSelector" | "tolerations"> {
  if (pools === null) return where({ nodeSelector, tolerations });
  if (work === "staging") return {};
  return where("fineTune" in work ? pools.training[work.fineTune] : pools.serving[work.server]);
}

/** Nodes as a pod says them: nothing where they say nothing. */
export function where(nodes: Nodes | undefined): Pick<PodSpec, "nodeSelector" | "tolerations"> {
  if (nodes === undefined) return {};
  return {
    ...(Object.keys(nodes.nodeSelector).length === 0 ? {} : { nodeSelector: nodes.nodeSelector }),
    ...(nodes.tolerations.length === 0 ? {} : { tolerations: nodes.tolerations }),
  };
}

interface ContainerParts extends Pick<
  Container,
  "name" | "image" | "command" | "args" | "env" | "resources" | "volumeMounts"
> {
  /** Of a GPU runtime that writes into the container's root; see core/kubernetes/server.ts. */
  writableRoot?: boolean;
}

/** A container whose last lines explain its failure, and that may write to /tmp and its mounts only. */
export function containerOf({ writableRoot = false, volumeMounts, ...parts }: ContainerParts): Container {
  return {
    ...parts,
    imagePullPolicy: "IfNotPresent",
    securityContext: { ...CONTAINER_SECURITY, readOnlyRootFilesystem: !writableRoot },
    terminationMessagePolicy: "FallbackToLogsOnError",
    volumeMounts: [...volumeMounts, { name: "tmp", mountPath: "/tmp" }],
  };
}

/** Environment of the trainer package in a pod. Only staging may ask the hub. */
export function trainerEnvironment(isOnline = false): EnvironmentVariable[] {
  return environment({
    HOME: "/tmp",
    TUNEFORM_CACHE: CACHE,
    HF_HOME: HUB_HOME,
    ...(isOnline ? {} : { HF_HUB_OFFLINE: "1" }),
    HF_HUB_DISABLE_TELEMETRY: "1",
    TOKENIZERS_PARALLELISM: "false",
    PYTHONUNBUFFERED: "1",
    TUNEFORM_PROGRESS_SECONDS: "10",
  });
}

export const environment = (values: Record<string, string>): EnvironmentVariable[] =>
  Object.entries(values).map(([name, value]) => ({ name, value }));

export const workspaceVolume = ({ claim }: KubernetesPlan, readOnly = false): Volume => ({
  name: "workspace",
  persistentVolumeClaim: { claimName: claim, ...(readOnly ? { readOnly: true } : {}) },
});

export const workspaceMount = (readOnly = false): VolumeMount => ({
  name: "workspace",
  mountPath: VOLUME,
  ...(readOnly ? { readOnly: true } : {}),
});

export const memoryQuantity = (bytes: number | null): string => `${podMemoryBytes(bytes) / 2 ** 20}Mi`;

/** Memory is not shared out twice, and GPUs cannot be; CPU that nobody uses is free to take. */
export function resourcesOf(cpu: string, memory: string, gpus = 0): Resources {
  const gpu: Record<string, string> = gpus === 0 ? {} : { "nvidia.com/gpu": String(gpus) };
  return { requests: { cpu, memory, ...gpu }, limits: { memory, ...gpu } };
}
