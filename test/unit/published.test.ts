import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { gpuMemory } from "../../core/plan/gpu-memory.ts";
import { BASES } from "../published/bases.ts";
import { MEMORY_CASES, PROCESS_PAIRS } from "../published/memory-cases.ts";
import { medianOf, memoryError, predictedRates, worstOf } from "../published/predictions.ts";
import { SOURCES, type SourceId } from "../published/sources.ts";
import { withTables } from "../published/tables.ts";
import { THROUGHPUT_CASES } from "../published/throughput-cases.ts";

const sourcesOf = (cases: readonly { source: SourceId }[]) => new Set(cases.map(({ source }) => source));

describe("predicted against published peak memory", () => {
  const errors = MEMORY_CASES.map(memoryError);

  it("has at least 24 cases of at least 5 sources", () => {
    expect(MEMORY_CASES.length).toBeGreaterThanOrEqual(24);
    expect(sourcesOf(MEMORY_CASES).size).toBeGreaterThanOrEqual(5);
  });

  it("is off by at most 10 % in the median, and by at most 25 % anywhere", () => {
    expect(medianOf(errors)).toBeLessThanOrEqual(0.1);
    expect(worstOf(errors)).toBeLessThanOrEqual(0.25);
  });

  it.each([...sourcesOf(MEMORY_CASES)])("is off by at most 15 %% in the median of %s alone", (source) => {
    const own = MEMORY_CASES.filter((published) => published.source === source).map(memoryError);
    expect(medianOf(own)).toBeLessThanOrEqual(0.15);
  });

  it("leans neither up nor down by more than 5 % in the mean", () => {
    const mean = errors.reduce((sum, error) => sum + error, 0) / errors.length;
    expect(Math.abs(mean)).toBeLessThanOrEqual(0.05);
  });

  it("gets from what is allocated to what nvidia-smi counts of the same run", () => {
    // Fragmentation and context are linear, so that two cases tell them.
    const { allocatedBytes, reservedBytes, processBytes } = gpuMemory(
      BASES[MEMORY_CASES[0]!.base],
      MEMORY_CASES[0]!.train,
    );
    const fragmentation = reservedBytes / allocatedBytes;
    const context = processBytes - reservedBytes;
    const off = PROCESS_PAIRS.map(
      ({ allocated, processMib }) => (allocated * fragmentation + context) / (processMib * 2 ** 20) - 1,
    );
    expect(medianOf(off)).toBeLessThanOrEqual(0.05);
    expect(worstOf(off)).toBeLessThanOrEqual(0.25);
  });
});

describe("predicted against published throughput", () => {
  it("has at least 12 cases", () => {
    expect(THROUGHPUT_CASES.length).toBeGreaterThanOrEqual(12);
    expect(sourcesOf(THROUGHPUT_CASES).size).toBeGreaterThanOrEqual(4);
  });

  it.each(THROUGHPUT_CASES.map((published) => ({ ...published, length: published.train.maxLength })))(
    "holds $base of $source at $length tokens: $tokensPerSecond tokens/s",
    (published) => {
      const { low, high } = predictedRates(published);
      expect(published.tokensPerSecond).toBeGreaterThanOrEqual(low);
      expect(published.tokensPerSecond).toBeLessThanOrEqual(high);
      expect(high / low).toBeLessThanOrEqual(3);
    },
  );
});

describe("docs/planner.md", () => {
  it("shows what the planner computes; npx tsx test/published/write-tables.ts writes it anew", () => {
    const document = readFileSync(new URL("../../docs/planner.md", import.meta.url), "utf8");
    expect(document).toBe(withTables(document));
  });

  it("names every source", () => {
    const document = readFileSync(new URL("../../docs/planner.md", import.meta.url), "utf8");
    for (const source of Object.keys(SOURCES)) expect(document).toContain(`\`${source}\``);
  });
});
