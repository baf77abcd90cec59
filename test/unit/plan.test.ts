import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BASE_MODELS } from "../../core/catalog/base-models.ts";
import { canonicalJson, dataDigest, evaluationDigestOf, runIdOf } from "../../core/plan/digest.ts";
import { trainingMemory } from "../../core/plan/memory.ts";
import { planFineTune, planServers, serverKey, type Facts } from "../../core/plan/plan.ts";
import { expectedTime, flopsPerToken } from "../../core/plan/time.ts";
import { fineTuneSchema } from "../../core/spec/fine-tune.ts";
import { runFileSchema, type RunFile } from "../../core/spec/run-file.ts";
import type { StackConfig } from "../../core/spec/stack.ts";

const architecture = BASE_MODELS["smollm2-135m"].architecture;
const spec = (overrides: object = {}) =>
  fineTuneSchema.parse({
    name: "triage",
    task: "classification",
    base: "smollm2-135m",
    data: { source: { file: "x.jsonl" }, fields: { question: "q", answer: "a" }, labels: ["yes", "no"] },
    ...overrides,
  });

const facts: Facts = {
  base: {
    base: {
      id: "smollm2-135m",
      hubId: null,
      revision: null,
      licence: null,
      weights: { kind: "package", package: "p", version: "1", file: "f", sha256: "s" },
    },
    architecture,
    context: 8192,
  },
  data: {
    sources: [{ path: "/x.jsonl", sha256: "abc", split: "all" }],
    rows: 1000,
    tokens: 90_000,
    longestRowTokens: 128,
    longestAnswerTokens: 3,
  },
  memoryBytes: 24e9,
  speed: { source: "last run", tokensPerSecond: 200 },
  runState: () => "new",
  current: null,
};
const plan = (overrides: object = {}, more: Partial<Facts> = {}) =>
  planFineTune(spec(overrides), { ...facts, ...more });
const train = plan().run.train;

describe("run id", () => {
  const id = (changes: object = {}, data = "d") => runIdOf(facts.base.base, data, { ...train, ...changes });

  it.each([
    ["description", { description: "other" }],
    ["owner", { owner: "other" }],
    ["name", { name: "other" }],
    ["gate", { gate: { minImprovement: 0.3 } }],
    ["evaluation", { evaluate: { bootstrapSamples: 500 } }],
    ["checkpoint interval", { train: { checkpointEverySteps: 3 } }],
  ])("is not changed by the %s", (_what, overrides) => {
    expect(plan(overrides).runId).toBe(plan().runId);
  });

  it.each([
    ["rank", { train: { rank: 8 } }],
    ["seed", { train: { seed: 1 } }],
    ["system prompt", { data: { ...spec().data, systemPrompt: "other" } }],
    ["batch", { train: { effectiveBatch: 8 } }],
  ])("is changed by the %s", (_what, overrides) => {
    expect(plan(overrides).runId).not.toBe(plan().runId);
  });

  it("does not depend on how a batch is cut into micro-batches", () => {
    expect(id({ microBatch: 8, gradientAccumulation: 2 })).toBe(
      id({ microBatch: 4, gradientAccumulation: 4 }),
    );
  });

  it("depends on the bytes of the data and not on where they lie", () => {
    const { digest: _digest, ...data } = plan().run.data;
    const moved = { ...data, sources: [{ path: "/elsewhere", sha256: "abc", split: "all" as const }] };
    const other = { ...data, sources: [{ path: "/x.jsonl", sha256: "abd", split: "all" as const }] };
    expect(dataDigest(moved)).toBe(dataDigest(data));
    expect(dataDigest(other)).not.toBe(dataDigest(data));
  });

  it("is the same for equal values in any order of keys", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
        const reversed = Object.fromEntries(Object.entries(value).reverse());
        expect(canonicalJson(reversed)).toBe(canonicalJson(value));
      }),
    );
  });

  it("leaves gate and evaluation to a digest of their own", () => {
    expect(evaluationDigestOf(plan({ gate: { minImprovement: 0.3 } }).run)).not.toBe(
      evaluationDigestOf(plan().run),
    );
  });
});

describe("memory and time", () => {
  const settings = fc.record({
    rank: fc.integer({ min: 1, max: 256 }),
    microBatch: fc.integer({ min: 1, max: 32 }),
    longest: fc.integer({ min: 8, max: 1000 }),
  });
  const peak = ({ rank, microBatch, longest }: { rank: number; microBatch: number; longest: number }) =>
    trainingMemory(architecture, { ...train, rank, microBatch }, longest, 3).peakBytes;

  it("grows with rank, length and micro-batch", () => {
    fc.assert(
      fc.property(
        settings,
        fc.constantFrom("rank" as const, "microBatch" as const, "longest" as const),
        (one, key) => {
          expect(peak({ ...one, [key]: one[key] + 1 })).toBeGreaterThan(peak(one));
        },
      ),
    );
  });

  it("is the sum of its parts", () => {
    const { peakBytes, breakdown } = trainingMemory(architecture, train, 128, 3);
    expect(Object.values(breakdown).reduce((sum, bytes) => sum + bytes, 0)).toBe(peakBytes);
  });

  it("takes smaller micro-batches on smaller machines, never another effective batch", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 256 }),
        fc.integer({ min: 1, max: 64 }),
        (gigabytes, effectiveBatch) => {
          const { microBatch, gradientAccumulation } = plan(
            { train: { effectiveBatch } },
            { memoryBytes: gigabytes * 1e9 },
          ).run.train;
          expect(microBatch * gradientAccumulation).toBe(effectiveBatch);
        },
      ),
    );
    const micro = (gigabytes: number) => plan({}, { memoryBytes: gigabytes * 1e9 }).run.train.microBatch;
    expect(micro(12)).toBeLessThan(micro(128));
  });

  it("is a range around the expected time, wider when the speed is only probed", () => {
    const work = { trainTokens: 50_000, testTokens: 20_000, rowTokens: 90 };
    const known = expectedTime(architecture, train, work, { source: "last run", tokensPerSecond: 200 });
    const flopsPerSecond = 200 * flopsPerToken(architecture, train, 90);
    const probed = expectedTime(architecture, train, work, { source: "probe", flopsPerSecond });
    expect(probed.expected).toBeCloseTo(known.expected);
    expect(known.low).toBeLessThan(known.expected);
    expect(probed.high - probed.low).toBeGreaterThan(known.high - known.low);
  });
});

describe("the plan of a stack", () => {
  it("hands a valid run.json to the trainer", () => {
    expect(runFileSchema.parse(plan().run)).toEqual<RunFile>(plan().run);
  });

  it("says what changes in serving", () => {
    expect(plan().serving.change).toBe("new");
    expect(plan({}, { current: plan().runId }).serving.change).toBe("none");
    expect(plan({}, { current: "older0000000" }).serving).toMatchObject({
      change: "moves",
      from: "triage-older0000000",
    });
  });

  it("serves fine-tunes of one base from one server, other bases from the next port", () => {
    const config = { port: 9000 } as StackConfig;
    const second = { ...plan(), name: "second" };
    const other = plan();
    other.serving = { ...other.serving, server: serverKey("Org/Other-Model 2") };
    const servers = planServers([plan(), second, other], config, "/w");
    expect(servers.map(({ key, server }) => [key, server.port])).toEqual([
      ["org-other-model-2", 9000],
      ["smollm2-135m", 9001],
    ]);
  });
});
