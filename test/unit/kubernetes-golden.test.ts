import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { load } from "js-yaml";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { exampleImages } from "../../core/kubernetes/images.ts";
import type { RenderedFile } from "../../core/kubernetes/render.ts";
import { writeDatasets } from "../../examples/mail/build.ts";
import { renderStack } from "../../loading/render.ts";
import { writeRendered } from "../../loading/render-folder.ts";
import { readStackFile } from "../../loading/stack-files.ts";
import { loadStackPlan } from "../../loading/stack-plan.ts";
import { root } from "./kubernetes-example.ts";

/**
 * The example stacks as they are rendered. After a wanted change:
 * `UPDATE_GOLDEN=1 npx vitest run test/unit/kubernetes-golden.test.ts`, and read the difference.
 */
const golden = (name: string) => path.join(root, "test", "golden", "kubernetes", name);
const isUpdate = process.env["UPDATE_GOLDEN"] === "1";

const examples = [
  ["gpu", "kubernetes.example"],
  ["cpu", "kubernetes-cpu.example"],
] as const;

const planOf = async (stack: string) => {
  const { config } = readStackFile(root, stack);
  return loadStackPlan({ root, config, stack });
};

beforeAll(async () => {
  const data = path.join(root, "examples", "mail", "data");
  if (!fs.existsSync(path.join(data, "mail-routing.jsonl"))) await writeDatasets(data);
});

describe.each(examples)("the example stack for %s clusters", (name, stack) => {
  it("renders as the golden files say", async () => {
    const files = renderStack(await planOf(stack), root, false);
    if (isUpdate) writeRendered(golden(name), files);
    const kept = fs.readdirSync(golden(name)).filter((file) => !file.startsWith("."));
    expect(kept.sort()).toEqual(files.map(({ file }) => file).sort());
    for (const { file, text } of files)
      expect(fs.readFileSync(path.join(golden(name), file), "utf8"), file).toBe(text);
  });

  it("renders the same again, as YAML that says what was built", async () => {
    const [first, second] = [await planOf(stack), await planOf(stack)].map((plan) =>
      renderStack(plan, root, true),
    );
    expect(second).toEqual(first);
    for (const { text, kind, name } of first ?? []) {
      const document = load(text) as { kind: string; metadata: { name: string } };
      expect([document.kind, document.metadata.name]).toEqual([kind, name]);
    }
  });

  it("has no path of this machine in it", async () => {
    for (const { text } of renderStack(await planOf(stack), root, true)) expect(text).not.toContain(root);
  });
});

describe("images of the examples", () => {
  it("are told to be examples where they have a digest", async () => {
    const keys = exampleImages(await planOf("kubernetes.example")).map(({ key }) => key);
    expect(keys).toEqual(["tuneform:kubernetes.trainerImage", "tuneform:kubernetes.serverImage"]);
  });
});

describe("a folder of rendered files", () => {
  let folder: string;
  beforeEach(() => (folder = fs.mkdtempSync(path.join(os.tmpdir(), "tuneform-render-"))));
  afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));
  const file = (name: string): RenderedFile => ({ file: name, text: `${name}\n`, kind: "Job", name });
  const found = () =>
    fs
      .readdirSync(folder)
      .filter((name) => !name.startsWith("."))
      .sort();

  it("loses what an earlier render wrote and this one does not", () => {
    writeRendered(folder, [file("00-a.yaml"), file("01-b.yaml")]);
    writeRendered(folder, [file("00-b.yaml")]);
    expect(found()).toEqual(["00-b.yaml"]);
  });

  it("keeps the files of others", () => {
    fs.writeFileSync(path.join(folder, "kustomization.yaml"), "mine");
    writeRendered(folder, [file("00-a.yaml")]);
    writeRendered(folder, []);
    expect(found()).toEqual(["kustomization.yaml"]);
  });

  it("is refused where a file of someone else has the name of one", () => {
    fs.writeFileSync(path.join(folder, "00-a.yaml"), "mine");
    expect(() => writeRendered(folder, [file("00-a.yaml")])).toThrow(/00-a\.yaml was not rendered/);
    expect(fs.readFileSync(path.join(folder, "00-a.yaml"), "utf8")).toBe("mine");
  });
});
