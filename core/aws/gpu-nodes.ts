import { dnsName } from "../plan/dns-name.ts";
import { clusterName, type AwsPlan } from "../plan/aws-plan.ts";
import { GPU_TAINT, POOL_LABEL, type GpuPool } from "../plan/gpu-pools.ts";

/** Name of a pool's node group and launch template: 63 characters at most. */
export const nodeGroupName = ({ name }: AwsPlan, pool: GpuPool): string => dnsName(name, pool.name);

/** What pods select, what the device plugin selects, and what keeps the autoscaler from adding more meanwhile. */
export const gpuLabels = ({ name, gpu }: GpuPool): Record<string, string> => ({
  [POOL_LABEL]: name,
  "nvidia.com/gpu.present": "true",
  "k8s.amazonaws.com/accelerator": gpu,
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
  const labels = Object.entries(gpuLabels(pool)).map(([key, value]) => [`${template}/label/${key}`, value]);
  return {
    "k8s.io/cluster-autoscaler/enabled": "true",
    [`k8s.io/cluster-autoscaler/${clusterName(plan)}`]: "owned",
    ...(Object.fromEntries(labels) as Record<string, string>),
    [`${template}/taint/${GPU_TAINT.key}`]: `${GPU_TAINT.value}:${GPU_TAINT.effect}`,
    [`${template}/resources/nvidia.com/gpu`]: "1",
    [`${template}/resources/ephemeral-storage`]: `${plan.gpu.rootGib}Gi`,
  };
}

/** Zone ids of the stack's network where the pool's first type is; all of them where that is unknown. */
export function zonesOf({ network }: AwsPlan, { instances: [planned] }: GpuPool): string[] {
  const having = network.zones.filter((zone) => planned?.zones.includes(zone) ?? false);
  return having.length > 0 ? having : network.zones;
}

/** gp3: nodeadm's parallel unpacking wants 600 MiB/s; 4 MiB/s need an operation a second at least. */
export const ROOT_VOLUME = { volumeType: "gp3", throughput: 600, iops: 6000 } as const;
