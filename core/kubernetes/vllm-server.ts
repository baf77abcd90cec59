import { VLLM_CORES } from "../plan/cluster-servers.ts";
import { GPUS } from "../catalog/gpus.ts";
import type { FineTunePlan, StackPlan } from "../plan/plan.ts";
import type { ServerPlan } from "../plan/servers.ts";
import { servingMemory, slotRank, type ServingMemory } from "../plan/serving-memory.ts";
import { adapterKey, inBucket } from "../plan/bucket.ts";
import { adapterFolder, HUB_HOME, mergedFolder, weightsFolder } from "../plan/volume.ts";
import { bucketOfServer, readsOf } from "./bucket.ts";
import type { Container, Volume } from "./manifest.ts";
import { clusterOf } from "./names.ts";
import { containerOf, environment, memoryQuantity, resourcesOf, workspaceMount } from "./pod.ts";
import {
  SHUTDOWN_SECONDS,
  vllmArguments,
  vllmEnvironment,
  type ServedAdapter,
  type VllmInput,
} from "./vllm-arguments.ts";

/** A published version of a fine-tune that a server has to hold. */
export interface Version {
  modelId: string;
  runId: string;
  /** Of its adapter; without it, that of the fine-tune as it is declared now. */
  rank?: number;
}

/** What the pods of two engines differ in. */
export interface Shape {
  container: Container;
  volumes: Volume[];
  /** Seconds until it listens, at most. */
  startSeconds: number;
  /** Seconds after SIGTERM. */
  gracePeriod: number;
  strategy: { maxSurge: number; maxUnavailable: number };
  /** None where there is nothing to serve yet. */
  replicas: 0 | 1;
}

/** Seconds that the Service goes on sending requests to a pod that ends. */
export const DRAIN = 5;

/**
 * The old pod ends first: with one GPU a new one would wait for it for ever. The root is writable, which some
 * GPU runtimes need as they start a container; everything that vLLM itself writes goes to /tmp.
 */
export function vllmServer(plan: StackPlan, server: ServerPlan, versions: readonly Version[]): Shape {
  const { serverImage } = clusterOf(plan);
  if (serverImage === null) throw new Error("a vLLM server without an image: a defect of loading");
  const { dtype, port } = server.server;
  const { workspace } = readsOf(plan, server);
  return {
    container: containerOf({
      name: "server",
      image: serverImage,
      command: ["vllm", "serve"],
      args: vllmArguments({
        ...(server.weights === "merged"
          ? mergedWeights(plan, server, versions)
          : baseWithAdapters(plan, server, versions)),
        dtype,
        port,
      }),
      env: environment({
        ...vllmEnvironment(),
        HOME: "/tmp",
        // torch asks for a user's name where it keeps compiled kernels, and this user has none in the image.
        USER: "tuneform",
        HF_HOME: workspace ? HUB_HOME : "/tmp/hub",
        VLLM_CACHE_ROOT: "/tmp/vllm",
      }),
      resources: resourcesOf(String(VLLM_CORES), memoryQuantity(server.hostBytes), 1),
      volumeMounts: [
        ...(workspace ? [workspaceMount(true)] : []),
        ...bucketOfServer(plan, server).mounts,
        { name: "shared-memory", mountPath: "/dev/shm" },
      ],
      writableRoot: true,
    }),
    volumes: [{ name: "shared-memory", emptyDir: { medium: "Memory", sizeLimit: "2Gi" } }],
    startSeconds: 1800,
    gracePeriod: DRAIN + SHUTDOWN_SECONDS + 10,
    strategy: { maxSurge: 0, maxUnavailable: 1 },
    replicas: server.weights === "merged" && versions.length === 0 ? 0 : 1,
  };
}

type Weights = Pick<VllmInput, "model" | "servedModelName" | "adapters" | "memory">;

function baseWithAdapters(plan: StackPlan, server: ServerPlan, versions: readonly Version[]): Weights {
  const { base } = server.server;
  const distinct = new Map(versions.map((version) => [version.modelId, version]));
  const adapters = [...distinct.values()].map((version) => adapterOf(plan, version));
  const memory = memoryOf(plan, server, adapters);
  return { model: weightsFolder(base), servedModelName: base.id, adapters, memory };
}

/** The version that serves alone, which is the first: the one before it would take a GPU of its own. */
function mergedWeights(plan: StackPlan, server: ServerPlan, [serving]: readonly Version[]): Weights {
  const { base } = server.server;
  const memory = memoryOf(plan, server, []);
  if (serving === undefined)
    return { model: weightsFolder(base), servedModelName: base.id, adapters: [], memory };
  return { model: mergedFolder(serving.runId), servedModelName: serving.modelId, adapters: [], memory };
}

/** Fine-tune of an immutable name `<name>-<run id>`. Throws Error where the stack has none. */
function fineTuneOf({ fineTunes }: StackPlan, { modelId, runId }: Version): FineTunePlan {
  const found = fineTunes.find(({ name }) => modelId === `${name}-${runId}`);
  if (found === undefined) throw new Error(`${modelId} is a version of no fine-tune of the stack`);
  return found;
}

/** On AWS the published copy in the bucket, else what is on the volume. */
function adapterOf(plan: StackPlan, version: Version): ServedAdapter {
  const { name, run } = fineTuneOf(plan, version);
  const { modelId, runId, rank = run.train.rank } = version;
  const path = plan.aws === null ? adapterFolder(runId) : inBucket(adapterKey(name, runId));
  return { fineTune: name, modelId, path, rank };
}

/** Slots as large as the largest rank of all versions, of which an earlier one may have had a larger. */
function memoryOf(
  plan: StackPlan,
  { key, gpu, gpuMemory, server, weights }: ServerPlan,
  adapters: readonly ServedAdapter[],
): Pick<ServingMemory, "maxLoraRank" | "slots" | "maxModelLength"> {
  const mine = plan.fineTunes.filter(({ serving }) => serving.server === key);
  const architecture = mine[0]?.served?.architecture;
  const ranks = weights === "merged" ? [] : mine.map(({ run }) => run.train.rank);
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
