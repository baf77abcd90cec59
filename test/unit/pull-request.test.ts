import fs from "node:fs";
import path from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { COMMENT_LIMIT, cutToComment, MARKER } from "../../core/plan/comment.ts";
import { comparePlans } from "../../core/plan/compare-plans.ts";
import { code, text } from "../../core/plan/github-markdown.ts";
import type { FineTunePlan, StackPlan } from "../../core/plan/plan.ts";
import { pullRequestComment } from "../../core/plan/pull-request.ts";
import { planServers } from "../../core/plan/servers.ts";
import { servingPlan } from "../../core/plan/serving-plan.ts";
import { parseFineTune } from "../../core/spec/parse.ts";
import { parseStackConfig } from "../../core/spec/stack.ts";
import { exampleFacts, examplePlan as plan } from "./example.ts";

const config = parseStackConfig({}, "Pulumi.dev.yaml");
const stackPlan = (...fineTunes: FineTunePlan[]): StackPlan => ({
  schemaVersion: 1,
  notes: [],
  stack: "dev",
  kubernetes: null,
  aws: null,
  target: "local",
  workspace: ".tuneform/workspace",
  parallelism: 1,
  fineTunes,
  servers: planServers(fineTunes, config, "/w"),
  serving: servingPlan(
    fineTunes.flatMap(({ served }) => served ?? []),
    exampleFacts.instances,
  ),
});
const comment = (before: StackPlan | null, after: StackPlan) =>
  pullRequestComment([{ stack: "dev", before, after }]);
const others = (count: number) =>
  Array.from({ length: count }, (_, index) => plan({ name: `other-${index}`, train: { seed: index + 1 } }));

const dearer = { economics: { requestsPerDay: 100, apiUsdPerMillionTokens: 5 } };
const moreRows = {
  data: {
    ...exampleFacts.data,
    sources: [{ path: "/elsewhere/x.jsonl", sha256: "0123456789abcdef", split: "all" as const }],
    bySplit: { ...exampleFacts.data.bySplit, all: { rows: 1400, tokens: 126_000 } },
  },
};
const hostile = `name: Triage
task: "@all [click](https://example.com) <img src=x> | a"
base: smollm2-135m
data: { source: { file: x.jsonl }, fields: { question: q, answer: a }, labels: [yes, no] }
train: { rnk: 4 }
`;

const comments = {
  new: () =>
    comment(
      stackPlan(plan(), ...others(2)),
      stackPlan(plan(), ...others(2), plan({ name: "routing", ...dearer, train: { rank: 8 } })),
    ),
  changed: () =>
    comment(
      stackPlan(plan(), ...others(2)),
      stackPlan(
        plan(
          { train: { rank: 32, epochs: 2 }, gate: { minImprovement: 0.05 }, owner: "mail-team" },
          moreRows,
        ),
        ...others(2),
      ),
    ),
  removed: () => comment(stackPlan(plan(), ...others(2)), stackPlan(...others(2))),
  problems: () => {
    const parsed = parseFineTune(hostile, "models/triage.yaml");
    if (!("problems" in parsed)) throw new Error("it is meant to be refused");
    return pullRequestComment([{ stack: "dev", before: null, after: parsed }]);
  },
};

describe("the comment", () => {
  // UPDATE_GOLDEN=1 npx vitest run test/unit/pull-request.test.ts writes the files anew.
  it.each(Object.entries(comments))("for a pull request that is `%s` is the golden file", (name, make) => {
    const file = path.resolve(import.meta.dirname, "..", "golden", "pull-request", `${name}.md`);
    const made = make();
    if (process.env["UPDATE_GOLDEN"] !== undefined) {
      fs.mkdirSync(path.dirname(file), { recursive: true });
      fs.writeFileSync(file, made);
    }
    expect(made).toBe(fs.readFileSync(file, "utf8"));
  });

  it("begins with the marker that it is found by", () => {
    for (const make of Object.values(comments)) expect(make().split("\n")[0]).toBe(MARKER);
  });

  it("of 300 fine-tunes with one changed is short and names only that one with its settings", () => {
    const before = stackPlan(plan(), ...others(299));
    const after = stackPlan(plan({ train: { rank: 32 } }), ...others(299));
    const made = comment(before, after);
    expect(made).toContain("1 changed, 299 unchanged");
    expect(made).toContain("and 294 more");
    expect(made.length).toBeLessThan(2500);
  });

  it("of 300 new fine-tunes is cut with a note, below GitHub's limit", () => {
    const made = comment(null, stackPlan(...others(300)));
    expect(made.length).toBeLessThanOrEqual(COMMENT_LIMIT);
    expect(made).toContain("All fine-tunes count as new");
    expect(made).toMatch(/Cut here: .*\n$/);
  });

  it("is cut at the end of a line, and not where it fits", () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ maxLength: 40 })),
        fc.integer({ min: 200, max: 400 }),
        (lines, limit) => {
          const whole = lines.join("\n");
          const cut = cutToComment(whole, limit);
          expect(cut.length).toBeLessThanOrEqual(limit);
          if (whole.length <= limit) expect(cut).toBe(whole);
        },
      ),
    );
  });

  it("says so where a setting needs no training", () => {
    const made = comment(stackPlan(plan()), stackPlan(plan({ gate: { minImprovement: 0.3 } })));
    expect(made).toContain("Nothing is trained");
    expect(made).toContain("Judged again, since `gate.minImprovement` `0.02` → `0.3`");
    expect(made).toContain("keeps serving unless the gate now refuses it");
  });

  it("sums dollars over the runs to train, each run once", () => {
    const one = comment(null, stackPlan(plan()));
    const twins = comment(null, stackPlan(plan(), plan({ name: "twin" })));
    expect(/\*\*\$[^*]+\*\*/.exec(twins)?.[0]).toBe(/\*\*\$[^*]+\*\*/.exec(one)?.[0]);
    expect(twins).toContain("1 run to train");
  });

  it("leaves a fine-tune that no instance takes out of the sum, and names it", () => {
    const made = comment(null, stackPlan(plan({ compute: { maxUsd: 0.0001 } })));
    expect(made).toContain("Not counted, since no instance of the catalog does it: `triage`");
    expect(made).toContain("no instance within `compute` limits");
  });

  it("has one section for each stack", () => {
    const after = stackPlan(plan());
    const made = pullRequestComment([
      { stack: "dev", before: after, after },
      { stack: "mail", before: null, after },
    ]);
    expect(made.match(/^## /gm)).toHaveLength(2);
    expect(made.split(MARKER)).toHaveLength(2);
  });
});

