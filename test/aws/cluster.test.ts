import { beforeAll, describe, expect, it } from "vitest";
import type { EksCluster } from "../../components/aws/cluster.ts";
import { addonsOf } from "../../core/aws/addons.ts";
import { clusterKeyPolicy } from "../../core/aws/key-policy.ts";
import { kubeconfigOf } from "../../core/aws/kubeconfig.ts";
import { NODE_MAKERS } from "../../core/spec/aws.ts";
import { ADMIN, awsExample } from "./aws-example.ts";
import { accessPolicy, declaredCluster, managedPolicy } from "./cluster-example.ts";
import { reading, valueOf, type Program } from "./declared.ts";

describe.each(NODE_MAKERS)("a new cluster whose GPU nodes are of %s", (nodes) => {
  const isAuto = nodes === "auto-mode";
  let program: Program<EksCluster>;
  beforeAll(async () => void (program = await declaredCluster({ gpu: { nodes } })));
  const { kind, one, after, policiesOf, ready } = reading(() => program);

  it("asks AWS nothing while it is planned", () => expect(program.calls).toEqual([]));

  it("is entered by access entries only, and through its VPC only", () => {
    expect(one("Cluster/cluster").inputs).toMatchObject({
      name: "tuneform-test",
      version: "1.35",
      accessConfig: { authenticationMode: "API", bootstrapClusterCreatorAdminPermissions: false },
      vpcConfig: {
        subnetIds: ["private-use1-az2-id", "private-use1-az4-id", "private-use1-az6-id"],
        endpointPrivateAccess: true,
        endpointPublicAccess: false,
      },
    });
  });

  it("brings no add-on of its own, is never billed for extended support, and is not deleted by mistake", () => {
    expect(one("Cluster/cluster").inputs).toMatchObject({
      bootstrapSelfManagedAddons: false,
      upgradePolicy: { supportType: "STANDARD" },
      deletionProtection: true,
    });
  });

  it("logs everything to a group that is there first, expires and is encrypted", () => {
    expect(one("Cluster/cluster").inputs["enabledClusterLogTypes"]).toEqual([
      "api",
      "audit",
      "authenticator",
      "controllerManager",
      "scheduler",
    ]);
    expect(one("LogGroup/control-plane").inputs).toMatchObject({
      name: "/aws/eks/tuneform-test/cluster",
      retentionInDays: 90,
      kmsKeyId: "arn:aws:kms:us-east-1:111122223333:key/cluster",
    });
    expect(after("Cluster/cluster", "LogGroup/control-plane")).toBe(true);
  });

  it("encrypts Secrets with a key that rotates, is protected and is the cluster role's", () => {
    expect(one("Cluster/cluster").inputs["encryptionConfig"]).toEqual({
      resources: ["secrets"],
      provider: { keyArn: "arn:aws:kms:us-east-1:111122223333:key/cluster" },
    });
    const key = one("Key/cluster");
    expect(key.protect).toBe(true);
    expect(key.inputs["enableKeyRotation"]).toBe(true);
    expect(JSON.parse(key.inputs["policy"] as string)).toEqual(
      clusterKeyPolicy({
        clusterRole: "arn:aws:iam::111122223333:role/cluster",
        region: "us-east-1",
        logGroup: "/aws/eks/tuneform-test/cluster",
      }),
    );
  });

  it("has a role with what EKS needs, which outlives it", () => {
    const auto = ["Compute", "BlockStorage", "LoadBalancing", "Networking"];
    const policies = ["Cluster", ...(isAuto ? auto : [])].map((part) => `AmazonEKS${part}Policy`);
    expect(policiesOf("cluster")).toEqual(policies.map(managedPolicy));
    for (const policy of policies)
      expect(after("Cluster/cluster", `RolePolicyAttachment/cluster-${policy}`)).toBe(true);
    const trust = JSON.parse(one("Role/cluster").inputs["assumeRolePolicy"] as string) as {
      Statement: { Action: string[] }[];
    };
    expect(trust.Statement).toEqual([
      expect.objectContaining({
        Principal: { Service: "eks.amazonaws.com" },
        Action: ["sts:AssumeRole", ...(isAuto ? ["sts:TagSession"] : [])],
      }),
    ]);
  });

  it("begins when its subnets have their way out", () =>
    expect(after("Cluster/cluster", "Route/private-out")).toBe(true));

  it("gives nodes the right to join and to pull, and no right of the network's: its pods have that", () => {
    expect(policiesOf("nodes")).toEqual([
      managedPolicy(isAuto ? "AmazonEKSWorkerNodeMinimalPolicy" : "AmazonEKSWorkerNodePolicy"),
      managedPolicy("AmazonEC2ContainerRegistryPullOnly"),
    ]);
  });

  it("lets the named roles administer it, before anything inside is made", async () => {
    expect(one("AccessEntry/admin-deploy").inputs).toMatchObject({
      clusterName: "tuneform-test",
      principalArn: ADMIN,
      type: "STANDARD",
    });
    const association = "AccessPolicyAssociation/admin-deploy";
    expect(one(association).inputs).toMatchObject({
      principalArn: ADMIN,
      policyArn: accessPolicy("AmazonEKSClusterAdminPolicy"),
      accessScope: { type: "cluster" },
    });
    expect(after(association, "AccessEntry/admin-deploy")).toBe(true);
    expect(await ready()).toEqual(expect.arrayContaining(["AccessEntry/admin-deploy", association]));
  });

  it("leaves the entry of its nodes to EKS, which makes one and refuses a second", () => {
    expect(kind("AccessEntry").map(({ key }) => key)).toEqual(["AccessEntry/admin-deploy"]);
  });

  it("is ready with every add-on and system node", async () => {
    const parts = [...kind("Addon"), ...kind("NodeGroup")].map(({ key }) => key);
    expect(parts.length).toBeGreaterThan(0);
    expect(await ready()).toEqual(expect.arrayContaining(parts));
  });

  it("has the add-ons of its plan, each at the plan's version", () => {
    const addons = addonsOf(awsExample({ gpu: { nodes } }));
    const made = kind("Addon").map(({ inputs }) => [inputs["addonName"], inputs["addonVersion"]]);
    expect(made.sort()).toEqual(addons.map(({ name, version }) => [name, version]).sort());
  });

  it("gives each add-on its rights by Pod Identity, with the rights there first", () => {
    for (const { name, identity } of addonsOf(awsExample({ gpu: { nodes } })).filter(
      (each) => each.identity,
    )) {
      expect(one(`Addon/${name}`).inputs["podIdentityAssociations"]).toEqual([
        { serviceAccount: identity!.serviceAccount, roleArn: `arn:aws:iam::111122223333:role/${name}` },
      ]);
      expect(policiesOf(name)).toEqual([managedPolicy(identity!.policy)]);
      expect(after(`Addon/${name}`, `RolePolicyAttachment/${name}`)).toBe(true);
      expect(JSON.parse(one(`Role/${name}`).inputs["assumeRolePolicy"] as string)).toMatchObject({
        Statement: [
          {
            Principal: { Service: "pods.eks.amazonaws.com" },
            Action: ["sts:AssumeRole", "sts:TagSession"],
          },
        ],
      });
    }
  });

  it("is reached with a token that is made when it is needed", async () => {
    expect(await valueOf(program.result.kubeconfig!)).toBe(
      kubeconfigOf({
        name: "tuneform-test",
        region: "us-east-1",
        endpoint: "https://0123.gr7.us-east-1.eks.amazonaws.com",
        certificate: "Q0VSVA==",
      }),
    );
  });

  it("tags everything that takes tags", () => {
    const untagged = ["EksCluster", "Network", "SystemNodes", "PodRole", "Route", "RouteTableAssociation"];
    const neither = [...untagged, "RolePolicy", "RolePolicyAttachment", "AccessPolicyAssociation"];
    for (const { key, inputs } of program.resources)
      if (!neither.includes(key.split("/")[0]!))
        expect([key, inputs["tags"]]).toEqual([key, expect.objectContaining({ project: "tuneform" })]);
  });
});

describe("the API of a new cluster", () => {
  it("is reached from outside by the named networks alone", async () => {
    const program = await declaredCluster({ cluster: { publicAccessCidrs: ["203.0.113.0/24"] } });
    expect(reading(() => program).one("Cluster/cluster").inputs["vpcConfig"]).toMatchObject({
      endpointPrivateAccess: true,
      endpointPublicAccess: true,
      publicAccessCidrs: ["203.0.113.0/24"],
    });
  });

  it("takes roles of one name and different paths apart", async () => {
    const adminRoles = ["one", "two"].map((path) => `arn:aws:iam::111122223333:role/${path}/deploy`);
    const program = await declaredCluster({ cluster: { adminRoles } });
    const entries = reading(() => program).kind("AccessEntry");
    expect(entries.map(({ inputs }) => inputs["principalArn"])).toEqual(adminRoles);
    expect(new Set(entries.map(({ name }) => name)).size).toBe(2);
  });
});
