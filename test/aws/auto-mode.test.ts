import { describe, expect, it } from "vitest";
import { autoModeTagPolicy } from "../../core/aws/auto-mode.ts";
import { NODE_MAKERS } from "../../core/spec/aws.ts";
import { declaredCluster } from "./cluster-example.ts";
import { reading } from "./declared.ts";
import { decision, type Request } from "./iam.ts";

const identity = autoModeTagPolicy({ name: "tuneform-test", region: "us-east-1" });
const OWN = { "aws:RequestTag/eks:eks-cluster-name": "tuneform-test", "aws:RequestTag/owner": "mail" };

const asked = (action: string, part: string, context: Record<string, string> = OWN): Request => ({
  action: `ec2:${action}`,
  resource: `arn:aws:ec2:us-east-1:111122223333:${part}`,
  context,
});

describe("a cluster of EKS Auto Mode may make nodes with tags of ours", () => {
  it.each([
    ["a launch template", asked("CreateLaunchTemplate", "launch-template/*")],
    ["a machine", asked("RunInstances", "instance/*")],
    ["a disk", asked("RunInstances", "volume/*")],
    ["an interface", asked("CreateNetworkInterface", "network-interface/*")],
  ])("%s", async (_what, request) => expect(await decision(request, { identity })).toBe("Allowed"));

  it.each([
    [
      "a machine of another cluster",
      asked("RunInstances", "instance/*", { "aws:RequestTag/eks:eks-cluster-name": "other" }),
    ],
    ["a machine that is no node", asked("RunInstances", "instance/*", {})],
    ["the end of a machine", asked("TerminateInstances", "instance/i-0123456789abcdef0")],
    ["a volume by itself", asked("CreateVolume", "volume/*")],
  ])("but not %s", async (_what, request) =>
    expect(await decision(request, { identity })).toBe("ImplicitlyDenied"),
  );
});

describe.each(NODE_MAKERS)("the role of a cluster whose nodes are of %s", (nodes) => {
  it("has that right before the cluster is made, where Auto Mode makes them, and else not", async () => {
    const program = await declaredCluster({ gpu: { nodes } });
    const { kind, after } = reading(() => program);
    const own = kind("RolePolicy").filter(({ name }) => name === "cluster-tags");
    expect(own).toHaveLength(nodes === "auto-mode" ? 1 : 0);
    if (nodes !== "auto-mode") return;
    expect(JSON.parse(own[0]!.inputs["policy"] as string)).toEqual(identity);
    expect(after("Cluster/cluster", "RolePolicy/cluster-tags")).toBe(true);
  });
});