describe("the comparison", () => {
  const kinds = (before: StackPlan, after: StackPlan) =>
    comparePlans(before, after).fineTunes.map(({ kind }) => kind);

  it("does not depend on where the commits lie, nor on the machine that planned", () => {
    const moved = plan(
      {},
      { data: { ...exampleFacts.data, sources: [{ path: "/y/x.jsonl", sha256: "abc", split: "all" }] } },
    );
    const slow = plan({}, { speed: { source: "probe", flopsPerSecond: 1e9 }, memoryBytes: 4e9 });
    expect(kinds(stackPlan(plan()), stackPlan(moved))).toEqual(["unchanged"]);
    expect(kinds(stackPlan(plan()), stackPlan(slow))).toEqual(["unchanged"]);
  });

  it("names every field that the run id is taken over, and none that it is not", () => {
    const { fineTunes } = comparePlans(
      stackPlan(plan()),
      stackPlan(
        plan({ base: "smollm2-135m", train: { rank: 32, checkpointEverySteps: 7 }, description: "x" }),
      ),
    );
    const [change] = fineTunes;
    if (change?.kind !== "changed" || change.training.kind !== "trained") throw new Error(change?.kind);
    expect(change.training.why.map(({ path }) => path)).toEqual(["train.rank", "train.alpha"]);
    expect(change.others.map(({ path }) => path)).toEqual(["description", "train.checkpointEverySteps"]);
  });

  it("sees a renamed fine-tune as reused: its run id has no name in it", () => {
    const { fineTunes } = comparePlans(stackPlan(plan()), stackPlan(plan({ name: "sorting" })));
    expect(fineTunes).toMatchObject([
      { kind: "new", name: "sorting", training: { kind: "reused", of: "triage" } },
      { kind: "removed", name: "triage" },
    ]);
  });

  it("sees what the workspace already has", () => {
    const withState = (state: "reused" | "resumes") =>
      comparePlans(null, stackPlan(plan({}, { runState: () => state }))).fineTunes[0];
    expect(withState("reused")).toMatchObject({ training: { kind: "reused", of: null } });
    expect(withState("resumes")).toMatchObject({ training: { kind: "resumed" } });
  });

  it("sees servers that come, go and change their port, and a stack's own settings", () => {
    const folder = {
      ...exampleFacts.base.base,
      id: "a-base",
      weights: { kind: "folder" as const, path: "/a", digest: "d" },
    };
    const first = plan({ name: "first" }, { base: { ...exampleFacts.base, base: folder } });
    const both = stackPlan(first, plan());
    expect(comparePlans(stackPlan(plan()), both).servers).toEqual([
      { key: "a-base", kind: "new", changes: [] },
      { key: "smollm2-135m", kind: "changed", changes: [{ path: "port", before: 8017, after: 8018 }] },
    ]);
    expect(comparePlans(both, stackPlan(plan())).servers[0]).toMatchObject({
      key: "a-base",
      kind: "removed",
    });
    expect(
      comparePlans(both, { ...both, workspace: "other", parallelism: 2 }).stack.map((c) => c.path),
    ).toEqual(["parallelism", "workspace"]);
    expect(comparePlans({ ...both, workspace: "/a" }, { ...both, workspace: "/b" }).stack).toEqual([]);
  });

  it("of a plan with itself finds nothing", () => {
    const names = fc.uniqueArray(fc.stringMatching(/^[a-z]{3,8}$/), { maxLength: 5 });
    fc.assert(
      fc.property(names, (some) => {
        const whole = stackPlan(...some.map((name) => plan({ name })));
        const { fineTunes, servers, stack } = comparePlans(whole, whole);
        expect(fineTunes.every(({ kind }) => kind === "unchanged")).toBe(true);
        expect([...servers, ...stack]).toEqual([]);
      }),
      { numRuns: 20 },
    );
  });
});

describe("anybody's text in a comment", () => {
  it("is never markup, a link, a table cell of its own or a mention", () => {
    fc.assert(
      fc.property(fc.string(), (value) => {
        expect(text(value).replaceAll(/`[^`]*`/g, "")).not.toMatch(/[@#](?!&#8203;|8203)|<|(?<!\\)[|[*]|\n/);
        expect(code(value).slice(1, -1)).not.toMatch(/`|\n|(?<!\\)\|/);
      }),
    );
  });
});
