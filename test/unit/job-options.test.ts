import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { GPUS } from "../../core/catalog/gpus.ts";
import { INSTANCES, type Instance } from "../../core/catalog/instances.ts";
import { excessOf } from "../../core/plan/budget.ts";
import { choose } from "../../core/plan/choice.ts";
import { jobOptions, type JobOption } from "../../core/plan/job-options.ts";
import type { Job, Limits } from "../../core/plan/job.ts";
import { HOUR } from "../../core/plan/units.ts";
import { jobs, llamaJob } from "./example-jobs.ts";

const noLimits: Limits = { maxUsd: null, maxHours: null };
const only = (...types: string[]): Instance[] => INSTANCES.filter(({ type }) => types.includes(type));
const bestOf = (job: Job, limits: Limits = noLimits, instances: readonly Instance[] = INSTANCES) =>
  choose(job.method, jobOptions(job, instances, limits).options).best;

describe("options of a job", () => {
  it("never exceed the memory of their GPU, keep the effective batch, and come cheapest first", () => {
    fc.assert(
      fc.property(jobs, (job) => {
        const { options } = jobOptions(job, INSTANCES, noLimits);
        for (const [index, option] of options.entries()) {
          const gpu = GPUS[option.gpu];
          expect(option.peakBytes).toBeLessThanOrEqual(gpu.memoryBytes * 0.95);
          expect(gpu.bf16).toBe(true);
          expect(option.microBatch * option.gradientAccumulation * option.gpus).toBe(job.effectiveBatch);
          expect([1, 2, 4, 8]).toContain(option.gpus);
          expect(option.duration.low).toBeLessThanOrEqual(option.duration.high);
          if (job.method !== "auto") expect(option.method).toBe(job.method);
          if (index > 0)
            expect(option.cost.expected).toBeGreaterThanOrEqual(options[index - 1]!.cost.expected);
        }
      }),
      { numRuns: 30 },
    );
  });

  it("keep within hard limits, and more money never makes the chosen one slower", () => {
    fc.assert(
      fc.property(
        jobs,
        fc.double({ min: 0.01, max: 500, noNaN: true }),
        fc.double({ min: 1, max: 4, noNaN: true }),
        (job, maxUsd, factor) => {
          const small = jobOptions(job, INSTANCES, { maxUsd, maxHours: 24 });
          for (const { cost, duration } of small.options) {
            expect(cost.expected).toBeLessThanOrEqual(maxUsd);
            expect(duration.expected).toBeLessThanOrEqual(24 * HOUR);
          }
          const before = choose(job.method, small.options).best;
          const after = bestOf(job, { maxUsd: maxUsd * factor, maxHours: 24 });
          if (before !== null) expect(after?.duration.expected).toBeLessThanOrEqual(before.duration.expected);
        },
      ),
      { numRuns: 60 },
    );
  });

  it("name what they leave out: too little memory, no bf16, no driver", () => {
    const { refused } = jobOptions({ ...llamaJob, method: "lora" }, INSTANCES, noLimits);
    expect(refused).toEqual({
      "no bf16": INSTANCES.filter(({ gpu }) => !GPUS[gpu].bf16).length,
      "the stock EKS images lack its driver": INSTANCES.filter(({ stockAmi }) => !stockAmi).length,
      "too little GPU memory": INSTANCES.filter(({ gpu }) => /^l4-/.test(gpu)).length,
    });
  });
});

describe("several GPUs", () => {
  // 50 million tokens: most of a day on one L40S.
  const long = { ...llamaJob, trainTokens: 50e6 };
  const l40s = only("g6e.xlarge", "g6e.12xlarge");

  it("train the rows together and are faster than one", () => {
    const { options } = jobOptions(long, l40s, noLimits);
    const of = (type: string) =>
      options.find(
        ({ instance, purchase, method }) =>
          instance === type && purchase === "on-demand" && method === "lora",
      )!;
    expect(of("g6e.12xlarge").gpus).toBe(4);
    expect(of("g6e.xlarge").gpus).toBe(1);
    const ratio = of("g6e.xlarge").parts.training.expected / of("g6e.12xlarge").parts.training.expected;
    expect(ratio).toBeCloseTo(4 * 0.9);
  });

  it("are not taken by a job that one makes in time: it gets the cheapest", () => {
    const best = bestOf(long, noLimits, l40s)!;
    expect(best).toMatchObject({ instance: "g6e.xlarge", gpus: 1 });
  });

  it("are taken by a job that needs them to meet maxHours", () => {
    const alone = bestOf(long, noLimits, l40s)!;
    const maxHours = (alone.duration.expected / HOUR) * 0.5;
    const best = bestOf(long, { maxUsd: null, maxHours }, l40s)!;
    expect(best).toMatchObject({ instance: "g6e.12xlarge", gpus: 4 });
    expect(best.cost.expected).toBeGreaterThan(alone.cost.expected);
    expect(best.duration.expected).toBeLessThanOrEqual(maxHours * HOUR);
  });

  it("are as many as divide the effective batch: two of an instance with two, not three of four", () => {
    const two: Instance = { ...l40s[0]!, type: "own", count: 2, usdPerHour: 2 };
    expect(bestOf(long, { maxUsd: null, maxHours: 8 }, [two])!.gpus).toBe(2);
    const six = { ...long, effectiveBatch: 6 };
    expect(bestOf(six, noLimits, only("g6e.12xlarge"))!.gpus).toBe(2);
    expect(bestOf({ ...long, effectiveBatch: 1 }, noLimits, only("g6e.12xlarge"))!.gpus).toBe(1);
  });
});

