import * as pulumi from "@pulumi/pulumi";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { collect, type Collection } from "./collect.ts";
import { expectCluster, expectPools } from "./inputs.ts";
import { INVARIANTS } from "./invariants.ts";
import { COMBINATIONS, declare, planOf } from "./matrix.ts";
import { orderFaults, ORDERS, ordersIn } from "./order.ts";
import { ofType, type StackSet } from "./stack-set.ts";
import { countsOf, expectedCounts } from "./tree.ts";

// The SDK turns a dynamic provider's functions into text, which it cannot do with what a test runner makes of `import()`.
vi.mock("../../components/local/provider.ts", () => ({
  localProvider: () => ({ create: () => Promise.resolve({ id: "none" }) }),
}));

// A resource that cannot be registered is waited for: better for a minute than for ten.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

/** Orders that some combination has shown. */
const shown = new Set<string>();

describe.each(COMBINATIONS.map((each) => [each.title, each] as const))(
  "a stack with %s",
  (_title, combination) => {
    let set: StackSet;

    beforeAll(async () => {
      const plan = await planOf(combination);
      set = { plan, ...(await collect(() => declare(plan))) };
    });

    it("makes what its plan says, and as many", () =>
      expect(countsOf(set)).toEqual(expectedCounts(set.plan)));

    it("has GPU nodes that start from zero, tainted, labelled and bought as planned", () => expectPools(set));

    if (!("existing" in (combination.changes["cluster"] ?? {})))
      it("has a closed cluster with network policies, in standard support", () => expectCluster(set));

    it("makes each thing after what it needs", () => {
      expect(orderFaults(set)).toEqual([]);
      ordersIn(set).forEach((title) => shown.add(title));
    });

    it("hangs everything below one component", () => {
      const tops = set.resources.filter(({ parent }) => parent === null);
      expect(tops.map(({ type }) => type).sort()).toEqual(["pulumi:providers:aws", "tuneform:aws:AwsStack"]);
    });

    it.each(Object.entries(INVARIANTS))("holds: %s", (_what, faults) => expect(faults(set)).toEqual([]));
  },
);

it("shows every order in one combination or another", () => {
  expect(ORDERS.filter((title) => !shown.has(title))).toEqual([]);
});

it("finds what is made too early", async () => {
  const plan = await planOf(COMBINATIONS[0]!);
  const set = { plan, ...(await collect(() => declare(plan))) };
  const [cluster] = ofType(set, "aws:eks/cluster:Cluster");
  cluster!.dependsOn = cluster!.dependsOn.filter((urn) => !urn.includes("logGroup"));
  expect(orderFaults(set)).toEqual([expect.stringMatching(/^Cluster cluster does not wait for LogGroup/)]);
});

it("asks no cloud in a preview either, and declares the same", async () => {
  const plan = await planOf(COMBINATIONS[0]!);
  const update = await collect(() => declare(plan));
  let isPreview = false;
  const preview = await collect(
    () => {
      isPreview = pulumi.runtime.isDryRun();
      return declare(plan);
    },
    { preview: true },
  );
  expect(isPreview).toBe(true);
  expect([...preview.invokes, ...preview.reads]).toEqual([]);
  const sorted = ({ resources }: Collection) =>
    resources.toSorted((a, b) => (a.urn < b.urn ? -1 : 1)).map(({ urn, inputs }) => ({ urn, inputs }));
  expect(sorted(preview)).toEqual(sorted(update));
});
