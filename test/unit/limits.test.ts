import { describe, expect, it } from "vitest";
import { INSTANCES } from "../../core/catalog/instances.ts";
import { limitProblems } from "../../loading/limits.ts";
import type { ModelFile } from "../../loading/model-files.ts";
import { examplePlan, exampleSpec } from "./example.ts";

const planned = (compute: object, facts: Parameters<typeof examplePlan>[1] = {}) => {
  const lines: Record<string, number> = { "compute.maxUsd": 9, "compute.maxHours": 10, base: 3 };
  const model: ModelFile = {
    file: "models/triage.yaml",
    folder: "/models",
    spec: exampleSpec({ compute }),
    lineOf: (path) => lines[path],
  };
  return [{ model, plan: examplePlan({ compute }, facts) }];
};

describe("limits of a model file", () => {
  it("are errors where GPUs are rented: field, line, cheapest job, and what to set instead", () => {
    const [problem, ...others] = limitProblems(planned({ maxUsd: 0.01 }), "kubernetes");
    expect(others).toEqual([]);
    expect(problem).toMatchObject({ file: "models/triage.yaml", path: "compute.maxUsd", line: 9 });
    expect(problem!.message).toMatch(
      /^is \$0\.01, but the cheapest job takes about \$\d\.\d\d and .* on \S+ (spot|on-demand)/,
    );
    expect(problem!.hint).toMatch(/^raise it to \$\d\.\d\d or more, or take fewer rows or epochs/);
    expect(limitProblems(planned({ maxHours: 0.01 }), "aws")).toMatchObject([
      { path: "compute.maxHours", line: 10 },
    ]);
  });

  it("are kept where the plan keeps them, and do not concern what is trained already", () => {
    expect(limitProblems(planned({ maxUsd: 50, maxHours: 24 }), "aws")).toEqual([]);
    expect(limitProblems(planned({}), "aws")).toEqual([]);
    expect(limitProblems(planned({ maxUsd: 0.01 }, { runState: () => "reused" }), "aws")).toEqual([]);
  });

  it("are not the problem where no instance holds the base", () => {
    const instances = INSTANCES.filter(({ gpu }) => gpu === "t4");
    const [problem] = limitProblems(planned({ maxUsd: 1 }, { instances }), "aws");
    expect(problem).toMatchObject({ path: "base", line: 3 });
    expect(problem!.message).toMatch(/^no instance trains smollm2-135m; left out: \d+ for no bf16$/);
  });

  it("on this machine are of hours only: dollars are advice", () => {
    expect(limitProblems(planned({ maxUsd: 0.01 }), "local")).toEqual([]);
    const [problem] = limitProblems(planned({ maxHours: 0.01 }), "local");
    expect(problem).toMatchObject({ path: "compute.maxHours", line: 10 });
    expect(problem!.hint).toContain("raise it");
  });
});
