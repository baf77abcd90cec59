import type { Engine, KubernetesSettings } from "../spec/kubernetes.ts";
import { dnsName } from "./dns-name.ts";
import type { Nodes, Toleration } from "./nodes.ts";

/** A cluster's settings with nothing left open but what only the cluster knows. */
export interface KubernetesPlan extends Omit<
  KubernetesSettings,
  "namespace" | "engine" | "nodeSelector" | "allowImageTags"
> {
  namespace: string;
  engine: Engine;
  nodeSelector: Record<string, string>;
  tolerations: Toleration[];
  /** Of fine-tunes that train, by name, and of servers, by key, where they differ: target aws. */
  pools: { training: Record<string, Nodes>; serving: Record<string, Nodes> } | null;
  /** Name of the claim that pods mount. */
  claim: string;
  /** Of the OpenAI-compatible API, ends in /v1. */
  endpoint: string;
  /** Local files that become Secrets, by their sha256. Absolute paths. */
  dataFiles: Record<string, string>;
  /** Keys of data in the stack's bucket, by its sha256: target aws. */
  bucketKeys: Record<string, string>;
}

/** Taint and label of GPU nodes, as NVIDIA's operator and the clouds set them. */
const GPU_TAINT = "nvidia.com/gpu";
const GPU_LABEL = { "nvidia.com/gpu.present": "true" };

/** Resolve the settings of a stack. `dataFiles` and `bucketKeys`: see KubernetesPlan. */
export function planKubernetes(
  stack: string,
  settings: KubernetesSettings,
  dataFiles: Record<string, string>,
  bucketKeys: Record<string, string> = {},
): KubernetesPlan {
  const { allowImageTags: _checked, ...rest } = settings;
  const hasGpu = settings.gpu !== null;
  const namespace = settings.namespace ?? dnsName("tuneform", stack);
  return {
    ...rest,
    namespace,
    endpoint: `${settings.gateway.endpoint ?? `http://gateway.${namespace}.svc`}/v1`,
    engine: defaultEngine(settings),
    nodeSelector: settings.nodeSelector ?? (hasGpu ? GPU_LABEL : {}),
    tolerations: hasGpu ? [{ key: GPU_TAINT, operator: "Exists", effect: "NoSchedule" }] : [],
    pools: null,
    claim: settings.workspaceClaim ?? "workspace",
    dataFiles,
    bucketKeys,
  };
}

/** What serves fine-tunes that do not say it themselves. */
export const defaultEngine = ({ engine, gpu }: KubernetesSettings): Engine =>
  engine ?? (gpu === null ? "cpu" : "vllm");
