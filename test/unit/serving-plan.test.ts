import { describe, expect, it } from "vitest";
import { BASE_MODELS, type BaseModel } from "../../core/catalog/base-models.ts";
import { GPUS } from "../../core/catalog/gpus.ts";
import { INSTANCES } from "../../core/catalog/instances.ts";
import { servingLines } from "../../core/plan/describe-serving.ts";
import { requestBytes, servingMemory } from "../../core/plan/serving-memory.ts";
import { servingPlan, type ServedFineTune } from "../../core/plan/serving-plan.ts";
import { tokens } from "../../core/plan/units.ts";

const served = (
  name: string,
  baseId: keyof typeof BASE_MODELS = "llama-3.1-8b",
  changes: Partial<ServedFineTune> = {},
): ServedFineTune => {
  const { architecture, vllmLora }: BaseModel = BASE_MODELS[baseId];
  return {
    name,
    baseId,
    architecture,
    vllmLora,
    rank: 16,
    maxLength: tokens(2048),
    requestTokens: tokens(300),
    answerTokens: tokens(50),
    requestsPerDay: null,
    ...changes,
  };
};
const many = (count: number, changes: Partial<ServedFineTune> = {}) =>
  Array.from({ length: count }, (_, index) => served(`tune-${index}`, "llama-3.1-8b", changes));
const only = (...types: string[]) => INSTANCES.filter(({ type }) => types.includes(type));

describe("serving a stack on GPUs", () => {
  it("packs all fine-tunes of a base onto one server, and another base onto another", () => {
    const { servers, unserved, usdPerMonth } = servingPlan(
      [served("a"), served("b", "mistral-7b-v0.3"), served("c"), served("d")],
      INSTANCES,
    );
    expect(unserved).toEqual([]);
    expect(servers.map(({ baseId, fineTunes, replicas }) => [baseId, fineTunes, replicas])).toEqual([
      ["llama-3.1-8b", ["a", "c", "d"], 1],
      ["mistral-7b-v0.3", ["b"], 1],
    ]);
    expect(usdPerMonth).toBeCloseTo(servers.reduce((sum, server) => sum + server.usdPerMonth, 0));
  });

  it("gives each a slot of the largest rank, rounded up to one that vLLM has", () => {
    const [server] = servingPlan(
      [served("a", "llama-3.1-8b", { rank: 8 }), served("b", "llama-3.1-8b", { rank: 40 })],
      INSTANCES,
    ).servers;
    expect(server!.memory).toMatchObject({ maxLoraRank: 64, slots: 2 });
    // 320 MiB a slot of rank 64, worked from vLLM's formula.
    expect(server!.memory.breakdown.slots / 2 ** 20).toBe(640);
  });

  it("takes the cheapest instance that holds the longest context asked for", () => {
    const instanceFor = (maxLength: number) =>
      servingPlan([served("a", "llama-3.1-8b", { maxLength: tokens(maxLength) })], INSTANCES).servers[0]!;
    expect(instanceFor(2048).instance).toBe("g6.xlarge");
    expect(instanceFor(2048).usdPerMonth).toBeCloseTo(0.8048 * 730);
    const long = instanceFor(65_536);
    expect(long.memory.maxModelLength).toBe(65_536);
    expect(long.gpu).not.toBe("l4");
  });

  it("costs nothing for one more while a slot is free, and the next server where none is", () => {
    const offer = only("g6.xlarge");
    const [few] = servingPlan(many(3), offer).servers;
    expect(few!.oneMore).toEqual({ bytes: 80 * 2 ** 20, usdPerMonth: 0 });
    // Fill an L4 up: 22,888 MiB × 0.92 less weights, activations and 2,048 tokens of cache, at 80 MiB a slot.
    let count = 3;
    while (servingPlan(many(count + 1), offer).servers.length === 1) count += 1;
    const [full] = servingPlan(many(count), offer).servers;
    expect(full!.oneMore.usdPerMonth).toBeCloseTo(0.8048 * 730);
    const free = full!.memory.breakdown.keyValues - requestBytes(served("a").architecture, 2048);
    expect(free).toBeGreaterThanOrEqual(0);
    expect(free).toBeLessThan(80 * 2 ** 20);
    const split = servingPlan(many(count + 1), offer).servers;
    expect(split.map(({ fineTunes }) => fineTunes.length)).toEqual([count, 1]);
  });

  it("merges a base without LoRA in vLLM: a server for each fine-tune, and one for one more", () => {
    const two = [served("a", "stablelm-2-1.6b"), served("b", "stablelm-2-1.6b")];
    const { servers } = servingPlan(two, INSTANCES);
    expect(servers.map(({ kind, fineTunes }) => [kind, fineTunes])).toEqual([
      ["merged", ["a"]],
      ["merged", ["b"]],
    ]);
    for (const { memory, oneMore, usdPerMonth } of servers) {
      expect(memory.breakdown.slots).toBe(0);
      expect(oneMore.usdPerMonth).toBe(usdPerMonth);
    }
  });

  it("names fine-tunes that no instance serves", () => {
    const { servers, unserved } = servingPlan([served("a"), served("b")], only("g6f.large"));
    expect(servers).toEqual([]);
    expect(unserved.map(({ name }) => name)).toEqual(["a", "b"]);
    expect(unserved[0]!.reason).toBe("no GPU holds llama-3.1-8b and 2048 tokens");
  });

  it("expects as many requests at a time as Little's law says, and adds copies when they are too many", () => {
    const offer = only("g6.xlarge");
    const load = (requestsPerDay: number | null) =>
      servingPlan([served("a", "llama-3.1-8b", { requestsPerDay })], offer).servers[0]!;
    expect(load(null)).toMatchObject({ expectedConcurrency: null, replicas: 1 });
    // A tenth of 7,200 requests in an hour: 0.2 a second. A token takes 16.06 GB ÷ (300 GB/s × 0.6 × 0.66) =
    // 0.135 s, 50 of them 6.76 s; the prompt 300 × 16.06 GFLOP ÷ (121 TFLOP/s × 0.36 × 0.66) = 0.168 s.
    expect(load(7200).expectedConcurrency).toBeCloseTo(0.2 * (6.76 + 0.168), 2);
    expect(load(7200).replicas).toBe(1);
    const busy = load(5_000_000);
    expect(busy.replicas).toBeGreaterThan(1);
    expect(busy.replicas).toBeGreaterThanOrEqual(busy.expectedConcurrency! / busy.possibleConcurrency);
    expect(busy.usdPerMonth).toBeCloseTo(busy.replicas * 0.8048 * 730);
  });

  it("is told in one line a server", () => {
    const lines = servingLines(
      servingPlan([...many(2, { requestsPerDay: 7200 }), served("s", "stablelm-2-1.6b")], only("g6.xlarge")),
    );
    expect(lines[0]).toBe("on GPUs, 2 servers, $1175 a month");
    expect(lines[1]).toMatch(
      /^llama-3\.1-8b on g6\.xlarge, \$588 a month, \$294 a fine-tune: tune-0, tune-1 \(2 slots of rank 16\); 2,048 tokens of context, cache for \d+ usual requests at a time, 2\.8 expected in the busiest hour; one more takes 0\.1 GB and no dollars$/,
    );
    expect(lines[2]).toContain("(merged, vLLM has no LoRA for it)");
    expect(lines[2]).toContain("one more is a server of its own, $588 a month");
  });
});

