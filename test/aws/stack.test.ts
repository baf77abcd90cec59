import { expect, it } from "vitest";
import { collect } from "./collect.ts";
import { COMBINATIONS, declare, planOf } from "./matrix.ts";
it("x", async () => {
  console.log(COMBINATIONS.length);
  for (const c of [COMBINATIONS[0]!, COMBINATIONS.at(-1)!]) {
    const t = Date.now();
    const plan = await planOf(c);
    const t2 = Date.now();
    const got = await collect(() => declare(plan));
    console.log(c.title, t2 - t, Date.now() - t2, got.resources.length, got.invokes, got.reads);
    console.log(got.resources.map((r) => `${r.type} ${r.name}`).join("\n"));
    console.log(JSON.stringify(plan.aws!.pools.map((p) => [p.name, p.instances.map((i) => i.type), p.fineTunes])));
  }
  expect(1).toBe(1);
});
