import { GPUS, type GpuId } from "../catalog/gpus.ts";
import type { Instance } from "../catalog/instances.ts";
import type { AwsSettings } from "../spec/aws.ts";
import { dnsName } from "./dns-name.ts";
import type { Nodes } from "./nodes.ts";
import { podMemoryBytes } from "./pod-memory.ts";
import type { ServerPlan } from "./servers.ts";

export type Purchase = "on-demand" | "spot" | "capacity-block";

/** Nodes of one kind that start when a pod needs them, and end when none does. */
export interface GpuPool {
  /** DNS label, of its stack alone: the cluster may have another stack's pool of that name. */
  name: string;
  purpose: "training" | "serving";
  gpu: GpuId;
  /** The first is the planned one; on spot more of the same GPU follow, so that one of them is free. */
  instances: Instance[];
  purchase: Purchase;
  /** From zero to so many. */
  maxNodes: number;
  /** Names of the fine-tunes that train or are served here. */
  fineTunes: string[];
}

/** Taint of GPU nodes, as every cloud sets it. Pods say `NoSchedule`, EKS says `NO_SCHEDULE`. */
export const GPU_TAINT = { key: "nvidia.com/gpu", value: "true", effect: "NoSchedule" } as const;
export const POOL_LABEL = "tuneform.dev/pool";
/** Of nodes that a stack makes: its AwsPlan's name. */
export const STACK_LABEL = "tuneform.dev/stack";

/** Of a pool among all pools of a cluster: of its nodes' label, its node group, its objects. `stack`: AwsPlan's name. */
export const poolName = (stack: string, pool: string): string => dnsName(stack, pool);

/** A training or server that asks for nodes. */
interface Demand extends PodNeed {
  purpose: GpuPool["purpose"];
  /** Of the fine-tune or server: names a pool of its own. */
  key: string;
  fineTunes: string[];
  gpu: GpuId;
  purchase: Purchase;
}

/** What is planned of a fine-tune that gives it a pool. */
export interface PooledFineTune extends PodNeed {
  name: string;
  flight: { best: { gpu: GpuId; purchase: "on-demand" | "spot" } | null } | null;
}

/** What is planned of a server that gives it a pool. */
export interface PooledServer extends Pick<ServerPlan, "key" | "engine">, PodNeed {
  gpu: GpuId | null;
  fineTunes: string[];
}

/**
 * The pools of a stack, and what trains or serves where. A fine-tune without a GPU job, and a server of the
 * trainer's own, has none: those run on the system nodes. `instances`: of the catalog, or the stack's own file.
 * Throws Error where none is left: loading/aws.ts told the person before.
 */
export function planPools(
  fineTunes: readonly PooledFineTune[],
  servers: readonly PooledServer[],
  { gpu }: Pick<AwsSettings, "gpu">,
  instances: readonly Instance[],
): { pools: GpuPool[]; training: Record<string, string>; serving: Record<string, string> } {
  const pools = new Map<string, GpuPool>();
  const place = (demand: Demand): string => {
    const offered = instances.filter((instance) => isOffered(instance, { gpu }, demand.purpose));
    const taken = instancesFor(demand, offered);
    const [planned] = taken;
    if (planned === undefined) throw new Error(`no instance for ${demand.key}: a defect of the planner`);
    const own = gpu.share === "fine-tune" || demand.purpose === "serving";
    const suffix = own ? demand.key : `${planned.type}-${demand.purchase}`;
    const name = dnsName(demand.purpose === "training" ? "train" : "serve", suffix);
    const former = pools.get(name)?.fineTunes ?? [];
    pools.set(name, {
      name,
      purpose: demand.purpose,
      gpu: demand.gpu,
      instances: taken,
      purchase: demand.purchase,
      maxNodes: gpu.maxNodes,
      fineTunes: [...new Set([...former, ...demand.fineTunes])],
    });
    return name;
  };
  const training: Record<string, string> = {};
  for (const { name, flight, hostBytes, cores } of fineTunes) {
    const best = flight?.best ?? null;
    if (best === null) continue;
    const purchase = gpu.purchase === "auto" ? best.purchase : gpu.purchase;
    const demand = { purpose: "training" as const, key: name, fineTunes: [name], hostBytes, cores };
    training[name] = place({ ...demand, gpu: best.gpu, purchase });
  }
  const serving: Record<string, string> = {};
  for (const { key, engine, gpu: id, hostBytes, cores, fineTunes: names } of servers)
    if (engine === "vllm" && id !== null) {
      const demand = { purpose: "serving" as const, key, fineTunes: names, hostBytes, cores };
      serving[key] = place({ ...demand, gpu: id, purchase: "on-demand" });
    }
  return { pools: [...pools.values()], training, serving };
}

