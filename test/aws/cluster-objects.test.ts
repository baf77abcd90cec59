import * as pulumi from "@pulumi/pulumi";
import { describe, expect, it } from "vitest";
import { ClusterObjects, type ClusterObjectsArgs } from "../../components/aws/cluster-objects.ts";
import { NODE_MAKERS } from "../../core/spec/aws.ts";
import { awsExample, EXISTING } from "./aws-example.ts";
import { declaredBy } from "./declared.ts";

/** Keys of what a cluster gets of the stack, with the rest of AWS as it answers. */
async function keysOf(changes: Parameters<typeof awsExample>[0]): Promise<string[]> {
  const { resources } = await declaredBy(() => {
    const cluster = { nodeRoleName: pulumi.output("nodes"), ready: [] };
    const network = { privateSubnetIds: [pulumi.output("subnet-1")] };
    const storage = { bucket: pulumi.output("data"), fileSystemId: pulumi.output("fs-1"), ready: [] };
    const args = { plan: awsExample(changes), cluster, network, storage } as unknown as ClusterObjectsArgs;
    return new ClusterObjects("test", args);
  });
  return resources.map(({ key }) => key);
}

const SWITCH = "ConfigMap/configmap-amazon-vpc-cni";

describe("a cluster", () => {
  it.each(NODE_MAKERS)(
    "with GPU nodes of %s is told to enforce network policies where nothing else does",
    async (nodes) => expect((await keysOf({ gpu: { nodes } })).includes(SWITCH)).toBe(nodes === "auto-mode"),
  );

  it("that is there already keeps what it says of network policies", async () =>
    expect(await keysOf({ ...EXISTING, gpu: { nodes: "auto-mode" } })).not.toContain(SWITCH));
});
