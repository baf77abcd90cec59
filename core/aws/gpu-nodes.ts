import { dnsName } from "../plan/dns-name.ts";
import { clusterName, type AwsPlan } from "../plan/aws-plan.ts";
import { GPU_TAINT, POOL_LABEL, poolName, STACK_LABEL, type GpuPool } from "../plan/gpu-pools.ts";
import { NODE_IMAGES } from "./node-images.ts";

/** Name of a pool's node group and launch template, and of Karpenter's objects: 63 characters at most. */
export const nodeGroupName = ({ name }: Pick<AwsPlan, "name">, pool: Pick<GpuPool, "name">): string =>
  poolName(name, pool.name);

/** What pods select, what the device plugin selects, and what keeps the autoscaler from adding more meanwhile. */
export const gpuLabels = (plan: AwsPlan, pool: GpuPool): Record<string, string> => ({
  [POOL_LABEL]: nodeGroupName(plan, pool),
  [STACK_LABEL]: plan.name,
  "nvidia.com/gpu.present": "true",
  "k8s.amazonaws.com/accelerator": pool.gpu,
});

/** EKS spells effects in capitals; pods and Karpenter do not. */
export const EKS_TAINT = { key: GPU_TAINT.key, value: GPU_TAINT.value, effect: "NO_SCHEDULE" } as const;

const CAPACITY = { "on-demand": "ON_DEMAND", spot: "SPOT", "capacity-block": "CAPACITY_BLOCK" } as const;

export const capacityType = ({ purchase }: GpuPool) => CAPACITY[purchase];

/**
 * Tags of the node group's Auto Scaling group: what cluster-autoscaler finds it by, and what it takes a node for that
 * is not there yet. Tags of a node group do not reach its group (cluster-autoscaler's documentation for AWS).
 */
export function autoscalerTags(plan: AwsPlan, pool: GpuPool): Record<string, string> {
  const template = "k8s.io/cluster-autoscaler/node-template";
  const labels = Object.entries(gpuLabels(plan, pool)).map(([key, value]) => [
    `${template}/label/${key}`,
    value,
  ]);
  return {
    "k8s.io/cluster-autoscaler/enabled": "true",
    [`k8s.io/cluster-autoscaler/${clusterName(plan)}`]: "owned",
    ...(Object.fromEntries(labels) as Record<string, string>),
    [`${template}/taint/${GPU_TAINT.key}`]: `${GPU_TAINT.value}:${GPU_TAINT.effect}`,
    [`${template}/resources/nvidia.com/gpu`]: "1",
    [`${template}/resources/ephemeral-storage`]: `${plan.gpu.rootGib}Gi`,
  };
}

/**
 * Zone ids of the stack's network where the pool's nodes can be: where its reservation is, or its planned type; all of
 * them where that is unknown.
 */
export function zonesOf({ network, gpu }: AwsPlan, { purchase, instances: [planned] }: GpuPool): string[] {
  if (purchase === "capacity-block" && gpu.capacityZone !== null) return [gpu.capacityZone];
  const having = network.zones.filter((zone) => planned?.zones.includes(zone) ?? false);
  return having.length > 0 ? having : network.zones;
}

/** Of a pool's nodes, disks and interfaces. What several share says so: the bill would else name one of them. */
export function poolTags(
  plan: AwsPlan,
  { name, fineTunes: [only, ...others] }: GpuPool,
): Record<string, string> {
  const alone = plan.fineTunes.find((each) => each.name === only && others.length === 0);
  return {
    ...plan.tags,
    Name: dnsName(plan.name, name),
    ...(alone === undefined ? { finetune: "shared" } : { finetune: alone.name, owner: alone.owner }),
  };
}

/** An encrypted gp3 volume of a node. */
export interface NodeVolume {
  deviceName: string;
  gib: number;
  /** MiB/s. */
  throughput: number;
  iops: number;
}

/** nodeadm's parallel unpacking wants 600 MiB/s; 4 MiB/s need an operation a second at least. */
export const DATA_SPEED = { throughput: 600, iops: 6000 } as const;
/** What Karpenter gives Bottlerocket's system, at the speed that costs nothing. */
const SYSTEM_VOLUME = { gib: 4, throughput: 125, iops: 3000 } as const;

/** All volumes of a node: one that were left out would be as the image has it, not encrypted. */
export function nodeVolumes({ gpu }: AwsPlan): NodeVolume[] {
  const { systemDevice, dataDevice } = NODE_IMAGES[gpu.ami];
  const data = { deviceName: dataDevice, gib: gpu.rootGib, ...DATA_SPEED };
  return systemDevice === null ? [data] : [{ deviceName: systemDevice, ...SYSTEM_VOLUME }, data];
}
