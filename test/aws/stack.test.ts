import { beforeAll, describe, expect, it, vi } from "vitest";
import { collect } from "./collect.ts";
import { INVARIANTS } from "./invariants.ts";
import { COMBINATIONS, declare, planOf } from "./matrix.ts";
import type { StackSet } from "./stack-set.ts";

// The SDK turns a dynamic provider's functions into text, which it cannot do with what a test runner makes of `import()`.
vi.mock("../../components/local/provider.ts", () => ({
  localProvider: () => ({ create: () => Promise.resolve({ id: "none" }) }),
}));

// A resource that cannot be registered is waited for: better for a minute than for ten.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

describe.each(COMBINATIONS)("a stack with $title", (combination) => {
  let set: StackSet;

  beforeAll(async () => {
    const plan = await planOf(combination);
    set = { plan, ...(await collect(() => declare(plan))) };
  });

  it.each(Object.entries(INVARIANTS))("holds: %s", (_what, faults) => expect(faults(set)).toEqual([]));
});
