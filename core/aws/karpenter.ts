import type { Manifest } from "../kubernetes/manifest.ts";
import { clusterName, type AwsPlan } from "../plan/aws-plan.ts";
import { GPU_TAINT, type GpuPool } from "../plan/gpu-pools.ts";
import { DATA_SPEED, gpuLabels, nodeGroupName, nodeVolumes, poolTags, zonesOf } from "./gpu-nodes.ts";
import { METADATA_OPTIONS } from "./launch-template.ts";
import { karpenterAlias } from "./node-images.ts";

/** What only AWS knows of where a pool's nodes come up. `Text`: a string, or one that is still to be answered. */
export interface NodeFacts<Text = string> {
  nodeRoleName: Text;
  subnetIds: readonly Text[];
}

interface Requirement {
  key: string;
  operator: "In";
  values: string[];
}

/** Minutes that an empty node is kept: as long as a pull of the image would take again. */
const IDLE = "10m";
/** A node is replaced after a month for its image; running work is waited for, up to the longest training. */
const EXPIRY = "720h";
const LAST_GRACE = "48h";

/**
 * A pool as Karpenter makes it: NodePool and its class. Karpenter's controller, its queue and its rights are taken as
 * given: docs/aws.md has the commands. For EKS Auto Mode the class is EKS's own, without an image to choose.
 */
export function karpenterManifests<Text>(plan: AwsPlan, pool: GpuPool, facts: NodeFacts<Text>): Manifest[] {
  return plan.gpu.nodes === "auto-mode"
    ? [autoModeClass(plan, pool, facts), nodePool(plan, pool, "eks.amazonaws.com", "NodeClass")]
    : [ec2NodeClass(plan, pool, facts), nodePool(plan, pool, "karpenter.k8s.aws", "EC2NodeClass")];
}

function nodePool(plan: AwsPlan, pool: GpuPool, group: string, kind: string): Manifest & { spec: object } {
  const isAuto = plan.gpu.nodes === "auto-mode";
  const requirements: Requirement[] = [
    {
      key: "node.kubernetes.io/instance-type",
      operator: "In",
      values: pool.instances.map(({ type }) => type),
    },
    { key: "karpenter.sh/capacity-type", operator: "In", values: [pool.purchase] },
    { key: "kubernetes.io/arch", operator: "In", values: ["amd64"] },
    ...(plan.network.vpc === null && !isAuto
      ? [{ key: "topology.k8s.aws/zone-id", operator: "In" as const, values: zonesOf(plan, pool) }]
      : []),
  ];
  return {
    apiVersion: "karpenter.sh/v1",
    kind: "NodePool",
    metadata: { name: nodeGroupName(plan, pool), labels: {} },
    spec: {
      template: {
        metadata: { labels: gpuLabels(plan, pool) },
        spec: {
          nodeClassRef: { group, kind, name: nodeGroupName(plan, pool) },
          requirements,
          taints: [GPU_TAINT],
          expireAfter: EXPIRY,
          terminationGracePeriod: LAST_GRACE,
        },
      },
      disruption: { consolidationPolicy: "WhenEmpty", consolidateAfter: IDLE },
      limits: { "nvidia.com/gpu": String(pool.maxNodes) },
    },
  };
}

function ec2NodeClass<Text>(
  plan: AwsPlan,
  pool: GpuPool,
  facts: NodeFacts<Text>,
): Manifest & { spec: object } {
  return {
    apiVersion: "karpenter.k8s.aws/v1",
    kind: "EC2NodeClass",
    metadata: { name: nodeGroupName(plan, pool), labels: {} },
    spec: {
      amiSelectorTerms: [{ alias: karpenterAlias(plan.gpu) }],
      role: facts.nodeRoleName,
      subnetSelectorTerms: facts.subnetIds.map((id) => ({ id })),
      securityGroupSelectorTerms: clusterGroup(plan),
      metadataOptions: METADATA_OPTIONS,
      instanceStorePolicy: "RAID0",
      blockDeviceMappings: nodeVolumes(plan).map(({ deviceName, gib, throughput, iops }) => ({
        deviceName,
        ebs: {
          volumeType: "gp3",
          volumeSize: `${gib}Gi`,
          throughput,
          iops,
          encrypted: true,
          deleteOnTermination: true,
        },
      })),
      tags: {
        ...poolTags(plan, pool),
        // The EBS driver may attach volumes to machines of its cluster only; managed node groups have EKS's own tag.
        "ebs.csi.aws.com/cluster-name": clusterName(plan),
      },
    },
  };
}

/** The group that EKS makes with a cluster, by the tag that EKS gives it (unverified against a running cluster). */
const clusterGroup = (plan: AwsPlan) => [{ tags: { "aws:eks:cluster-name": clusterName(plan) } }];

function autoModeClass<Text>(
  plan: AwsPlan,
  pool: GpuPool,
  facts: NodeFacts<Text>,
): Manifest & { spec: object } {
  return {
    apiVersion: "eks.amazonaws.com/v1",
    kind: "NodeClass",
    metadata: { name: nodeGroupName(plan, pool), labels: {} },
    spec: {
      role: facts.nodeRoleName,
      subnetSelectorTerms: facts.subnetIds.map((id) => ({ id })),
      securityGroupSelectorTerms: clusterGroup(plan),
      ephemeralStorage: {
        size: `${plan.gpu.rootGib}Gi`,
        throughput: DATA_SPEED.throughput,
        iops: DATA_SPEED.iops,
      },
      tags: poolTags(plan, pool),
    },
  };
}
