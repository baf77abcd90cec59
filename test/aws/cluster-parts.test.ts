import { runSimulation } from "@cloud-copilot/iam-simulate";
import { load } from "js-yaml";
import { describe, expect, it } from "vitest";
import { addonsOf } from "../../core/aws/addons.ts";
import { networkPolicySwitch } from "../../core/aws/auto-mode.ts";
import { clusterKeyPolicy } from "../../core/aws/key-policy.ts";
import { karpenterManifests } from "../../core/aws/karpenter.ts";
import { kubeconfigOf } from "../../core/aws/kubeconfig.ts";
import { ADDONS, IN_AUTO_MODE } from "../../core/catalog/addons.ts";
import { ADMIN, awsExample } from "./aws-example.ts";

describe("add-ons", () => {
  const find = (name: string, changes = {}) =>
    addonsOf(awsExample(changes)).find((each) => each.name === name)!;

  it("enforce network policies", () => {
    expect(find("vpc-cni").configuration).toEqual({ enableNetworkPolicy: "true" });
  });

  it("enforce network policies in EKS Auto Mode too, where a ConfigMap says so", () => {
    expect(networkPolicySwitch()).toMatchObject({
      metadata: { name: "amazon-vpc-cni", namespace: "kube-system" },
      data: { "enable-network-policy-controller": "true" },
    });
  });

  it("are pinned, each of them, for the version of Kubernetes that is the default", () => {
    for (const { name, version } of addonsOf(awsExample()))
      expect([name, version]).toEqual([name, expect.stringMatching(/^v\d+\.\d+\.\d+-eksbuild\.\d+$/)]);
    expect(find("kube-proxy").version).toMatch(/^v1\.35\./);
  });

  it("of another version of Kubernetes are of EKS's choice, but for what the stack names", () => {
    const cluster = { version: "1.36", addons: { coredns: "v1.14.3-eksbuild.3" } };
    expect(find("kube-proxy", { cluster }).version).toBeNull();
    expect(find("coredns", { cluster }).version).toBe("v1.14.3-eksbuild.3");
  });

  it("that manage volumes manage those of this cluster only, and tag them so: the driver does since 1.58", () => {
    const { identity, version } = find("aws-ebs-csi-driver");
    expect(identity?.policy).toBe("AmazonEBSCSIDriverEKSClusterScopedPolicy");
    const [, minor] = /^v1\.(\d+)\./.exec(version!)!;
    expect(Number(minor)).toBeGreaterThanOrEqual(58);
  });

  it("find machines of Karpenter by the cluster's tag, which that policy asks for", () => {
    const plan = awsExample({ gpu: { nodes: "karpenter" } });
    const [nodeClass] = karpenterManifests(plan, plan.pools[0]!, { nodeRoleName: "nodes", subnetIds: [] });
    expect(nodeClass).toHaveProperty(["spec", "tags", "ebs.csi.aws.com/cluster-name"], "tuneform-test");
  });

  it("are each named once, those of Auto Mode among them", () => {
    const names = ADDONS.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(names).toEqual(expect.arrayContaining([...IN_AUTO_MODE]));
  });
});

describe("the policy of a cluster's key", () => {
  const clusterRole = "arn:aws:iam::111122223333:role/cluster";
  const logGroup = "/aws/eks/tuneform-test/cluster";
  const key = "arn:aws:kms:us-east-1:111122223333:key/1234";
  const groups = "arn:aws:logs:us-east-1:111122223333:log-group";
  const resourcePolicy = clusterKeyPolicy({ clusterRole, region: "us-east-1", logGroup });

  /** Whether the key's policy alone lets somebody use it. */
  async function allows(principal: string, action: string, context: Record<string, string> = {}) {
    const { resultType, ...rest } = await runSimulation(
      {
        request: {
          principal,
          action,
          resource: { resource: key, accountId: "111122223333" },
          contextVariables: context,
        },
        identityPolicies: [],
        serviceControlPolicies: [],
        resourceControlPolicies: [],
        resourcePolicy,
      },
      {},
    );
    expect(resultType, JSON.stringify(rest)).toBe("single");
    return (rest as unknown as { overallResult: string }).overallResult === "Allowed";
  }

  it.each(["kms:Encrypt", "kms:Decrypt", "kms:DescribeKey"])("lets the cluster's role %s", async (action) =>
    expect(await allows(clusterRole, action)).toBe(true),
  );

  it.each(["kms:ScheduleKeyDeletion", "kms:PutKeyPolicy", "kms:DisableKey"])(
    "does not let the cluster's role %s",
    async (action) => expect(await allows(clusterRole, action)).toBe(false),
  );

  it("lets no other role use it that IAM does not", async () => {
    for (const role of [ADMIN, "arn:aws:iam::999988887777:role/other"])
      expect(await allows(role, "kms:Decrypt")).toBe(false);
  });

  it("lets CloudWatch use it for the one group of logs", async () => {
    const logs = "logs.us-east-1.amazonaws.com";
    expect(await allows(logs, "kms:GenerateDataKey")).toBe(false);
    // The evaluator takes no condition key with colons in its last part, so what is allowed is read.
    const ofLogs = resourcePolicy.Statement.find(({ Sid }) => Sid === "Logs");
    expect(ofLogs).toMatchObject({
      Principal: { Service: logs },
      Condition: { StringEquals: { "kms:EncryptionContext:aws:logs:arn": `${groups}:${logGroup}` } },
    });
  });
});

describe("the kubeconfig", () => {
  it("holds no secret: a command makes the token", () => {
    const text = kubeconfigOf({ name: "c", region: "eu-west-1", endpoint: "https://e", certificate: "Y2E=" });
    expect(load(text)).toMatchObject({
      "current-context": "c",
      clusters: [{ cluster: { server: "https://e", "certificate-authority-data": "Y2E=" } }],
      contexts: [{ name: "c", context: { cluster: "c", user: "c" } }],
      users: [
        {
          name: "c",
          user: {
            exec: {
              apiVersion: "client.authentication.k8s.io/v1beta1",
              command: "aws",
              args: ["eks", "get-token", "--cluster-name", "c", "--region", "eu-west-1", "--output", "json"],
            },
          },
        },
      ],
    });
    expect(text).not.toMatch(/"(token|password|client-key-data|client-certificate-data)"/);
  });
});
