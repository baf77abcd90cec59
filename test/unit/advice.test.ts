import { describe, expect, it } from "vitest";
import { BASE_MODELS, type BaseModel } from "../../core/catalog/base-models.ts";
import type { Advice } from "../../core/plan/advice.ts";
import { exampleFacts, examplePlan } from "./example.ts";

const rowsOf = (rows: number) => ({
  data: { ...exampleFacts.data, bySplit: { ...exampleFacts.data.bySplit, all: { rows, tokens: rows * 90 } } },
});
const said = (advice: Advice[], about: RegExp): Advice[] => advice.filter(({ text }) => about.test(text));
const only = (advice: Advice[], about: RegExp): Advice => {
  const found = said(advice, about);
  expect(found).toHaveLength(1);
  return found[0]!;
};
const base = (id: keyof typeof BASE_MODELS, isDownloaded = true) => {
  const entry: BaseModel = BASE_MODELS[id];
  const { base } = exampleFacts.base;
  const weights = isDownloaded ? ({ kind: "hub" } as const) : base.weights;
  const { architecture, context, licence, hubId } = entry;
  return { base: { base: { ...base, id, licence, hubId, weights }, architecture, context, entry } };
};

describe("advice on the amount of data", () => {
  const about = /500 to 2,000|200 clean/;

  it.each([
    [150, "warning", "150 rows: below 200 clean examples a prompt to a larger model usually does better"],
    [300, "note", "300 rows: 500 to 2,000 are the range in which a fine-tune usually pays"],
  ] as const)("for %i rows is a %s", (rows, level, text) => {
    expect(only(examplePlan({}, rowsOf(rows)).advice, about)).toEqual({ level, text });
  });

  it.each([500, 1000, 2000])("is not there for %i rows", (rows) => {
    expect(said(examplePlan({}, rowsOf(rows)).advice, about)).toEqual([]);
  });

  it("beyond 2,000 rows says to try fewer, with the rows and what they cost", () => {
    const { level, text } = only(examplePlan({}, rowsOf(8000)).advice, about);
    expect(level).toBe("note");
    expect(text).toContain("8000 rows: more than the 500 to 2,000");
    expect(text).toContain("data.maxRows: 2000");
  });

  it("warns where the gate has few rows to decide with", () => {
    const { level, text } = only(examplePlan({}, rowsOf(300)).advice, /test rows/);
    expect(level).toBe("warning");
    expect(text).toBe("60 test rows: the gate can only see large gains; 100 or more decide better");
  });
});

describe("advice on the task", () => {
  it.each(["broad-knowledge", "open-ended"])("says to use an API model where the scope is %s", (scope) => {
    const { level } = only(examplePlan({ economics: { scope } }).advice, /economics\.scope/);
    expect(level).toBe("use an API model");
  });

  it("has nothing against a narrow one", () => {
    expect(said(examplePlan().advice, /economics\.scope/)).toEqual([]);
  });
});

describe("advice on the licence", () => {
  it("notes that a gated base needs an accepted licence, where it is downloaded", () => {
    const about = /is gated/;
    expect(only(examplePlan({}, base("llama-3.1-8b")).advice, about).level).toBe("note");
    expect(said(examplePlan({}, base("llama-3.1-8b", false)).advice, about)).toEqual([]);
    expect(said(examplePlan({}, base("mistral-7b-v0.3")).advice, about)).toEqual([]);
  });

  it("warns of limits to commercial use, unless there is none", () => {
    const about = /^licence/;
    const { level, text } = only(examplePlan({}, base("stablelm-2-1.6b")).advice, about);
    expect(level).toBe("warning");
    expect(text).toContain("membership");
    const hobby = { economics: { commercial: false } };
    expect(said(examplePlan(hobby, base("stablelm-2-1.6b")).advice, about)).toEqual([]);
  });
});

describe("advice on what it costs", () => {
  const about = /a month/;
  const month = (economics: object) => {
    const plan = examplePlan({ economics });
    return { advice: only(plan.advice, about), flight: plan.flight! };
  };

  it.each([
    ["daily", 30],
    ["weekly", 52 / 12],
  ] as const)("of data that changes %s counts %f trainings a month", (dataChanges, times) => {
    const { advice, flight } = month({ dataChanges });
    expect(advice.level).toBe("warning");
    const retraining = `retraining $${(flight.best!.cost.expected * times).toFixed(2)} a month`;
    expect(advice.text).toContain(`data that changes ${dataChanges}: `);
    expect(advice.text).toContain(retraining);
  });

  it("of data that changes rarely says nothing without the price of an API", () => {
    expect(said(examplePlan().advice, about)).toEqual([]);
  });

  it("names the requests a day from which it pays against an API", () => {
    const { advice, flight } = month({ apiUsdPerMillionTokens: 5 });
    const perRequest = (90 * 5) / 1e6;
    const even = Math.ceil(flight.serving!.usdPerMonth / (perRequest * 30));
    expect(advice.level).toBe("note");
    expect(advice.text).toContain(
      `an API at $5.00 a million tokens costs as much at ${even.toLocaleString("en")}`,
    );
    expect(advice.text).toContain("requests a day of 90 tokens");
    const below = month({ apiUsdPerMillionTokens: 5, requestsPerDay: even - 1 }).advice;
    expect(below.level).toBe("use an API model");
    const above = month({ apiUsdPerMillionTokens: 5, requestsPerDay: even }).advice;
    expect(above).toMatchObject({ level: "note" });
    expect(above.text).toContain("the fine-tune is cheaper");
  });

  it("counts the retraining of changing data against the API too", () => {
    const even = (dataChanges: string) => {
      const { text } = month({ apiUsdPerMillionTokens: 5, dataChanges }).advice;
      return Number(/as much at ([\d,]+)/.exec(text)![1]!.replaceAll(",", ""));
    };
    expect(even("daily")).toBeGreaterThan(even("weekly"));
    expect(even("weekly")).toBeGreaterThan(even("monthly"));
    expect(even("monthly")).toBeGreaterThan(even("rarely"));
  });
});

describe("advice on limits", () => {
  it("warns on this machine of dollars that no instance keeps to, which are an error where GPUs are rented", () => {
    const { level, text } = only(examplePlan({ compute: { maxUsd: 0.01 } }).advice, /compute\.maxUsd/);
    expect(level).toBe("warning");
    expect(text).toMatch(/^on a GPU: compute\.maxUsd is \$0\.01, but the cheapest job takes about \$/);
  });

  it("warns of a high end beyond a limit that the expected cost keeps to", () => {
    const { cost } = examplePlan().flight!.best!;
    const maxUsd = (cost.expected + cost.high) / 2;
    const { text } = only(examplePlan({ compute: { maxUsd } }).advice, /compute\.maxUsd/);
    expect(text).toContain(`it may cost up to $${cost.high.toFixed(2)}`);
  });
});
