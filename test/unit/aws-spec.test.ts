import { describe, expect, it } from "vitest";
import { awsSchema } from "../../core/spec/aws.ts";

const DIGEST = `sha256:${"a1".repeat(32)}`;
const CLUSTER = {
  adminRoles: ["arn:aws:iam::111122223333:role/deploy"],
  autoscalerImage: `registry.example/autoscaler@${DIGEST}`,
};
const VPC = "vpc-0123456789abcdef0";
const SUBNETS = ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"];
const BLOCK = {
  purchase: "capacity-block",
  instances: ["p5.4xlarge"],
  capacityReservation: "cr-0123456789abcdef0",
  capacityZone: "use1-az2",
};

interface Settings {
  network?: object;
  cluster?: object;
  gpu?: object;
  [key: string]: unknown;
}

/** What is refused of settings, as `key: message`, on top of those of a stack that is taken. */
function problemsOf({ cluster = {}, ...settings }: Settings): string[] {
  const parsed = awsSchema.safeParse({ cluster: { ...CLUSTER, ...cluster }, ...settings });
  return (parsed.error?.issues ?? []).map(({ path, message }) => `${path.join(".")}: ${message}`);
}

describe("settings that are taken", () => {
  it.each<[string, Settings]>([
    ["of a new network and cluster", {}],
    [
      "of ones that are there",
      { network: { vpc: VPC, privateSubnets: SUBNETS }, cluster: { existing: "shared" } },
    ],
    ["of a capacity block", { gpu: BLOCK }],
    [
      "of Karpenter, which needs no autoscaler",
      { gpu: { nodes: "karpenter" }, cluster: { autoscalerImage: null } },
    ],
    [
      "of Auto Mode, which needs none either",
      { gpu: { nodes: "auto-mode" }, cluster: { autoscalerImage: null } },
    ],
    ["of another region", { region: "eu-west-1", network: { zones: ["euw1-az1", "euw1-az2"] } }],
    ["of an AL2023 release", { gpu: { releaseVersion: "1.35.6-20260714" } }],
    ["of a Bottlerocket release", { gpu: { ami: "bottlerocket", releaseVersion: "1.47.0-6154605b" } }],
    ["of one network that may reach the API", { cluster: { publicAccessCidrs: ["203.0.113.0/24"] } }],
    [
      "of a cluster that is there, which has its own autoscaler and roles",
      existing({ autoscalerImage: null, adminRoles: [] }),
    ],
  ])("%s", (_what, settings) => expect(problemsOf(settings)).toEqual([]));
});

function existing(cluster: object): Settings {
  return { network: { vpc: VPC, privateSubnets: SUBNETS }, cluster: { existing: "shared", ...cluster } };
}

