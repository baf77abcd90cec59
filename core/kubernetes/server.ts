import { GPUS } from "../catalog/gpus.ts";
import { SERVER_PORT } from "../plan/cluster-servers.ts";
import { digestOf } from "../plan/digest.ts";
import type { FineTunePlan, StackPlan } from "../plan/plan.ts";
import type { ServerPlan } from "../plan/servers.ts";
import { servingMemory, slotRank, type ServingMemory } from "../plan/serving-memory.ts";
import { adapterFolder, HUB_HOME, VOLUME, weightsFolder } from "../plan/volume.ts";
import type { ConfigMap, Container, Deployment, Service, Volume } from "./manifest.ts";
import { clusterOf, componentLabels, componentSelector, metadataOf, names } from "./names.ts";
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
import { SHUTDOWN_SECONDS, vllmArguments, vllmEnvironment, type ServedAdapter } from "./vllm-arguments.ts";

/** A published version of a fine-tune that a server has to hold. */
export interface Version {
  modelId: string;
  runId: string;
  /** Of its adapter; without it, that of the fine-tune as it is declared now. */
  rank?: number;
}

export interface ServerManifests {
  /** Of the trainer's own server; null of vLLM. */
  config: ConfigMap | null;
  deployment: Deployment;
  service: Service;
}

/**
 * One model server. vLLM gets `versions` as it starts; the trainer's server finds them in the registry when
 * they are asked for. Throws RangeError for what vLLM would refuse.
 */
export function serverManifests(
  plan: StackPlan,
  server: ServerPlan,
  versions: readonly Version[],
): ServerManifests {
  const config = server.engine === "cpu" ? configMap(plan, server) : null;
  return {
    config,
    deployment: deployment(plan, server, config, versions),
    service: {
      apiVersion: "v1",
      kind: "Service",
      metadata: metadataOf(plan, names.server(server.key), serverLabels(plan, server)),
      spec: {
        type: "ClusterIP",
        selector: selectorOf(server),
        ports: [{ name: "http", port: server.server.port, targetPort: "http" }],
      },
    },
  };
}

const selectorOf = ({ key }: ServerPlan) => ({ ...componentSelector("server"), "tuneform.dev/server": key });
const serverLabels = (plan: StackPlan, server: ServerPlan) => ({
  ...componentLabels(plan, "server"),
  ...selectorOf(server),
});

