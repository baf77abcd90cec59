import { expect } from "vitest";
import { nodeGroupName } from "../../core/aws/gpu-nodes.ts";
import type { AwsPlan } from "../../core/plan/aws-plan.ts";
import type { GpuPool } from "../../core/plan/gpu-pools.ts";
import type { Collected } from "./collect.ts";
import { at, list, ofType, type StackSet } from "./stack-set.ts";

/** As AWS spells them; written again here, so that a wrong row of a builder is not its own proof. */
const AMI_TYPES = { al2023: "AL2023_x86_64_NVIDIA", bottlerocket: "BOTTLEROCKET_x86_64_NVIDIA" };
/** Every disk of an image; containers lie on the last one. */
const DEVICES = { al2023: ["/dev/xvda"], bottlerocket: ["/dev/xvda", "/dev/xvdb"] };
const CAPACITY_TYPES = { "on-demand": "ON_DEMAND", spot: "SPOT", "capacity-block": "CAPACITY_BLOCK" };

function one(set: StackSet, type: string, name: string): Collected {
  const found = ofType(set, type).filter((each) => each.name === name);
  expect(found, `${type} ${name}`).toHaveLength(1);
  return found[0]!;
}

/** A new cluster is closed, logged, encrypted, kept from deletion and never in extended support. */
export function expectCluster(set: StackSet): void {
  const { cluster, gpu } = set.plan.aws!;
  const { inputs } = one(set, "aws:eks/cluster:Cluster", "cluster");
  expect(inputs).toMatchObject({
    version: "1.35",
    accessConfig: { authenticationMode: "API", bootstrapClusterCreatorAdminPermissions: false },
    deletionProtection: true,
    upgradePolicy: { supportType: "STANDARD" },
    vpcConfig: {
      endpointPrivateAccess: true,
      endpointPublicAccess: cluster.publicAccessCidrs.length > 0,
    },
    encryptionConfig: { resources: ["secrets"] },
  });
  expect(inputs["enabledClusterLogTypes"]).toContain("audit");
  expect(at(inputs, "computeConfig", "enabled") ?? false).toBe(gpu.nodes === "auto-mode");
  expect(one(set, "LogGroup", "control-plane").inputs).toMatchObject({ retentionInDays: 90 });
  expect(one(set, "aws:kms/key:Key", "cluster").inputs).toMatchObject({ enableKeyRotation: true });
  if (gpu.nodes === "auto-mode") return;
  const { configurationValues } = one(set, "Addon", "vpc-cni").inputs as { configurationValues: string };
  // Without it NetworkPolicies are taken and not enforced.
  expect(JSON.parse(configurationValues)).toEqual({ enableNetworkPolicy: "true" });
}

/** A node group that is empty until a pod needs it, and its template. */
function expectNodeGroup(set: StackSet, { gpu, network }: AwsPlan, pool: GpuPool): void {
  const group = one(set, "aws:eks/nodeGroup:NodeGroup", pool.name);
  expect(group.inputs).toMatchObject({
    amiType: AMI_TYPES[gpu.ami],
    capacityType: CAPACITY_TYPES[pool.purchase],
    scalingConfig: { minSize: 0, desiredSize: 0, maxSize: 2 },
    taints: [{ key: "nvidia.com/gpu", value: "true", effect: "NO_SCHEDULE" }],
    labels: { "tuneform.dev/pool": nodeGroupName(set.plan.aws!, pool), "nvidia.com/gpu.present": "true" },
    nodeRepairConfig: { enabled: true },
    updateConfig: { updateStrategy: "MINIMAL" },
  });
  expect(group.inputs["releaseVersion"]).toBe(gpu.releaseVersion ?? undefined);
  // What the autoscaler started is not the program's.
  expect(group.ignoreChanges).toEqual(["scalingConfig.desiredSize"]);
  const { inputs } = one(set, "LaunchTemplate", pool.name);
  expect(inputs).toMatchObject({
    metadataOptions: { httpTokens: "required", httpPutResponseHopLimit: 1 },
    blockDeviceMappings: DEVICES[gpu.ami].map((deviceName) => ({
      deviceName,
      ebs: { volumeType: "gp3", encrypted: "true" },
    })),
  });
  expect(at(list(inputs["blockDeviceMappings"]).at(-1), "ebs", "volumeSize")).toBe(200);
  const types = pool.instances.map(({ type }) => type);
  const isBlock = pool.purchase === "capacity-block";
  if (isBlock && gpu.capacitySubnet !== null) expect(group.inputs["subnetIds"]).toEqual([gpu.capacitySubnet]);
  else
    expect(list(group.inputs["subnetIds"])).toHaveLength(isBlock ? 1 : (network.privateSubnets?.length ?? 3));
  expect(group.inputs["instanceTypes"]).toEqual(isBlock ? undefined : types);
  expect(inputs["instanceType"]).toBe(isBlock ? types[0] : undefined);
  expect(at(inputs, "instanceMarketOptions", "marketType")).toBe(isBlock ? "capacity-block" : undefined);
  expect(
    at(inputs, "capacityReservationSpecification", "capacityReservationTarget", "capacityReservationId"),
  ).toBe(isBlock ? "cr-0123456789abcdef0" : undefined);
  expectStartFromZero(set, pool, group);
}