/** What is refused, the settings, and the one thing that is said about them. */
const REFUSED: [string, Settings, string][] = [
  [
    "AL2, of which EKS makes no images",
    { gpu: { ami: "al2" } },
    "gpu.ami: must be al2023 or bottlerocket: EKS makes no AL2 images since November 2025",
  ],
  [
    "g7",
    { gpu: { instances: ["g7.2xlarge"] } },
    "gpu.instances.0: g7.2xlarge needs a newer driver than the EKS images have",
  ],
  [
    "a T4",
    { gpu: { instances: ["g4dn.xlarge"] } },
    "gpu.instances.0: g4dn.xlarge has no bf16 (NVIDIA T4), which training and serving take",
  ],
  [
    "a T4 that serves",
    { gpu: { servingInstances: ["g4dn.xlarge"] } },
    "gpu.servingInstances.0: g4dn.xlarge has no bf16 (NVIDIA T4), which training and serving take",
  ],
  [
    "a type that nobody knows",
    { gpu: { instances: ["g6.xlarge", "g99.xlarge"] } },
    "gpu.instances.1: g99.xlarge is not in the catalog of GPU instances",
  ],
  [
    "several GPUs",
    { gpu: { instances: ["g6.12xlarge"] } },
    "gpu.instances.0: g6.12xlarge has 4 GPUs, a Job takes one",
  ],
  [
    "no type at all",
    { gpu: { instances: [] } },
    "gpu.instances: Too small: expected array to have >=1 items",
  ],
  [
    "a root volume too small for an image",
    { gpu: { rootGib: 20 } },
    "gpu.rootGib: must be at least 200: images and caches of a GPU node",
  ],
  [
    "a schedule that is no cron expression",
    { gpu: { scaleDown: "20:00" } },
    "gpu.scaleDown: must be a cron expression of five fields",
  ],
  [
    "a block without its reservation",
    { gpu: { ...BLOCK, capacityReservation: null } },
    "gpu.capacityReservation: is missing, and purchase: capacity-block needs it",
  ],
  [
    "a block without its zone",
    { gpu: { ...BLOCK, capacityZone: null } },
    "gpu.capacityZone: is missing, and purchase: capacity-block needs it",
  ],
  [
    "a block in a zone without a subnet",
    { gpu: { ...BLOCK, capacityZone: "use1-az1" } },
    "gpu.capacityZone: use1-az1 is none of network.zones, so nothing could start there",
  ],
  [
    "a block in a network that is there, without its subnet",
    { network: { vpc: VPC, privateSubnets: SUBNETS }, gpu: BLOCK },
    "gpu.capacitySubnet: is missing: the one of network.privateSubnets that is in the block's zone",
  ],
  [
    "a block in a subnet of another network",
    {
      network: { vpc: VPC, privateSubnets: SUBNETS },
      gpu: { ...BLOCK, capacitySubnet: "subnet-0fffffffffffffff0" },
    },
    "gpu.capacitySubnet: subnet-0fffffffffffffff0 is none of network.privateSubnets",
  ],
  [
    "a reservation without a block",
    { gpu: { capacityReservation: "cr-0123456789abcdef0" } },
    "gpu.capacityReservation: is for purchase: capacity-block",
  ],
  [
    "a block of a type that has none",
    { gpu: { ...BLOCK, instances: ["g6.xlarge"] } },
    "gpu.instances.0: g6.xlarge has no capacity blocks",
  ],
  [
    "a block of two types",
    { gpu: { ...BLOCK, instances: ["p5.4xlarge", "p5.4xlarge"] } },
    "gpu.instances: must name the one type that the capacity block holds",
  ],
  [
    "a block that Karpenter should take",
    { gpu: { ...BLOCK, nodes: "karpenter" } },
    "gpu.nodes: karpenter takes no capacity block here → node-groups",
  ],
  [
    "an image for Auto Mode",
    { gpu: { nodes: "auto-mode", ami: "bottlerocket" } },
    "gpu.ami: is chosen by EKS Auto Mode itself",
  ],
  [
    "a release for Auto Mode",
    { gpu: { nodes: "auto-mode", releaseVersion: "1.35.6-20260714" } },
    "gpu.releaseVersion: is chosen by EKS Auto Mode itself",
  ],
  [
    "a release of the other family",
    { gpu: { ami: "bottlerocket", releaseVersion: "1.35.6-2026" } },
    "gpu.releaseVersion: 1.35.6-2026 is no release of bottlerocket: 1.47.0-6154605b is one",
  ],
  [
    "a release of another Kubernetes",
    { gpu: { releaseVersion: "1.34.2-20260714" } },
    "gpu.releaseVersion: 1.34.2-20260714 is not of Kubernetes 1.35",
  ],
  [
    "zones of another region",
    { region: "eu-west-1" },
    "network.zones: are zones of us-east-1, this is eu-west-1 → zone ids of eu-west-1",
  ],
  [
    "one zone, since a cluster needs two",
    { network: { zones: ["use1-az2"] } },
    "network.zones: must name at least two",
  ],
  [
    "a zone by its name, which differs by account",
    { network: { zones: ["us-east-1a", "use1-az2"] } },
    "network.zones.0: must be the id of a zone, such as use1-az2",
  ],
  [
    "a VPC without its subnets",
    { network: { vpc: VPC } },
    "network.privateSubnets: is missing: vpc and privateSubnets of a network that is there already belong together",
  ],
  [
    "subnets without their VPC",
    { network: { privateSubnets: SUBNETS } },
    "network.vpc: is missing: vpc and privateSubnets of a network that is there already belong together",
  ],
  [
    "a cluster without its VPC",
    { cluster: { existing: "shared" } },
    "network.vpc: is missing: name the VPC of cluster shared, and its private subnets",
  ],
  [
    "an API for everyone",
    { cluster: { publicAccessCidrs: ["203.0.113.0/24", "0.0.0.0/0"] } },
    "cluster.publicAccessCidrs: 0.0.0.0/0 lets everyone try → the networks that need it",
  ],
  [
    "a new cluster that nobody could enter",
    { cluster: { adminRoles: [] } },
    "cluster.adminRoles: is missing: without one nobody, and no update, could enter the new cluster",
  ],
  [
    "a person's user as its administrator",
    { cluster: { adminRoles: ["arn:aws:iam::111122223333:user/me"] } },
    "cluster.adminRoles.0: must be the ARN of an IAM role",
  ],
  [
    "node groups that nothing would start",
    { cluster: { autoscalerImage: null } },
    "cluster.autoscalerImage: is missing: without cluster-autoscaler no GPU node of a node group would ever start from zero",
  ],
  [
    "an image by its tag",
    { cluster: { autoscalerImage: "registry.example/autoscaler:v1.35.0" } },
    "cluster.autoscalerImage: must be an image with its digest: name@sha256:<64 hex digits>",
  ],
  [
    "a version of an add-on that is none",
    { cluster: { addons: { coredns: "latest" } } },
    "cluster.addons.coredns: must be a version such as v1.21.1-eksbuild.3",
  ],
  [
    "an add-on that no stack makes",
    { cluster: { addons: { "vpc-cnj": "v1.22.3-eksbuild.1" } } },
    "cluster.addons.vpc-cnj: is no add-on that the stack makes → did you mean vpc-cni? one of eks-pod-identity-agent, vpc-cni, kube-proxy, coredns, aws-ebs-csi-driver, aws-efs-csi-driver, aws-mountpoint-s3-csi-driver, eks-node-monitoring-agent, metrics-server",
  ],
  [
    "an add-on that Auto Mode brings itself",
    { cluster: { addons: { coredns: "v1.13.2-eksbuild.11" } }, gpu: { nodes: "auto-mode" } },
    "cluster.addons.coredns: is brought by EKS Auto Mode itself, in its own version → remove it, or another gpu.nodes",
  ],
  [
    "an unknown add-on in Auto Mode, where fewer are made",
    { cluster: { addons: { gpu: "v1.0.0-eksbuild.1" } }, gpu: { nodes: "auto-mode" } },
    "cluster.addons.gpu: is no add-on that the stack makes → one of aws-efs-csi-driver, aws-mountpoint-s3-csi-driver, metrics-server",
  ],
  [
    "an add-on of a cluster that is there already",
    existing({ addons: { coredns: "v1.13.2-eksbuild.11" } }),
    "cluster.addons.coredns: is an add-on of cluster shared, which brings its own → remove it",
  ],
  ["a key that does not exist", { gpu: { spot: true } }, 'gpu: Unrecognized key: "spot"'],
  [
    "a budget that nobody hears of",
    { budget: { monthlyUsd: 100, emails: [] } },
    "budget.emails: Too small: expected array to have >=1 items",
  ],
  [
    "a name that is too long for the names made of it",
    { name: "a".repeat(32) },
    "name: must be at most 31 letters, digits, hyphens",
  ],
  ["a date that is none", { expiresAt: "2026-02-30" }, "expiresAt: Invalid ISO date"],
];

describe("settings that are refused, with what to do", () => {
  it.each(REFUSED)("%s", (_what, settings, problem) => expect(problemsOf(settings)).toEqual([problem]));

  it("are all named at once", () => {
    const settings: Settings = {
      region: "eu-west-1",
      cluster: { adminRoles: [], autoscalerImage: null, publicAccessCidrs: ["0.0.0.0/0"] },
      gpu: { instances: ["g7.2xlarge", "g4dn.xlarge"], capacityZone: "euw1-az1" },
    };
    expect(problemsOf(settings).map((problem) => problem.split(":")[0])).toEqual([
      "network.zones",
      "cluster.publicAccessCidrs",
      "cluster.adminRoles",
      "cluster.autoscalerImage",
      "gpu.capacityZone",
      "gpu.instances.0",
      "gpu.instances.1",
    ]);
  });

  it("are all named at once where they are of the wrong form, too", () => {
    const settings: Settings = { region: "Virginia", gpu: { ami: "al2", rootGib: 20, maxNodes: 0 } };
    expect(problemsOf(settings).map((problem) => problem.split(":")[0])).toEqual([
      "region",
      "gpu.ami",
      "gpu.rootGib",
      "gpu.maxNodes",
    ]);
  });
});