/** The file of aliases stays empty: the gateway asks for immutable names. */
function configMap(plan: StackPlan, server: ServerPlan): ConfigMap {
  const json = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`;
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: metadataOf(plan, names.server(server.key), serverLabels(plan, server)),
    data: {
      "server.json": json(server.server),
      "aliases.json": json({ schemaVersion: 1, aliases: {} }),
    },
  };
}

interface Shape {
  container: Container;
  volumes: Volume[];
  /** Seconds until it listens, at most. */
  startSeconds: number;
  /** Seconds after SIGTERM. */
  gracePeriod: number;
  strategy: { maxSurge: number; maxUnavailable: number };
}

function deployment(
  plan: StackPlan,
  server: ServerPlan,
  config: ConfigMap | null,
  versions: readonly Version[],
): Deployment {
  const settings = clusterOf(plan);
  const shape = server.engine === "cpu" ? trainerServer(plan, server) : vllmServer(plan, server, versions);
  const labels = serverLabels(plan, server);
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: metadataOf(plan, names.server(server.key), labels),
    spec: {
      replicas: 1,
      revisionHistoryLimit: 2,
      progressDeadlineSeconds: shape.startSeconds + 600,
      selector: { matchLabels: selectorOf(server) },
      strategy: { type: "RollingUpdate", rollingUpdate: shape.strategy },
      template: {
        metadata: {
          labels,
          // A changed file restarts the server; it reads its settings once.
          ...(config === null ? {} : { annotations: { "tuneform.dev/config": digestOf(config.data) } }),
        },
        spec: podOf({
          restartPolicy: "Always",
          gracePeriod: shape.gracePeriod,
          nodes: nodesOf(settings),
          containers: [{ ...shape.container, ...probes(shape.startSeconds) }],
          volumes: [workspaceVolume(settings, true), ...shape.volumes],
        }),
      },
    },
  };
}

/** Seconds that the Service goes on sending requests to a pod that ends. */
const DRAIN = 5;
const PROBE_SECONDS = 10;

/** Alive is asked rarely and patiently: a server that computes an answer may be slow to say so. */
function probes(startSeconds: number): Partial<Container> {
  const health = { httpGet: { path: "/health", port: "http" }, timeoutSeconds: PROBE_SECONDS };
  return {
    ports: [{ name: "http", containerPort: SERVER_PORT }],
    startupProbe: {
      ...health,
      periodSeconds: PROBE_SECONDS,
      failureThreshold: Math.ceil(startSeconds / PROBE_SECONDS),
    },
    readinessProbe: { ...health, periodSeconds: 5, failureThreshold: 3 },
    livenessProbe: { ...health, periodSeconds: 20, failureThreshold: 6 },
    lifecycle: { preStop: { sleep: { seconds: DRAIN } } },
  };
}

/** A new pod answers before the old one ends: it takes memory twice for a moment, and no GPU. */
function trainerServer(plan: StackPlan, { key, hostBytes }: ServerPlan): Shape {
  const { trainerImage } = clusterOf(plan);
  const files = ["--server", "/server/server.json", "--workspace", VOLUME, "--state", "/tmp/server"];
  return {
    container: containerOf({
      name: "server",
      image: trainerImage,
      command: ["tuneform-trainer"],
      args: ["serve", ...files],
      env: trainerEnvironment(),
      resources: resourcesOf("1", memoryQuantity(hostBytes)),
      volumeMounts: [workspaceMount(true), { name: "server", mountPath: "/server", readOnly: true }],
    }),
    volumes: [{ name: "server", configMap: { name: names.server(key) } }],
    startSeconds: 600,
    gracePeriod: 30,
    strategy: { maxSurge: 1, maxUnavailable: 0 },
  };
}

/**
 * The old pod ends first: with one GPU a new one would wait for it for ever. The root is writable, which some
 * GPU runtimes need as they start a container; everything that vLLM itself writes goes to /tmp.
 */
function vllmServer(plan: StackPlan, server: ServerPlan, versions: readonly Version[]): Shape {
  const { serverImage } = clusterOf(plan);
  if (serverImage === null) throw new Error("a vLLM server without an image: a defect of loading");
  const { base, dtype, port } = server.server;
  const adapters = versions.map((version) => adapterOf(plan, version));
  return {
    container: containerOf({
      name: "server",
      image: serverImage,
      command: ["vllm", "serve"],
      args: vllmArguments({
        model: weightsFolder(base),
        servedModelName: base.id,
        dtype,
        adapters,
        memory: memoryOf(plan, server, adapters),
        port,
      }),
      env: environment({
        ...vllmEnvironment(),
        HOME: "/tmp",
        // torch asks for a user's name where it keeps compiled kernels, and this user has none in the image.
        USER: "tuneform",
        HF_HOME: HUB_HOME,
        VLLM_CACHE_ROOT: "/tmp/vllm",
      }),
      resources: resourcesOf("2", memoryQuantity(server.hostBytes), 1),
      volumeMounts: [workspaceMount(true), { name: "shared-memory", mountPath: "/dev/shm" }],
      writableRoot: true,
    }),
    volumes: [{ name: "shared-memory", emptyDir: { medium: "Memory", sizeLimit: "2Gi" } }],
    startSeconds: 1800,
    gracePeriod: DRAIN + SHUTDOWN_SECONDS + 10,
    strategy: { maxSurge: 0, maxUnavailable: 1 },
  };
}

/** Fine-tune of an immutable name `<name>-<run id>`. Throws Error where the stack has none. */
function fineTuneOf({ fineTunes }: StackPlan, { modelId, runId }: Version): FineTunePlan {
  const found = fineTunes.find(({ name }) => modelId === `${name}-${runId}`);
  if (found === undefined) throw new Error(`${modelId} is a version of no fine-tune of the stack`);
  return found;
}

function adapterOf(plan: StackPlan, version: Version): ServedAdapter {
  const { name, run } = fineTuneOf(plan, version);
  const { modelId, runId, rank = run.train.rank } = version;
  return { fineTune: name, modelId, path: adapterFolder(runId), rank };
}

/** Slots as large as the largest rank of all versions, of which an earlier one may have had a larger. */
function memoryOf(
  plan: StackPlan,
  { key, gpuMemory, server }: ServerPlan,
  adapters: readonly ServedAdapter[],
): Pick<ServingMemory, "maxLoraRank" | "slots" | "maxModelLength"> {
  const { gpu } = clusterOf(plan);
  const mine = plan.fineTunes.filter(({ serving }) => serving.server === key);
  const architecture = mine[0]?.served?.architecture;
  const ranks = mine.map(({ run }) => run.train.rank);
  const largest = Math.max(...ranks, ...adapters.map(({ rank }) => rank));
  const settings = { context: server.maxLength, embeddingSlots: false };
  const memory =
    gpu === null || architecture === undefined
      ? gpuMemory
      : servingMemory(
          architecture,
          GPUS[gpu],
          ranks.map(() => largest),
          settings,
        );
  return (
    memory ?? { maxLoraRank: slotRank([largest]), slots: ranks.length, maxModelLength: server.maxLength }
  );
}
