import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { addModel, describe as describeAdded } from "../../cli/models-add.ts";
import { listed } from "../../cli/models-list.ts";
import { parameterCount } from "../../core/catalog/architecture.ts";
import { BASE_MODELS } from "../../core/catalog/base-models.ts";
import { suggestedId } from "../../core/catalog/derived-entry.ts";
import { parseStackConfig } from "../../core/spec/stack.ts";
import { parseCatalog, readCatalog } from "../../loading/catalog.ts";
import { readInstances } from "../../loading/hardware.ts";
import { loadStackPlan } from "../../loading/stack-plan.ts";
import { replaced, rows } from "../bad-input-cases.ts";
import { CONFIGS } from "./hub-configs.ts";

const REVISION = "0123456789abcdef0123456789abcdef01234567";
const smollm2 = CONFIGS["smollm2-360m"]!;

let root: string;
beforeEach(() => (root = fs.mkdtempSync(path.join(os.tmpdir(), "tuneform-models-"))));
afterEach(() => fs.rmSync(root, { recursive: true, force: true }));

const write = (file: string, content: string): string => {
  const absolute = path.join(root, file);
  fs.mkdirSync(path.dirname(absolute), { recursive: true });
  fs.writeFileSync(absolute, content);
  return absolute;
};
const read = () => fs.readFileSync(path.join(root, "catalog.yaml"), "utf8");
const add = (hubId: string, config: object = smollm2, told: { revision?: string; id?: string } = {}) =>
  addModel(root, "catalog.yaml", hubId, { config: write("config.json", JSON.stringify(config)), ...told });
const catalog = () => {
  const found = readCatalog(root, "catalog.yaml", "Pulumi.test.yaml");
  if ("problems" in found) throw new Error(JSON.stringify(found.problems));
  return found.catalog;
};

describe("models add", () => {
  it("puts the model into the catalog, counted, with what is left to fill in", () => {
    const added = add("acme/SmolLM2-360M_Mail");
    expect(added).toMatchObject({ id: "smollm2-360m-mail", parameters: 361_821_120 });
    expect(added.unknown.map(({ field }) => field)).toEqual([
      "revision",
      "publishedParameters",
      "licence",
      "gated",
    ]);
    const text = describeAdded(added);
    expect(text).toContain("361,821,120 parameters");
    expect(text).toContain("bases.smollm2-360m-mail.revision: a commit hash");
    expect(catalog().get("smollm2-360m-mail")).toEqual(added.entry);
  });

  it.each([
    ["mistral-7b-v0.3", true],
    ["stablelm-2-1.6b", false],
  ])("knows whether vLLM serves adapters of one like %s: %s", (id, vllmLora) => {
    expect(add("acme/other", CONFIGS[id]).entry.vllmLora).toBe(vllmLora);
  });

  it("doubts the count of a family that it does not know", () => {
    const added = add("acme/odd", { ...smollm2, model_type: "odd" });
    expect(describeAdded(added)).toMatch(/Warning: odd is not among .*compare the count with the model card/);
  });

  it("says that it does not know whether vLLM serves adapters of a strange type", () => {
    expect(add("acme/odd", { ...smollm2, model_type: "odd" }).unknown.map(({ field }) => field)).toContain(
      "vllmLora",
    );
  });

  it("leaves what the file says as it is, comments and all", () => {
    add("acme/first");
    const before = read().replace("gated: null", "gated:   true # asked legal");
    write("catalog.yaml", before);
    add("acme/second");
    expect(read().startsWith(before)).toBe(true);
    expect([...catalog().keys()].slice(-2)).toEqual(["first", "second"]);
  });

  it.each(["bases: {}\n", "bases:\n    # none yet\n    {}\n"])("fills a file without entries: %j", (text) => {
    write("catalog.yaml", text);
    add("acme/first");
    expect(catalog().has("first")).toBe(true);
  });

  it("adds to a file whose entries are in braces", () => {
    add("acme/first");
    write("catalog.yaml", JSON.stringify({ bases: { first: catalog().get("first") } }));
    add("acme/second");
    expect(catalog().has("first") && catalog().has("second")).toBe(true);
  });

  it("refuses an id that is there, names its line, and changes nothing", () => {
    add("acme/first");
    const before = read();
    expect(() => add("acme/first")).toThrow(/catalog\.yaml:3 bases\.first: first is there already → .*--id/);
    expect(read()).toBe(before);
  });

  it.each(["qwen-3-8b", "qwen-2-5-7b"])("refuses %s, which is or looks like a base of Tuneform's", (id) => {
    expect(() => add("acme/first", smollm2, { id })).toThrow(/is taken: .* → .*--id own-qwen-/);
    expect(fs.existsSync(path.join(root, "catalog.yaml"))).toBe(false);
  });

  it("refuses to touch a catalog file with a fault, and says where", () => {
    write("catalog.yaml", "bases:\n  first: { hubId: acme/first }\n");
    expect(() => add("acme/second")).toThrow(/catalog\.yaml:2 bases\.first\.revision: is missing/);
  });

  it("refuses a config.json that is not there or not of a decoder", () => {
    const told = { config: path.join(root, "none.json") };
    expect(() => addModel(root, "catalog.yaml", "acme/first", told)).toThrow(/none\.json cannot be read/);
    expect(() => add("acme/first", {})).toThrow(/not that of a decoder: see num_hidden_layers/);
  });

  it.each([
    ["Qwen/Qwen2.5-3B-Instruct", "qwen2.5-3b-instruct"],
    ["a/_Odd__Name-.v1_", "odd-name-v1"],
  ])("calls %s %s", (hubId, id) => expect(suggestedId(hubId)).toBe(id));
});