/** Tags of the Auto Scaling group that EKS made: what the autoscaler takes a node for before there is one. */
function expectStartFromZero(set: StackSet, pool: GpuPool, group: Collected): void {
  const tags = ofType(set, "aws:autoscaling/tag:Tag").filter(({ name }) => name.startsWith(`${pool.name}:`));
  for (const { inputs, dependsOn } of tags) {
    expect(inputs["autoscalingGroupName"]).toBe(`eks-${pool.name}`);
    expect(dependsOn).toContain(group.urn);
  }
  const template = "k8s.io/cluster-autoscaler/node-template";
  const entries = tags.map(({ inputs }) => inputs["tag"] as { key: string; value: string });
  const found = Object.fromEntries(entries.map(({ key, value }) => [key, value]));
  expect(found).toMatchObject({
    "k8s.io/cluster-autoscaler/enabled": "true",
    [`${template}/label/tuneform.dev/pool`]: nodeGroupName(set.plan.aws!, pool),
    [`${template}/taint/nvidia.com/gpu`]: "true:NoSchedule",
    [`${template}/resources/nvidia.com/gpu`]: "1",
  });
}

/** A pool that Karpenter or Auto Mode makes, and its class. */
function expectKarpenterPool(set: StackSet, plan: AwsPlan, pool: GpuPool): void {
  const { gpu } = plan;
  const name = nodeGroupName(plan, pool);
  const { inputs } = one(set, "NodePool", `nodepool-${name}`);
  const kind = gpu.nodes === "auto-mode" ? "NodeClass" : "EC2NodeClass";
  expect(inputs).toMatchObject({
    spec: {
      template: {
        metadata: { labels: { "tuneform.dev/pool": name, "nvidia.com/gpu.present": "true" } },
        spec: {
          nodeClassRef: { kind, name },
          taints: [{ key: "nvidia.com/gpu", value: "true", effect: "NoSchedule" }],
        },
      },
      limits: { "nvidia.com/gpu": "2" },
    },
  });
  const requirements = list(at(inputs, "spec", "template", "spec", "requirements"));
  expect(requirements).toContainEqual({
    key: "karpenter.sh/capacity-type",
    operator: "In",
    values: [pool.purchase],
  });
  const { spec } = one(set, kind, `${kind.toLowerCase()}-${name}`).inputs as { spec: object };
  expect(at(spec, "role")).toBe("nodes");
  const { privateSubnets, zones } = set.plan.aws!.network;
  const subnets = privateSubnets ?? zones.map((zone) => `private-${zone}-id`);
  expect(at(spec, "subnetSelectorTerms")).toEqual(subnets.map((id) => ({ id })));
  if (kind === "NodeClass") return;
  expect(spec).toMatchObject({
    amiSelectorTerms: [{ alias: `${gpu.ami}@latest` }],
    metadataOptions: { httpTokens: "required", httpPutResponseHopLimit: 1 },
    blockDeviceMappings: DEVICES[gpu.ami].map((deviceName) => ({ deviceName, ebs: { encrypted: true } })),
  });
}

/** GPU nodes of each pool of the plan, by whoever makes them. */
export function expectPools(set: StackSet): void {
  const aws = set.plan.aws!;
  expect(aws.pools.length).toBeGreaterThan(0);
  for (const pool of aws.pools)
    if (aws.gpu.nodes === "node-groups") expectNodeGroup(set, aws, pool);
    else expectKarpenterPool(set, aws, pool);
}