describe("keys and values of a request", () => {
  // KiB a token in 16 bits, worked from the published shapes.
  it.each([
    ["llama-3.1-8b", 128],
    ["mistral-7b-v0.3", 128],
    ["qwen-2.5-7b", 56],
    ["phi-3-mini", 384],
  ] as const)("of %s take %i KiB a token", (id, kib) => {
    expect(requestBytes(BASE_MODELS[id].architecture, 1600) / 1600 / 1024).toBe(kib);
  });

  it("are fewer where most layers keep a window only", () => {
    const plain = { ...BASE_MODELS["gemma-2-9b"].architecture, slidingWindow: undefined };
    const { slidingWindow: _none, ...full } = plain;
    const windowed = { ...full, slidingWindow: { tokens: 4096, fullEvery: 2 } };
    expect(requestBytes(full, 1600) / 1600 / 1024).toBe(336);
    // 21 layers hold 8,192 tokens; 21 hold 4,095 and 2,048 that are computed at a time, in whole blocks and one more.
    expect(requestBytes(windowed, 8192) / 8 / 1024).toBe(21 * 8192 + 21 * (6144 + 16));
    const settings = { context: 131_072, embeddingSlots: false };
    const length = (a: typeof full) => servingMemory(a, GPUS.l40s, [16], settings)!.maxModelLength;
    expect(length(windowed)).toBeGreaterThan(1.5 * length(full));
  });
});
