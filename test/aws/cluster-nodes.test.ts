import { beforeAll, describe, expect, it } from "vitest";
import type { EksCluster } from "../../components/aws/cluster.ts";
import { NODE_MAKERS } from "../../core/spec/aws.ts";
import { EXISTING } from "./aws-example.ts";
import { accessPolicy, declaredCluster } from "./cluster-example.ts";
import { reading, valueOf, type Program } from "./declared.ts";

describe.each(["node-groups", "karpenter"] as const)("system nodes beside %s", (nodes) => {
  let program: Program<EksCluster>;
  beforeAll(async () => void (program = await declaredCluster({ gpu: { nodes } })));
  const { one, after } = reading(() => program);

  it("are a few without a GPU and without a taint, in private subnets", () => {
    const { inputs } = one("NodeGroup/system");
    expect(inputs).toMatchObject({
      amiType: "AL2023_x86_64_STANDARD",
      capacityType: "ON_DEMAND",
      instanceTypes: ["m7i.large"],
      scalingConfig: { minSize: 2, desiredSize: 2, maxSize: 3 },
      subnetIds: ["private-use1-az2-id", "private-use1-az4-id", "private-use1-az6-id"],
      nodeRoleArn: "arn:aws:iam::111122223333:role/nodes",
      launchTemplate: { id: "system-id", version: "1" },
    });
    // With a template these are refused; a taint would keep DNS away.
    for (const key of ["diskSize", "remoteAccess", "taints"]) expect(inputs).not.toHaveProperty(key);
  });

  it("keep their credentials from pods and their disk encrypted", () => {
    const { inputs } = one("LaunchTemplate/system");
    expect(inputs).toMatchObject({
      metadataOptions: { httpTokens: "required", httpPutResponseHopLimit: 1 },
      blockDeviceMappings: [
        { deviceName: "/dev/xvda", ebs: { encrypted: "true", volumeType: "gp3", volumeSize: 50 } },
      ],
    });
    expect(inputs).not.toHaveProperty("networkInterfaces");
  });

  it("begin when they can become ready: network, rights, agent and then vpc-cni, kube-proxy", () => {
    const group = "NodeGroup/system";
    expect(after(group, "Route/private-out")).toBe(true);
    for (const policy of ["AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly"])
      expect(after(group, `RolePolicyAttachment/nodes-${policy}`)).toBe(true);
    expect(after(group, "Addon/vpc-cni")).toBe(true);
    expect(after(group, "Addon/kube-proxy")).toBe(true);
    expect(after("Addon/vpc-cni", "Addon/eks-pod-identity-agent")).toBe(true);
  });

  it.each([
    "coredns",
    "aws-ebs-csi-driver",
    "aws-efs-csi-driver",
    "aws-mountpoint-s3-csi-driver",
    "eks-node-monitoring-agent",
    "metrics-server",
  ])("are there before %s, whose pods need a node", (addon) =>
    expect(after(`Addon/${addon}`, "NodeGroup/system")).toBe(true),
  );
});

describe("a new cluster of EKS Auto Mode", () => {
  let program: Program<EksCluster>;
  beforeAll(async () => void (program = await declaredCluster({ gpu: { nodes: "auto-mode" } })));
  const { one, kind } = reading(() => program);

  it("has compute, block storage and load balancing of EKS: EKS refuses one without the others", () => {
    expect(one("Cluster/cluster").inputs).toMatchObject({
      computeConfig: {
        enabled: true,
        nodePools: ["system", "general-purpose"],
        nodeRoleArn: "arn:aws:iam::111122223333:role/nodes",
      },
      storageConfig: { blockStorage: { enabled: true } },
      kubernetesNetworkConfig: { elasticLoadBalancing: { enabled: true } },
    });
  });

  it("has no node group, and only add-ons that it does not bring itself", () => {
    expect(kind("NodeGroup")).toEqual([]);
    const addons = kind("Addon").map(({ name }) => name);
    expect(addons.sort()).toEqual(["aws-efs-csi-driver", "aws-mountpoint-s3-csi-driver", "metrics-server"]);
  });
});

describe.each(NODE_MAKERS)("a cluster that is there already, with GPU nodes of %s", (nodes) => {
  let program: Program<EksCluster>;
  beforeAll(async () => void (program = await declaredCluster({ ...EXISTING, gpu: { nodes } })));
  const { one, after, ready } = reading(() => program);
  const type = nodes === "auto-mode" ? "EC2" : "EC2_LINUX";
  const node = nodes === "auto-mode" ? "AmazonEKSWorkerNodeMinimalPolicy" : "AmazonEKSWorkerNodePolicy";
  const entries = {
    "node-groups": [], // EKS makes it with the group
    karpenter: ["AccessEntry/nodes"],
    "auto-mode": ["AccessEntry/nodes", "AccessPolicyAssociation/nodes"],
  }[nodes];

  it("gets the role of new nodes and what lets them in, and nothing else", async () => {
    const made = program.resources.filter(({ type: each }) => each.startsWith("aws:")).map(({ key }) => key);
    const attachments = [node, "AmazonEC2ContainerRegistryPullOnly"].map(
      (policy) => `RolePolicyAttachment/nodes-${policy}`,
    );
    expect(made.sort()).toEqual(["Role/nodes", ...attachments, ...entries].sort());
    expect((await ready()).sort()).toEqual([...attachments, ...entries].sort());
    expect(program.calls).toEqual([]);
  });

  it("is named as it is, and reached by the stack's own kubeconfig", async () => {
    expect(await valueOf(program.result.clusterName)).toBe("shared");
    expect(program.result.kubeconfig).toBeNull();
  });

  if (entries.length > 0)
    it("knows nodes by their role", () => {
      expect(one("AccessEntry/nodes").inputs).toMatchObject({
        clusterName: "shared",
        principalArn: "arn:aws:iam::111122223333:role/nodes",
        type,
      });
    });

  if (entries.length > 1)
    it("lets EKS's own nodes do what nodes do", () => {
      const association = "AccessPolicyAssociation/nodes";
      expect(one(association).inputs).toMatchObject({ policyArn: accessPolicy("AmazonEKSAutoNodePolicy") });
      expect(after(association, "AccessEntry/nodes")).toBe(true);
    });
});
