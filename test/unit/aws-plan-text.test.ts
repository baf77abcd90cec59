import fs from "node:fs";
import path from "node:path";
import { execa } from "execa";
import { beforeAll, describe, expect, it } from "vitest";
import { writeDatasets } from "../../examples/mail/build.ts";
import { readStackFile, stackNamed } from "../../loading/stack-files.ts";
import { loadStackPlan } from "../../loading/stack-plan.ts";
import { root } from "./kubernetes-example.ts";

/**
 * What `tuneform plan --stack aws-example` prints. After a wanted change:
 * `UPDATE_GOLDEN=1 npx vitest run test/unit/aws-plan-text.test.ts`, and read the difference.
 */
const golden = path.join(root, "test", "golden", "aws-plan.txt");

const plan = (stack: string) =>
  execa("npx", ["tsx", "cli/main.ts", "plan", "--stack", stack], { cwd: root, stripFinalNewline: false });

beforeAll(async () => {
  const data = path.join(root, "examples", "mail", "data");
  if (!fs.existsSync(path.join(data, "mail-routing.jsonl"))) await writeDatasets(data);
});

describe("`tuneform plan --stack aws-example`", () => {
  let text: string;
  beforeAll(async () => void (text = (await plan("aws-example")).stdout));

  it("prints what the golden file says", () => {
    if (process.env["UPDATE_GOLDEN"] === "1") fs.writeFileSync(golden, text);
    expect(text).toBe(fs.readFileSync(golden, "utf8"));
  });

  it.each([
    "phi-3-mini",
    "mistral-7b-v0.3",
    "llama-3.1-8b",
    "gemma-2-9b",
    "qwen-2.5-7b",
    "stablelm-2-1_6b-chat",
  ])("has a GPU instance, hours and dollars for %s", (base) => {
    const lines = text.split("\n");
    const row = lines.findIndex((line) => line.includes(base) && line.startsWith("│"));
    expect(lines.slice(row - 1, row + 1).join("\n")).toMatch(
      /│ g\d\w*\.\w+ (spot|on-demand) +│ [\d.]+ to [\d.]+ +│ \$[\d.]+ to \$[\d.]+/,
    );
  });

  it("has no path of this machine in it", () => {
    expect(text).not.toContain(root);
  });
});

it("prices jobs on demand where nodes that train are bought so", async () => {
  const { config } = readStackFile(root, "aws.example");
  const aws = { ...config.aws!, gpu: { ...config.aws!.gpu, purchase: "on-demand" as const } };
  const { fineTunes, aws: planned } = await loadStackPlan({
    root,
    stack: "test",
    config: { ...config, aws },
  });
  expect(new Set(fineTunes.map(({ flight }) => flight?.best?.purchase))).toEqual(new Set(["on-demand"]));
  expect(new Set(planned?.pools.map(({ purchase }) => purchase))).toEqual(new Set(["on-demand"]));
});

describe("the name of a stack", () => {
  it("is that of an example without its dot too", () => {
    expect(stackNamed(root, "aws-example")).toBe("aws.example");
    expect(stackNamed(root, "kubernetes-cpu-example")).toBe("kubernetes-cpu.example");
  });

  it("is otherwise what was given", () => {
    for (const name of ["dev", "aws.example", "no-such-example"]) expect(stackNamed(root, name)).toBe(name);
  });
});

describe("a base whose training needs more than an L4", () => {
  it("is planned on the larger GPU that its job is cheapest on", async () => {
    const folder = fs.mkdtempSync(path.join(root, "examples", "aws", "test-"));
    try {
      const model = fs.readFileSync(path.join(root, "examples", "aws", "route-gemma-9b.yaml"), "utf8");
      const larger = model.replace(/^base: .*$/m, "base: gemma-3-12b").replace("../mail/", "../../mail/");
      fs.writeFileSync(path.join(folder, "larger.yaml"), larger);
      const { config } = readStackFile(root, "aws.example");
      const files = [path.relative(root, path.join(folder, "larger.yaml"))];
      const { fineTunes, aws } = await loadStackPlan({ root, config, stack: "aws.example", files });
      const [fineTune] = fineTunes;
      expect(fineTune?.gpu).toBe("l40s");
      expect(aws?.pools.find(({ purpose }) => purpose === "training")?.gpu).toBe("l40s");
    } finally {
      fs.rmSync(folder, { recursive: true });
    }
  });
});
