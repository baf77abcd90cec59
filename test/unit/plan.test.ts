import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonicalJson, evaluationDigestOf, rowsDigest, runIdOf } from "../../core/plan/digest.ts";
import { trainingMemory } from "../../core/plan/memory.ts";
import type { FormerVerdict } from "../../core/plan/outlook.ts";
import { planServers, serverKey } from "../../core/plan/servers.ts";
import { expectedTime, flopsPerToken } from "../../core/plan/time.ts";
import { runFileSchema, type RunFile } from "../../core/spec/run-file.ts";
import type { StackConfig } from "../../core/spec/stack.ts";
import {
  exampleArchitecture as architecture,
  exampleFacts as facts,
  examplePlan as plan,
  exampleSpec as spec,
} from "./example.ts";

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
    expect(rowsDigest(moved)).toBe(rowsDigest(data));
    expect(rowsDigest(other)).not.toBe(rowsDigest(data));
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
    expect(micro(3)).toBeLessThan(micro(128));
  });

  it("is a range around the expected time, wider when the speed is only probed", () => {
    const work = { trainTokens: 50_000, testTokens: 20_000, rowTokens: 90 };
    const known = expectedTime(architecture, train, work, {
      source: "last run",
      tokensPerSecond: 200,
      train: null,
    });
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

describe("declared splits", () => {
  const none = { rows: 0, tokens: 0 };
  const declared = (bySplit: object) =>
    plan({}, { data: { ...facts.data, bySplit: { ...facts.data.bySplit, ...bySplit } } });

  it("count as they are; only rows of `all` are divided by shares", () => {
    const bySplit = {
      all: none,
      train: { rows: 800, tokens: 72_000 },
      test: { rows: 200, tokens: 18_000 },
    };
    expect(declared(bySplit)).toMatchObject({ rows: 1000, tokens: 72_000, steps: 150 });
    expect(plan()).toMatchObject({ rows: 1000, tokens: 63_000, steps: 132 });
  });

  it("with few rows to test on are advised against", () => {
    const few = { all: none, train: { rows: 900, tokens: 1 }, test: { rows: 30, tokens: 1 } };
    expect(
      declared(few)
        .advice.map(({ text }) => text)
        .join(),
    ).toMatch(/30 test rows/);
    expect(plan().advice).toEqual([]);
  });
});

describe("a run that is trained already", () => {
  const { evaluate, gate } = plan().run;
  const judged = (
    verdict: Partial<FormerVerdict>,
    overrides: object = {},
    current: string | null = "older",
  ) =>
    plan(overrides, {
      runState: () => "reused",
      current,
      verdictOf: () => ({
        decision: "rejected",
        reason: "no better than the base",
        incumbent: "older",
        settings: { evaluate, gate },
        ...verdict,
      }),
    });

  it("and was refused moves nothing, and the plan says so before `up` does", () => {
    const { why, serving } = judged({});
    expect(why).toMatch(/was rejected: no better than the base/);
    expect(serving.change).toBe("none");
  });

  it("and was promoted once is a rollback", () => {
    expect(judged({ decision: "promoted" }).serving.change).toBe("moves");
  });

  it("is judged again when the gate changed or something else serves now", () => {
    const looser = judged({}, { gate: { minImprovement: 0.01 } });
    expect(looser.why).toMatch(/judged again/);
    expect(looser.serving.change).toBe("moves");
    expect(judged({}, {}, "another").serving.change).toBe("moves");
  });
});

describe("the length that is served", () => {
  it("is never shorter by default than the rows that were trained on, nor longer than the context", () => {
    expect(plan().run.serve.maxLength).toBe(2048);
    expect(plan({ train: { maxLength: 4096 } }).run.serve.maxLength).toBe(4096);
    expect(plan({}, { base: { ...facts.base, context: 1500 } }).run.serve.maxLength).toBe(1500);
  });

  it("is advised against where rows are longer", () => {
    expect(
      plan({ serve: { maxLength: 64 } })
        .advice.map(({ text }) => text)
        .join(),
    ).toMatch(/up to about 128 tokens.*takes 64/);
  });
});
