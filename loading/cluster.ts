import { StorageV1Api, type V1ConfigMap, type V1Job, type V1Node, type V1Pod } from "@kubernetes/client-node";
import type { FormerVerdict } from "../core/plan/outlook.ts";
import { PREDICTION } from "../core/kubernetes/names.ts";
import { trainingsOf, type Finished } from "../core/plan/trainings.ts";
import type { KubernetesSettings } from "../core/spec/kubernetes.ts";
import type { RunFile } from "../core/spec/run-file.ts";
import { apiServerNotes } from "./api-server.ts";
import { devicePluginsThere } from "./device-plugins-there.ts";
import { apiError, connect, connectionOf, type Cluster } from "./kubernetes-client.ts";
import { NOTHING_KNOWN, type ClusterFacts } from "./place.ts";

/** Resource name under which NVIDIA's device plugin offers GPUs. */
const GPU = "nvidia.com/gpu";

/**
 * What the cluster of a stack holds: verdicts, the alias map, Jobs, free GPUs. A cluster that cannot be asked
 * (not there yet, no rights) is planned for all the same, with a note that says why.
 */
export async function readCluster(
  root: string,
  namespace: string,
  settings: KubernetesSettings,
): Promise<ClusterFacts> {
  try {
    const cluster = connect(connectionOf(root, settings));
    const [maps, jobs, gpus, storage, apiServer, devicePlugins] = await Promise.all([
      cluster.core.listNamespacedConfigMap({ namespace, labelSelector: "app.kubernetes.io/name=tuneform" }),
      cluster.batch.listNamespacedJob({ namespace, labelSelector: "app.kubernetes.io/name=tuneform" }),
      settings.gpu === null ? null : gpusOf(cluster, settings),
      storageNotes(cluster, settings),
      apiServerNotes(cluster, settings),
      devicePluginsThere(cluster, namespace, settings),
    ]);
    const notes = [...storage, ...apiServer, ...(gpus === null ? [] : gpuNotes(gpus, namespace))];
    return { ...factsOf(maps.items, jobs.items), devicePlugins, notes };
  } catch (error) {
    return { ...NOTHING_KNOWN, notes: [`the cluster was not asked what it holds: ${apiError(error)}`] };
  }
}

function factsOf(maps: V1ConfigMap[], jobs: V1Job[]): Omit<ClusterFacts, "notes" | "devicePlugins"> {
  const verdicts = new Map(
    maps.flatMap(({ metadata, data }) => {
      const text = data?.["verdict.json"];
      const isOurs = metadata?.name?.startsWith("verdict-") ?? false;
      if (!isOurs || text === undefined || data?.["runId"] === undefined) return [];
      return [[data["runId"], JSON.parse(text) as FormerVerdict] as const];
    }),
  );
  const aliasText = maps.find(({ metadata }) => metadata?.name === "aliases")?.data?.["aliases.json"];
  const { aliases } = JSON.parse(aliasText ?? '{"aliases":{}}') as {
    aliases: Record<string, { runId: string }>;
  };
  const begun = new Set(jobs.map(({ metadata }) => metadata?.labels?.["tuneform.dev/run"]));
  return {
    current: (name) => aliases[name]?.runId ?? null,
    runState: (runId) => (verdicts.has(runId) ? "reused" : begun.has(runId) ? "resumes" : "new"),
    verdictOf: (runId) => verdicts.get(runId) ?? null,
    trainings: trainingsOf(finishedRuns(maps, jobs)),
  };
}

/** Of each fine-tune the run that ended last: what its Job measured, and what was planned of it. */
export function finishedRuns(maps: readonly V1ConfigMap[], jobs: readonly V1Job[]): Finished[] {
  const of = <Kind extends V1ConfigMap | V1Job>(objects: readonly Kind[], runId: string) =>
    objects.filter(({ metadata }) => metadata?.labels?.["tuneform.dev/run"] === runId);
  return maps.flatMap(({ data: { runId, at, "training.json": measured } = {} }) => {
    if (runId === undefined || measured === undefined) return [];
    const [runFile] = of(maps, runId);
    const text = runFile?.data?.["run.json"];
    if (text === undefined) return [];
    const { base, train } = JSON.parse(text) as RunFile;
    const [planned] = of(jobs, runId).flatMap(({ metadata }) => metadata?.annotations?.[PREDICTION] ?? []);
    return [
      {
        runId,
        at: Date.parse(at ?? "") || 0,
        baseId: base.id,
        train,
        measured: JSON.parse(measured) as Finished["measured"],
        prediction: JSON.parse(planned ?? "{}") as Finished["prediction"],
      },
    ];
  });
}

/** A claim of a class that is not there waits for ever. */
async function storageNotes({ config }: Cluster, { storageClass, workspaceClaim }: KubernetesSettings) {
  if (storageClass === null || workspaceClaim !== null) return [];
  const { items } = await config.makeApiClient(StorageV1Api).listStorageClass();
  const classes = items.flatMap(({ metadata }) => metadata?.name ?? []);
  return classes.includes(storageClass)
    ? []
    : [`the cluster has no storage class ${storageClass}; it has ${classes.join(", ") || "none"}`];
}

interface GpuUse {
  nodes: V1Node[];
  pods: V1Pod[];
}

async function gpusOf({ core }: Cluster, { nodeSelector }: KubernetesSettings): Promise<GpuUse> {
  const selector = Object.entries(nodeSelector ?? { "nvidia.com/gpu.present": "true" });
  const labelSelector = selector.map(([key, value]) => `${key}=${value}`).join(",");
  const [nodes, pods] = await Promise.all([core.listNode({ labelSelector }), core.listPodForAllNamespaces()]);
  return { nodes: nodes.items, pods: pods.items };
}

/** Told before anything starts: a Job that no GPU is free for waits until its deadline. */
function gpuNotes({ nodes, pods }: GpuUse, namespace: string): string[] {
  const offered = nodes.reduce((sum, { status }) => sum + Number(status?.allocatable?.[GPU] ?? 0), 0);
  if (offered === 0)
    return [`no node of the selector offers ${GPU}: Jobs wait until their deadline (device plugin, labels?)`];
  const holders = pods.filter(({ status }) => status?.phase === "Running" || status?.phase === "Pending");
  const taken = holders.map((pod) => ({ pod, gpus: gpusRequested(pod) })).filter(({ gpus }) => gpus > 0);
  const used = taken.reduce((sum, { gpus }) => sum + gpus, 0);
  if (used < offered) return [];
  const names = taken
    .slice(0, 3)
    .map(
      ({ pod }) =>
        `${pod.metadata?.namespace === namespace ? "" : `${pod.metadata?.namespace ?? ""}/`}${pod.metadata?.name ?? ""}`,
    );
  return [
    `no GPU is free: ${used} of ${offered} are asked for (${names.join(", ")}${taken.length > 3 ? ", …" : ""}); ` +
      "Jobs wait for one until their deadline",
  ];
}

/** As the scheduler counts: the most of any init container, or all containers together. */
function gpusRequested({ spec }: V1Pod): number {
  const of = (container: { resources?: { limits?: Record<string, string> } }) =>
    Number(container.resources?.limits?.[GPU] ?? 0);
  const together = (spec?.containers ?? []).reduce((sum, container) => sum + of(container), 0);
  return Math.max(together, ...(spec?.initContainers ?? []).map(of));
}