describe("docs/catalog.md", () => {
  const docs = fs.readFileSync(path.resolve(import.meta.dirname, "../../docs/catalog.md"), "utf8");
  const example = (file: string) => new RegExp(`# ${file}\\n([^]*?)\`\`\``).exec(docs)![1]!;

  it("shows a catalog file and a hardware file that are valid", () => {
    expect(parseCatalog(example("catalog.yaml"), "catalog.yaml")).toHaveProperty("catalog");
    write("hardware.yaml", example("hardware.yaml"));
    const found = readInstances(root, "hardware.yaml", "Pulumi.test.yaml");
    expect(found).toMatchObject({
      instances: [{ type: "lab" }, { type: "g6.xlarge" }, { type: "p5.48xlarge" }],
    });
  });
});

describe("a hardware file", () => {
  it("is refused with the line of a price whose type is not there", () => {
    write("hardware.yaml", "date: 2026-11-01\nprices:\n  g6.xlarge: 0.5\n  p5.nano: 0\n");
    expect(readInstances(root, "hardware.yaml", "Pulumi.test.yaml")).toMatchObject({
      problems: [{ path: "prices.p5.nano", line: 4 }],
    });
  });
});

describe("a catalog file", () => {
  const problemsOf = (change: (text: string) => string): string => {
    add("acme/first", smollm2, { revision: REVISION });
    const found = parseCatalog(change(read()), "catalog.yaml");
    return "problems" in found ? found.problems.map((p) => JSON.stringify(p)).join("\n") : "";
  };

  it.each([
    ["an unknown key", "gated:", "gatd:", /gatd.*"line":\d+.*did you mean gated\?/],
    ["an unknown key of an architecture", "layers:", "layrs:", /architecture\.layrs.*did you mean layers\?/],
    ["a branch for a revision", REVISION, "main", /revision.*a branch can move/],
    [
      "a count that the architecture does not have",
      "publishedParameters: null",
      "publishedParameters: 135000000",
      /361,821,120 parameters, 168\.0 % from it/,
    ],
    [
      "heads that cannot share",
      "keyValueHeads: 5",
      "keyValueHeads: 4",
      /"line":10,.*15 heads cannot share 4/,
    ],
    ["an id in capitals", "  first:", "  First:", /bases\.First.*lower-case letters/],
    ["an id of Tuneform's", "  first:", "  qwen-3-8b:", /"line":3.*qwen-3-8b is taken/],
    ["a second block", "bases:", "more: 1\nbases:", /"path":"more".*is not a known key/],
  ])("is refused with %s", (_what, from, to, says) => {
    expect(problemsOf((text) => text.replace(from, to))).toMatch(says);
  });

  it("need not be there, unless a stack names another one", () => {
    expect(catalog().size).toBe(Object.keys(BASE_MODELS).length);
    const found = readCatalog(root, "bases.yaml", "Pulumi.test.yaml");
    expect(found).toMatchObject({
      problems: [
        {
          file: "Pulumi.test.yaml",
          path: "tuneform:catalog",
          message: expect.stringMatching("cannot be read") as string,
        },
      ],
    });
  });

  it("is listed with Tuneform's, smallest first", () => {
    add("acme/first");
    const models = listed(catalog());
    expect(models.find(({ id }) => id === "first")).toMatchObject({ isOwn: true, parameters: 361_821_120 });
    const counts = models.map(({ parameters }) => parameters);
    expect(counts).toEqual(counts.toSorted((a, b) => a - b));
  });
});

describe("a model file with a base of the project's own", () => {
  const machine = { memoryBytes: 64e9, freeDiskBytes: 1e12, flopsPerSecond: () => 1e11 };
  const plan = async () => {
    write("data/rows.jsonl", rows(100));
    write("models/triage.yaml", replaced("smollm2-135m", "first"));
    const config = parseStackConfig({ workspace: "workspace", port: "1024" }, "Pulumi.test.yaml");
    const { fineTunes } = await loadStackPlan({ root, config, stack: "test", machine });
    return fineTunes[0]!;
  };

  it("is planned in full: memory, time, dollars, weights at the pinned revision", async () => {
    const { entry } = add("acme/first", smollm2, { revision: REVISION });
    const { run, memory, seconds, flight } = await plan();
    expect(run.base).toMatchObject({ id: "first", hubId: "acme/first", revision: REVISION });
    expect(memory!.peakBytes).toBeGreaterThan(parameterCount(entry.architecture) * 2);
    expect(seconds!.expected).toBeGreaterThan(0);
    expect(flight!.best!.cost.expected).toBeGreaterThan(0);
  });

  it("is refused until its revision is pinned, and told where", async () => {
    add("acme/first");
    await expect(plan()).rejects.toThrow(
      /base: first has no verified hub revision .* → set bases\.first\.revision in catalog\.yaml/,
    );
  });
});
