import type { AwsPlan } from "../../core/plan/aws-plan.ts";
import type { StackPlan } from "../../core/plan/plan.ts";
import { ofType, type StackSet } from "./stack-set.ts";

/** Tags of one group: two by which the autoscaler finds it, four labels, a taint, two resources. */
const TAGS_OF_GROUP = 9;
/** Zones of the example's network. */
const ZONES = 3;

const when = (condition: boolean, count = 1) => (condition ? count : 0);

/** How many resources of each type a plan makes. */
export function expectedCounts(plan: StackPlan): Record<string, number> {
  const aws = plan.aws!;
  return { ...ofNetwork(aws), ...ofCluster(aws), ...ofPools(aws), ...ofStorage(aws), ...ofInside(plan) };
}

function ofNetwork({ network: { vpc, egress } }: AwsPlan): Record<string, number> {
  const isNew = vpc === null;
  const hasNat = isNew && egress === "nat";
  return {
    "aws:ec2/vpc:Vpc": when(isNew),
    "aws:ec2/subnet:Subnet": when(isNew, ZONES) + when(hasNat),
    "aws:ec2/natGateway:NatGateway": when(hasNat),
    "aws:ec2/internetGateway:InternetGateway": when(hasNat),
    "aws:ec2/eip:Eip": when(hasNat),
    // S3's costs nothing, so that it is always there.
    "aws:ec2/vpcEndpoint:VpcEndpoint": when(isNew) + when(isNew && egress === "endpoints", 11),
  };
}

function ofCluster({ cluster, gpu, fineTunes, servers, pools }: AwsPlan): Record<string, number> {
  const isNew = cluster.existing === null;
  const isAuto = gpu.nodes === "auto-mode";
  const hasAutoscaler = gpu.nodes === "node-groups" && cluster.autoscalerImage !== null;
  const groups = when(isNew && !isAuto) + when(gpu.nodes === "node-groups", pools.length);
  return {
    "aws:eks/cluster:Cluster": when(isNew),
    "aws:kms/key:Key": when(isNew),
    "aws:cloudwatch/logGroup:LogGroup": when(isNew),
    "aws:eks/addon:Addon": when(isNew, isAuto ? 3 : 9),
    // Of nodes only in a cluster that is there: in a new one EKS makes it.
    "aws:eks/accessEntry:AccessEntry": when(isNew) + when(!isNew && gpu.nodes !== "node-groups"),
    "aws:eks/accessPolicyAssociation:AccessPolicyAssociation": when(isNew) + when(!isNew && isAuto),
    "aws:eks/nodeGroup:NodeGroup": groups,
    "aws:ec2/launchTemplate:LaunchTemplate": groups,
    "aws:eks/podIdentityAssociation:PodIdentityAssociation":
      fineTunes.length + servers.length + when(hasAutoscaler),
    "kubernetes:rbac.authorization.k8s.io/v1:ClusterRole": when(hasAutoscaler),
    "aws:budgets/budget:Budget": fineTunes.length,
  };
}

function ofPools({ gpu, pools }: AwsPlan): Record<string, number> {
  const isGroup = gpu.nodes === "node-groups";
  const scaled = pools.filter(({ purpose }) => purpose === "training").length;
  return {
    "tuneform:aws:GpuNodePool": when(isGroup, pools.length),
    "aws:autoscaling/tag:Tag": when(isGroup, pools.length * TAGS_OF_GROUP),
    "aws:autoscaling/schedule:Schedule": when(isGroup && gpu.scaleDown !== null, scaled),
    "kubernetes:karpenter.sh/v1:NodePool": when(!isGroup, pools.length),
    "kubernetes:karpenter.k8s.aws/v1:EC2NodeClass": when(gpu.nodes === "karpenter", pools.length),
    "kubernetes:eks.amazonaws.com/v1:NodeClass": when(gpu.nodes === "auto-mode", pools.length),
  };
}

function ofStorage({ network, storage }: AwsPlan): Record<string, number> {
  const isNew = storage.bucket === null;
  return {
    "aws:s3/bucket:Bucket": when(isNew),
    "aws:s3/bucketVersioning:BucketVersioning": when(isNew),
    "aws:s3/bucketPolicy:BucketPolicy": when(isNew),
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": when(isNew),
    "aws:efs/fileSystem:FileSystem": 1,
    "aws:efs/mountTarget:MountTarget": network.privateSubnets?.length ?? ZONES,
    "kubernetes:storage.k8s.io/v1:StorageClass": 2,
    "kubernetes:core/v1:PersistentVolume": 1,
  };
}

function ofInside({ aws, fineTunes, servers }: StackPlan): Record<string, number> {
  const { gpu, cluster, installsDevicePlugin } = aws!;
  const hasAutoscaler = gpu.nodes === "node-groups" && cluster.autoscalerImage !== null;
  return {
    // Weights from the hub come by a Job of their own.
    "kubernetes:batch/v1:Job":
      fineTunes.length + fineTunes.filter(({ run }) => run.base.weights.kind === "hub").length,
    "kubernetes:apps/v1:Deployment": servers.length + 1 + when(hasAutoscaler),
    "kubernetes:apps/v1:DaemonSet": when(installsDevicePlugin),
    "kubernetes:core/v1:Namespace": 1,
    "pulumi-nodejs:dynamic/tuneform:Staging": fineTunes.filter(({ run }) => run.base.weights.kind === "hub")
      .length,
    "pulumi-nodejs:dynamic/tuneform:Outcome": fineTunes.length,
    "pulumi-nodejs:dynamic/tuneform:Alias": fineTunes.length,
  };
}

/** Of the same types. */
export const countsOf = (set: StackSet): Record<string, number> =>
  Object.fromEntries(Object.keys(expectedCounts(set.plan)).map((type) => [type, ofType(set, type).length]));
