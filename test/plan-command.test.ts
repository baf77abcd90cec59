import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { MARKER } from "../core/plan/comment.ts";
import type { StackPlan } from "../core/plan/plan.ts";
import { EXIT_CODES } from "../core/spec/exit-codes.ts";
import type { Problem } from "../core/spec/problems.ts";
import { good, rows } from "./bad-input-cases.ts";
import { TestProject } from "./engine/project.ts";

describe("`tuneform plan`", () => {
  let project: TestProject;
  const plan = (...options: string[]) => project.tuneform(["plan", "--stack", "test", ...options]);

  beforeAll(async () => {
    project = new TestProject();
    await project.writeStack();
    project.write("data/rows.jsonl", rows(100));
    project.write("models/triage.yaml", good);
  });
  afterAll(async () => {
    await project.remove();
  });

  it("compares with a former plan that `--json` has written", async () => {
    const before = await plan("--json", "--elsewhere");
    expect(before.exitCode, String(before.all)).toBe(0);
    const [fineTune] = (JSON.parse(String(before.stdout)) as StackPlan).fineTunes;
    expect(fineTune).toMatchObject({ name: "triage", seconds: null, prediction: null });
    project.write("before.json", String(before.stdout));
    const { stdout, exitCode } = await plan(
      "--elsewhere",
      "--format",
      "markdown",
      "--against",
      project.path("before.json"),
    );
    expect(exitCode).toBe(0);
    expect(String(stdout).startsWith(MARKER)).toBe(true);
    expect(stdout).toContain("**1 unchanged.** Nothing is trained");
  });

  it("refuses to compare as anything but Markdown, and what is not a plan", async () => {
    const format = await plan("--against", project.path("before.json"));
    expect(format.exitCode).toBe(EXIT_CODES.USAGE.code);
    expect(format.stderr).toContain("--against: compares as Markdown, not as table → --format markdown");
    const other = await plan("--format", "markdown", "--against", project.path("package.json"));
    expect(other.exitCode).toBe(EXIT_CODES.USAGE.code);
    expect(other.stderr).toMatch(/package\.json: is not a plan of this version → write it with/);
  });

  describe("of files that do not validate", () => {
    beforeAll(() => project.write("models/triage.yaml", good.replace("rank: 8", "rnk: 8")));

    it("writes the problems as JSON where JSON was asked for", async () => {
      const { stdout, exitCode } = await plan("--json");
      expect(exitCode).toBe(EXIT_CODES.USAGE.code);
      const { problems } = JSON.parse(String(stdout)) as { problems: Problem[] };
      expect(problems).toMatchObject([
        { file: "models/triage.yaml", path: "train.rnk", line: expect.any(Number) as number },
      ]);
    });

    it("writes them as a comment where Markdown was asked for", async () => {
      const { stdout, exitCode } = await plan("--format", "markdown");
      expect(exitCode).toBe(EXIT_CODES.USAGE.code);
      expect(stdout).toMatch(
        new RegExp(`^${MARKER}\n[^]*\\*\\*No plan: 1 problem\\.\\*\\*[^]*\`train\\.rnk\``),
      );
    });

    it("writes them as lines otherwise", async () => {
      const { stdout, exitCode } = await plan();
      expect(exitCode).toBe(EXIT_CODES.USAGE.code);
      expect(stdout).toMatch(
        /^models\/triage\.yaml:\d+ train\.rnk: is not a known key → did you mean rank\?$/,
      );
    });
  });
});
