import { describe, expect, it } from "vitest";
import { dataDigest, evaluationDigestOf, rowsDigest, runIdOf } from "../../core/plan/digest.ts";
import type { RunFile } from "../../core/spec/run-file.ts";
import { examplePlan } from "./example.ts";

const { run } = examplePlan();
const { digest: _digest, ...data } = run.data;
const stricter = { ...data, thresholds: { ...data.thresholds, personalData: "error" as const } };

describe("thresholds of the data firewall", () => {
  it("make another dataset, so that its rows are looked at again", () => {
    expect(dataDigest(stricter)).not.toBe(dataDigest(data));
  });

  it("make another evaluation digest, so that the engine runs the stages again", () => {
    const changed: RunFile = { ...run, data: { ...stricter, digest: dataDigest(stricter) } };
    expect(evaluationDigestOf(changed)).not.toBe(evaluationDigestOf(run));
  });

  it("do not make another run: nothing is trained again", () => {
    expect(rowsDigest(stricter)).toBe(rowsDigest(data));
    expect(examplePlan({ data: { ...declared(), thresholds: { secrets: "error" } } }).runId).toBe(run.runId);
  });
});

describe("data", () => {
  it.each([
    ["format", { format: "csv" }],
    ["labels", { labels: ["no", "yes"] }],
    ["split", { split: { test: 0.3 } }],
    ["number of rows", { maxRows: 500 }],
  ])("makes another run by its %s", (_what, change) => {
    expect(examplePlan({ data: { ...declared(), ...change } }).runId).not.toBe(run.runId);
  });
});

describe("the identity of a base", () => {
  const idOf = (base: Partial<RunFile["base"]>) => runIdOf({ ...run.base, ...base }, "rows", run.train);

  it("is its revision where it comes from the hub", () => {
    const hub = { hubId: "a/b", weights: { kind: "hub" as const } };
    expect(idOf({ ...hub, revision: "1" })).not.toBe(idOf({ ...hub, revision: "2" }));
  });

  it("is the content of a folder, wherever that lies and whatever it is called", () => {
    const folder = (path: string, digest: string) => ({
      id: path,
      weights: { kind: "folder" as const, path, digest },
    });
    expect(idOf(folder("/a", "d"))).toBe(idOf(folder("/b", "d")));
    expect(idOf(folder("/a", "d"))).not.toBe(idOf(folder("/a", "e")));
  });

  it("keeps the run ids of before: another rule would train everything again", () => {
    expect(run.runId).toBe("8703ea601704");
  });
});

function declared() {
  return { source: { file: "x.jsonl" }, fields: { question: "q", answer: "a" }, labels: ["yes", "no"] };
}
