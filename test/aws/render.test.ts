import { describe, expect, it, vi } from "vitest";
import { unrenderedObjects } from "../../core/aws/cluster-objects.ts";
import { NODE_MAKERS } from "../../core/spec/aws.ts";
import { renderStack } from "../../loading/render.ts";
import { root } from "../unit/kubernetes-example.ts";
import { collect } from "./collect.ts";
import { CLUSTERS, declare, one, planOf } from "./matrix.ts";
import { at } from "./stack-set.ts";

vi.mock("../../components/local/provider.ts", () => ({
  localProvider: () => ({ create: () => Promise.resolve({ id: "none" }) }),
}));
vi.setConfig({ testTimeout: 60_000 });

describe("`tuneform render` of a stack on AWS", () => {
  const stacks = Object.entries(CLUSTERS).flatMap(([cluster, changes]) =>
    NODE_MAKERS.map((nodes) => [nodes, cluster, changes] as const),
  );

  it.each(stacks)(
    "writes what `up` declares with nodes of %s in %s, or says that it does not",
    async (nodes, _cluster, changes) => {
      const plan = await planOf(one("", { ...changes, gpu: { nodes } }));
      const { resources } = await collect(() => declare(plan));
      const declared = resources
        .filter(({ type }) => type.startsWith("kubernetes:"))
        .map(({ type, inputs }) => `${type.split(":").at(-1)} ${String(at(inputs, "metadata", "name"))}`);
      const rendered = renderStack(plan, root, true).map(({ kind, name }) => `${kind} ${name}`);
      expect([...rendered, ...unrenderedObjects(plan.aws!)].sort()).toEqual(declared.sort());
    },
  );
});
