import { describe, expect, it, vi } from "vitest";
import { NODE_MAKERS } from "../../core/spec/aws.ts";
import { collect, type Collected } from "./collect.ts";
import { CLUSTERS, declare, one, planOf } from "./matrix.ts";
import { at } from "./stack-set.ts";

vi.mock("../../components/local/provider.ts", () => ({
  localProvider: () => ({ create: () => Promise.resolve({ id: "none" }) }),
}));
vi.setConfig({ testTimeout: 60_000 });

/** Inputs that name a thing to AWS, where the provider adds nothing that makes it unique. */
const NAMES = ["name", "nodeGroupName", "logGroupName", "bucket"];

/** What a resource is called in its cluster or account; none for what gets a name of its own. */
function nameOf({ type, inputs }: Collected): string[] {
  if (type.startsWith("kubernetes:")) {
    const { namespace, name } = inputs["metadata"] as { namespace?: string; name: string };
    return [`${type} ${namespace ?? "of the cluster"}/${name}`];
  }
  if (type === "aws:eks/podIdentityAssociation:PodIdentityAssociation")
    return [`${type} ${String(inputs["namespace"])}/${String(inputs["serviceAccount"])}`];
  // Parts of another thing: tags, policies and versions of what has the name.
  if (!/:(Cluster|NodeGroup|Budget|LogGroup|Role|Bucket|Policy|LaunchTemplate)$/.test(type)) return [];
  return NAMES.flatMap((key) => (typeof inputs[key] === "string" ? [`${type} ${inputs[key]}`] : []));
}

/** What a stack on the shared cluster declares. Of its stacks one has the cluster's autoscaler. */
async function stackOn(nodes: string, stack: string, autoscaler: object = { autoscalerImage: null }) {
  const there = CLUSTERS["a cluster that is there"]!;
  const changes = { ...there, cluster: { ...there["cluster"], ...autoscaler }, gpu: { nodes } };
  const plan = await planOf(one("", changes), stack);
  const { resources } = await collect(() => declare(plan), { stack });
  return { plan, resources, names: resources.flatMap(nameOf) };
}

/** As long as names of stacks may be in which only the last word differs. */
const LONG = "customer-support-classification";

describe.each(NODE_MAKERS)("two stacks on one cluster, with GPU nodes of %s", (nodes) => {
  it.each([
    ["production", "staging"],
    [`${LONG}-production`, `${LONG}-staging`],
  ])("have no name in common: %s and %s", async (first, second) => {
    const { names } = await stackOn(nodes, first, {});
    const others = await stackOn(nodes, second);
    expect(names.length).toBeGreaterThan(20);
    expect(names.filter((name) => others.names.includes(name))).toEqual([]);
  });

  it("would be told of one", async () => {
    const [first, second] = [await stackOn(nodes, "production"), await stackOn(nodes, "production")];
    expect(first.names.filter((name) => second.names.includes(name))).toEqual(first.names);
    expect(first.names.join("\n")).toMatch(/StorageClass of the cluster\/tuneform-production-efs/);
  });

  it("send their pods to nodes of their own", async () => {
    const pods = async (stack: string) => {
      const { resources } = await stackOn(nodes, stack);
      return resources.flatMap(({ inputs }) => {
        const pool = at(inputs, "spec", "template", "spec", "nodeSelector", "tuneform.dev/pool");
        return typeof pool === "string" ? [pool] : [];
      });
    };
    const [first, second] = [await pods("production"), await pods("staging")];
    expect(first.length).toBeGreaterThan(1);
    expect(first.filter((pool) => second.includes(pool))).toEqual([]);
  });
});
