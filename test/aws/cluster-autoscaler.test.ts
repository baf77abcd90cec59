import { beforeAll, describe, expect, it } from "vitest";
import { autoscalerTags } from "../../core/aws/gpu-nodes.ts";
import { autoscalerManifests, autoscalerPolicy } from "../../core/aws/cluster-autoscaler.ts";
import type { PodSpec } from "../../core/kubernetes/manifest.ts";
import { restrictedFaults } from "../unit/pod-security.ts";
import { awsExample, EXISTING } from "./aws-example.ts";
import { reading } from "./declared.ts";
import { declaredPools } from "./pool-example.ts";

const IMAGE = `registry.example/autoscaler@sha256:${"a1".repeat(32)}`;
const plan = awsExample({});
const manifests = autoscalerManifests(plan, IMAGE);
const deployment = manifests.find(({ kind }) => kind === "Deployment") as unknown as {
  spec: { replicas: number; template: { spec: PodSpec } };
};
const pod = deployment.spec.template.spec;

describe("the pod of cluster-autoscaler", () => {
  const [container, ...more] = pod.containers;

  it("is one, of the image that the settings name by digest", () => {
    expect(deployment.spec.replicas).toBe(1);
    expect(more).toEqual([]);
    expect(container!.image).toBe(IMAGE);
  });

  it("finds groups by the tags that node groups of this stack carry", () => {
    const discovery = container!.args.find((each) => each.startsWith("--node-group-auto-discovery="))!;
    const wanted = discovery.split("tag=")[1]!.split(",");
    expect(wanted).toHaveLength(2);
    expect(Object.keys(autoscalerTags(plan, plan.pools[0]!))).toEqual(expect.arrayContaining(wanted));
  });

  it("is told its region: with one hop it cannot ask the machine", () =>
    expect(container!.env).toContainEqual({ name: "AWS_REGION", value: "us-east-1" }));

  it("ends idle nodes though pods had scratch space on them", () => {
    expect(container!.args).toEqual(
      expect.arrayContaining([
        "--cloud-provider=aws",
        "--expander=least-waste",
        "--skip-nodes-with-local-storage=false",
        "--scale-down-unneeded-time=10m",
      ]),
    );
  });

  it("passes the restricted Pod Security check", () => expect(restrictedFaults(pod)).toEqual([]));

  it("has memory that it may not exceed, and runs on nodes without a GPU", () => {
    expect(container!.resources).toMatchObject({
      requests: { memory: "600Mi" },
      limits: { memory: "600Mi" },
    });
    expect(pod.tolerations ?? []).toEqual([]);
  });
});

describe("what the autoscaler may do in the cluster", () => {
  const rulesOf = (kind: string) =>
    (manifests.find((each) => each.kind === kind) as unknown as { rules: Rule[] }).rules;

  it("names groups, resources and verbs: no wildcard", () => {
    for (const { apiGroups, resources, verbs } of [...rulesOf("ClusterRole"), ...rulesOf("Role")])
      expect([...apiGroups, ...resources, ...verbs]).not.toContain("*");
  });

  it("has no right to Secrets, and changes no pod but by eviction", () => {
    const rules = [...rulesOf("ClusterRole"), ...rulesOf("Role")];
    expect(rules.filter(({ resources }) => resources.includes("secrets"))).toEqual([]);
    const pods = rules.filter(({ resources }) => resources.includes("pods"));
    expect(pods.flatMap(({ verbs }) => verbs).sort()).toEqual(["get", "list", "watch"]);
  });

  it("is bound to its own account alone", () => {
    for (const kind of ["ClusterRoleBinding", "RoleBinding"]) {
      const { subjects, roleRef } = manifests.find((each) => each.kind === kind) as unknown as Binding;
      expect(subjects).toEqual([
        { kind: "ServiceAccount", name: "cluster-autoscaler", namespace: "kube-system" },
      ]);
      expect(roleRef.name).toBe("cluster-autoscaler");
    }
  });
});

describe("what the autoscaler may do in AWS", () => {
  const statements = autoscalerPolicy(plan).Statement;
  const reading = /:(Describe|Get)[A-Z]/;

  it("is to change groups of this cluster, by their tag, and else to look", () => {
    const changing = statements.filter(({ Action }) => ![Action].flat().every((each) => reading.test(each)));
    expect(changing).toEqual([
      {
        Sid: "ChangeOwnGroups",
        Effect: "Allow",
        Action: ["autoscaling:SetDesiredCapacity", "autoscaling:TerminateInstanceInAutoScalingGroup"],
        Resource: "arn:aws:autoscaling:us-east-1:*:autoScalingGroup:*",
        Condition: { StringEquals: { "aws:ResourceTag/k8s.io/cluster-autoscaler/tuneform-test": "owned" } },
      },
    ]);
    // The condition holds because the groups carry that tag.
    expect(autoscalerTags(plan, plan.pools[0]!)["k8s.io/cluster-autoscaler/tuneform-test"]).toBe("owned");
  });
});

describe("the autoscaler of a stack", () => {
  let declared: Awaited<ReturnType<typeof declaredPools>>;
  beforeAll(async () => void (declared = await declaredPools({})));
  const { one, after, ready } = reading(() => declared);

  it("has its role before its pod starts, which gets one only as it starts", () => {
    expect(one("PodIdentityAssociation/cluster-autoscaler").inputs).toMatchObject({
      clusterName: "tuneform-test",
      namespace: "kube-system",
      serviceAccount: "cluster-autoscaler",
    });
    expect(after("Deployment/autoscaler-deployment", "PodIdentityAssociation/cluster-autoscaler")).toBe(true);
    expect(after("PodIdentityAssociation/cluster-autoscaler", "RolePolicy/cluster-autoscaler")).toBe(true);
  });

  it("waits for the cluster, and is waited for", async () => {
    expect(after("Deployment/autoscaler-deployment", "Addon/coredns")).toBe(true);
    expect(await ready()).toContain("Deployment/autoscaler-deployment");
  });

  it("is the cluster's own where the settings name no image", async () => {
    const { cluster, network } = EXISTING;
    const { resources } = await declaredPools({ network, cluster: { ...cluster, autoscalerImage: null } });
    expect(resources.filter(({ key }) => key.includes("autoscaler") && !key.startsWith("Tag/"))).toEqual([]);
  });
});

interface Rule {
  apiGroups: string[];
  resources: string[];
  verbs: string[];
}

interface Binding {
  subjects: object[];
  roleRef: { name: string };
}
