import fs from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { rows, writeModel } from "./fixtures.ts";
import { TestProject } from "./project.ts";
import { has, tierRuns } from "./tier.ts";

const needed = ["pulumi", "pulumi-language-nodejs", "pulumi-resource-pulumi-nodejs"];
const runs = tierRuns(
  "engine",
  needed.filter((program) => !has(program)),
);

describe.runIf(runs)("`pulumi up` itself, on index.ts", () => {
  let project: TestProject;

  beforeAll(async () => {
    project = new TestProject();
    await project.writeStack();
    await writeModel(project, "triage");
    project.write("data/triage.jsonl", rows(200));
    const init = await project.pulumi(["stack", "init", "test"]);
    expect(init.exitCode, String(init.all)).toBe(0);
  });
  afterAll(async () => {
    await project.remove();
  });

  it("previews without touching anything", async () => {
    const result = await project.pulumi(["preview"]);
    expect(result.exitCode, String(result.all)).toBe(0);
    expect(result.all).toContain("triage");
    expect(fs.existsSync(project.path(".tuneform", "workspace", "runs"))).toBe(false);
  });

  it("makes the stack true, and then finds nothing to do", async () => {
    const first = await project.pulumi(["up", "--yes", "--skip-preview"]);
    expect(first.exitCode, String(first.all)).toBe(0);
    const outputs = await project.pulumi(["stack", "output", "--json"]);
    const { models } = JSON.parse(String(outputs.stdout)) as { models: Record<string, { verdict: string }> };
    expect(models["triage"]?.verdict).toBe("promoted");
    const second = await project.pulumi(["up", "--yes", "--skip-preview", "--expect-no-changes"]);
    expect(second.exitCode, String(second.all)).toBe(0);
  });

  it("shows bad input as messages with file and field, not as a stack trace", async () => {
    await writeModel(project, "triage", { train: { rnk: 4 } });
    const result = await project.pulumi(["up", "--yes", "--skip-preview"]);
    expect(result.exitCode).not.toBe(0);
    expect(result.all).toMatch(/models\/triage\.yaml.*rnk/s);
    expect(result.all).not.toMatch(/at .*node_modules/);
    await writeModel(project, "triage");
  });

  it("destroys the server and leaves the adapters", async () => {
    const result = await project.pulumi(["destroy", "--yes", "--skip-preview"]);
    expect(result.exitCode, String(result.all)).toBe(0);
    expect(fs.readdirSync(project.path(".tuneform", "workspace", "runs"))).toHaveLength(1);
  });
});
