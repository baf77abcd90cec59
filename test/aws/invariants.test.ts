import { beforeAll, describe, expect, it, vi } from "vitest";
import { first } from "./breaking.ts";
import { BROKEN_BUCKET } from "./broken-bucket.ts";
import { BROKEN_CLOUD } from "./broken-cloud.ts";
import { BROKEN_PODS } from "./broken-pods.ts";
import { collect } from "./collect.ts";
import { INVARIANTS } from "./invariants.ts";
import { COMBINATIONS, declare, planOf } from "./matrix.ts";
import type { StackSet } from "./stack-set.ts";

// As in stack.test.ts.
vi.mock("../../components/local/provider.ts", () => ({
  localProvider: () => ({ create: () => Promise.resolve({ id: "none" }) }),
}));
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const BROKEN = [...BROKEN_PODS, ...BROKEN_CLOUD, ...BROKEN_BUCKET];

describe("the rules report", () => {
  let sound: StackSet;

  beforeAll(async () => {
    const plan = await planOf(first(COMBINATIONS));
    sound = { plan, ...(await collect(() => declare(plan))) };
  });

  it.each(BROKEN)("not kept: %s: %s", (invariant, _what, change, fault) => {
    const set = structuredClone(sound);
    expect(INVARIANTS[invariant](set)).toEqual([]);
    change(set);
    const faults = INVARIANTS[invariant](set);
    expect(
      faults.some((each) => fault.test(each)),
      faults.join("\n") || "reported nothing",
    ).toBe(true);
  });

  it("something for each of them", () => {
    expect(new Set(BROKEN.map(([invariant]) => invariant))).toEqual(new Set(Object.keys(INVARIANTS)));
  });
});