describe("train.method auto", () => {
  it("takes 16-bit weights where they fit and 4-bit ones where only these do", () => {
    const on = (type: string) => choose("auto", jobOptions(llamaJob, only(type), noLimits).options);
    expect(on("g6f.4xlarge").best!.method).toBe("qlora");
    expect(on("g6f.4xlarge").methodReason).toBe("16-bit weights fit on no instance within the limits");
    expect(on("p5.4xlarge").best!.method).toBe("lora");
  });

  const option = (method: "lora" | "qlora", usd: number, hours: number) =>
    ({
      method,
      instance: `${method}.large`,
      cost: { low: usd, expected: usd, high: usd },
      duration: { low: hours, expected: hours, high: hours },
    }) as unknown as JobOption;

  it.each([
    [
      "4 bits save 20 % and no time",
      0.8,
      2,
      1,
      2,
      "lora",
      "16-bit weights lose nothing: $1.00 on lora.large",
    ],
    ["4 bits save 40 %", 0.6, 2, 1, 2, "qlora", "4-bit weights are much cheaper: $0.60 on qlora.large"],
    ["4 bits save 20 % and are quicker", 0.8, 1, 1, 2, "qlora", "4-bit weights are cheaper and quicker"],
    ["16 bits are cheapest", 1.2, 2, 1, 2, "lora", "16-bit weights fit, and the job is cheapest with them"],
  ] as const)("where %s", (_when, fourUsd, fourHours, sixteenUsd, sixteenHours, method, says) => {
    const options = [option("qlora", fourUsd, fourHours), option("lora", sixteenUsd, sixteenHours)].sort(
      (a, b) => a.cost.expected - b.cost.expected,
    );
    const { best, methodReason } = choose("auto", options);
    expect(best!.method).toBe(method);
    expect(methodReason).toContain(says);
    expect(choose(method, [best!]).methodReason).toBeNull();
  });
});

describe("limits that nothing keeps", () => {
  const excess = (limits: Limits) => {
    const { options, beyondLimits } = jobOptions(llamaJob, INSTANCES, limits);
    expect(options).toEqual([]);
    return excessOf(limits, beyondLimits)!;
  };

  it("are named with the cheapest job and the dollars to set instead", () => {
    const { field, message, hint } = excess({ maxUsd: 0.01, maxHours: null });
    const { cost, instance } = bestOf(llamaJob)!;
    expect(field).toBe("compute.maxUsd");
    expect(message).toContain("is $0.01, but the cheapest job takes about $0.");
    expect(hint).toMatch(/^raise it to \$0\.\d\d or more, or take fewer rows/);
    const raised = Number(/\$([\d.]+)/.exec(hint)![1]);
    expect(raised).toBeLessThanOrEqual(cost.expected + 0.01);
    expect(bestOf(llamaJob, { maxUsd: raised, maxHours: null })).not.toBeNull();
    expect(instance).not.toBe("");
  });

  it("are named with the fastest job and the hours to set instead", () => {
    const { field, message, hint } = excess({ maxUsd: null, maxHours: 0.01 });
    expect(field).toBe("compute.maxHours");
    expect(message).toMatch(
      /^is 0\.01, but the fastest job takes about \$.* on .*; the cheapest takes about/,
    );
    const raised = Number(/raise it to ([\d.]+)/.exec(hint)![1]);
    expect(bestOf(llamaJob, { maxUsd: null, maxHours: raised })).not.toBeNull();
  });

  it("that exclude each other name the dollars of what is quick enough, and the hours of what is cheap", () => {
    const long = { ...llamaJob, trainTokens: 50e6 };
    const cheapest = bestOf(long)!;
    const limits = {
      maxUsd: cheapest.cost.expected * 1.01,
      maxHours: (cheapest.duration.expected / HOUR) * 0.2,
    };
    const { options, beyondLimits } = jobOptions(long, INSTANCES, limits);
    expect(options).toEqual([]);
    const { field, message, hint } = excessOf(limits, beyondLimits)!;
    expect(field).toBe("compute.maxUsd");
    expect(message).toContain(`the cheapest job within ${limits.maxHours} h takes about $`);
    expect(hint).toMatch(/^raise it to \$[\d.]+ or more, compute\.maxHours to [\d.]+, or take fewer rows/);
    const [usd, hours] = [/\$([\d.]+)/, /maxHours to ([\d.]+)/].map((of) => Number(of.exec(hint)![1]));
    expect(bestOf(long, { maxUsd: usd!, maxHours: limits.maxHours })).not.toBeNull();
    expect(bestOf(long, { maxUsd: limits.maxUsd, maxHours: hours! })).not.toBeNull();
  });
});