/** Types of one pool on spot: more are more likely to be free, but fewer are easier to reason about. */
const SPOT_TYPES = 3;

/** Cheapest first; the same GPU everywhere, so that the plan holds on each. */
function instancesFor({ gpu, purchase, ...need }: Demand, instances: readonly Instance[]): Instance[] {
  const fitting = instances
    .filter((instance) => instance.gpu === gpu && holds(instance, need) && sells(instance, purchase))
    .sort((a, b) => (a.usdPerHour ?? Infinity) - (b.usdPerHour ?? Infinity));
  return fitting.slice(0, purchase === "spot" ? SPOT_TYPES : 1);
}

const sells = ({ spot, capacityBlocks, usdPerHour }: Instance, purchase: Purchase): boolean =>
  purchase === "spot" ? spot : purchase === "capacity-block" ? capacityBlocks : usdPerHour !== null;

/** What the kubelet, the system and EKS's own pods keep of a node: unverified, and meant to be enough. */
const RESERVED = { bytes: 1.5e9, memoryShare: 0.06, cores: 0.3 };

/** Memory (bytes) and cores that pods can ask for of a node of this type. */
export const allocatable = ({ memoryGib, vcpu }: Pick<Instance, "memoryGib" | "vcpu">) => ({
  bytes: memoryGib * 2 ** 30 * (1 - RESERVED.memoryShare) - RESERVED.bytes,
  cores: vcpu - RESERVED.cores,
});

/** What a pod asks for. */
export interface PodNeed {
  /** Main memory of its process; null where unknown. */
  hostBytes: number | null;
  cores: number;
}

/** Whether a node of this type has what a pod asks for. */
export function holds(
  instance: Pick<Instance, "memoryGib" | "vcpu">,
  { hostBytes, cores }: PodNeed,
): boolean {
  const node = allocatable(instance);
  return podMemoryBytes(hostBytes) <= node.bytes && cores <= node.cores;
}

/** Whether nodes of this type can be had on EKS, and can train: one GPU with bf16, x86, a stock image. */
export function isOffered(
  instance: Instance,
  { gpu }: Pick<AwsSettings, "gpu">,
  purpose: GpuPool["purpose"],
): boolean {
  const { type, count, arch, stockAmi } = instance;
  const types = purpose === "training" ? gpu.instances : gpu.servingInstances;
  const usable = count === 1 && arch === "amd64" && stockAmi && GPUS[instance.gpu].bf16;
  // Karpenter and Auto Mode do not know the GPU of a fraction.
  const known = gpu.nodes === "node-groups" || !/^gr?6f\./.test(type);
  const purchase = purpose === "serving" ? "on-demand" : gpu.purchase;
  return (
    (types?.includes(type) ?? true) && usable && known && (purchase === "auto" || sells(instance, purchase))
  );
}

/** Where pods of a pool go; of null: to the system nodes, which carry no taint. */
export const nodesOfPool = (pool: string | null): Nodes =>
  pool === null
    ? { nodeSelector: {}, tolerations: [] }
    : {
        nodeSelector: { [POOL_LABEL]: pool },
        tolerations: [{ key: GPU_TAINT.key, operator: "Exists", effect: GPU_TAINT.effect }],
      };
