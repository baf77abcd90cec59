import { createHash } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { InvalidInput } from "../../core/spec/problems.ts";
import { parseStackConfig } from "../../core/spec/stack.ts";
import { readBaseFolder } from "../../loading/base-folder.ts";
import type { MachineFacts } from "../../loading/machine.ts";
import { loadStackPlan } from "../../loading/stack-plan.ts";
import { finishedTrainings, runState } from "../../loading/workspace.ts";
import { good, replaced, rows } from "../bad-input-cases.ts";

const machine: MachineFacts = { memoryBytes: 24e9, freeDiskBytes: 1e12, flopsPerSecond: () => 1e11 };

let root: string;
beforeEach(() => (root = fs.mkdtempSync(path.join(os.tmpdir(), "tuneform-loading-"))));
afterEach(() => fs.rmSync(root, { recursive: true, force: true }));

function write(file: string, content: string): string {
  const absolute = path.join(root, file);
  fs.mkdirSync(path.dirname(absolute), { recursive: true });
  fs.writeFileSync(absolute, content);
  return absolute;
}
const load = (files?: string[]) =>
  loadStackPlan({
    root,
    config: parseStackConfig({ workspace: "workspace" }, "Pulumi.test.yaml"),
    stack: "test",
    machine,
    ...(files === undefined ? {} : { files }),
  });

describe("data files", () => {
  it("are read once, however many fine-tunes share them", async () => {
    const data = write("data/rows.jsonl", rows(100));
    for (const name of ["one", "two", "three"]) write(`models/${name}.yaml`, replaced("triage", name));
    const read = vi.spyOn(fs, "readFileSync");
    const { fineTunes } = await load();
    const times = read.mock.calls.filter(([file]) => file === data).length;
    read.mockRestore();
    expect(fineTunes).toHaveLength(3);
    expect(times).toBe(1);
  });

  it("that are shared are checked against each fine-tune's own labels, and problems name each", async () => {
    write("data/rows.jsonl", rows(100));
    write("models/one.yaml", replaced("triage", "one"));
    for (const name of ["two", "three"])
      write(
        `models/${name}.yaml`,
        good.replace("triage", name).replace("labels: [spam, ham]", "labels: [spam, eggs]"),
      );
    const error = await load().catch((thrown: unknown) => thrown);
    const { problems } = error as InvalidInput;
    expect(
      problems.filter(({ message }) => message.includes('the label "ham" is not declared')),
    ).toHaveLength(2);
  });

  it("are named by the digest of their bytes, a byte order mark included", async () => {
    const content = `\uFEFF${rows(100)}`;
    write("data/rows.jsonl", content);
    write("models/triage.yaml", good);
    const [plan] = (await load()).fineTunes;
    expect(plan?.run.data.sources[0]?.sha256).toBe(createHash("sha256").update(content).digest("hex"));
  });

  it("of all formats with the same words have the same size", async () => {
    const words = Array.from({ length: 100 }, (_, i) => [`question ${i}`, i % 2 ? "spam" : "ham"] as const);
    const turns = (role: string, content: string, [q, a]: readonly [string, string], first: string) => [
      { [role]: first, [content]: q },
      { [role]: "assistant", [content]: a },
    ];
    const formats: Record<string, (pair: readonly [string, string]) => object> = {
      alpaca: ([instruction, output]) => ({ instruction, output }),
      chat: (pair) => ({ messages: turns("role", "content", pair, "user") }),
      sharegpt: (pair) => ({ conversations: turns("from", "value", pair, "human") }),
      "prompt-completion": ([prompt, completion]) => ({ prompt, completion }),
    };
    const tokens = new Set<number>();
    for (const [format, rowOf] of Object.entries(formats)) {
      write("data/rows.jsonl", words.map((pair) => JSON.stringify(rowOf(pair))).join("\n"));
      write(
        "models/triage.yaml",
        replaced("fields: { id: id, question: text, answer: label }", `format: ${format}`),
      );
      tokens.add((await load()).fineTunes[0]?.tokens ?? 0);
    }
    expect(tokens.size).toBe(1);
  });

  it("may lack what is optional in some rows", async () => {
    const some = rows(99).replaceAll(/"id":"r[0-4]?[0-9]",/g, "");
    write("data/rows.jsonl", some);
    write("models/triage.yaml", good);
    expect((await load()).fineTunes).toHaveLength(1);
  });

  it("with any rows at all give a plan or problems, and never throw anything else", async () => {
    const value = fc.oneof(fc.jsonValue(), fc.constantFrom("spam", null, [null], [{}], { role: 1 }));
    const anyRow = fc.dictionary(
      fc.constantFrom("text", "label", "messages", "conversations", "prompt", "completion", "__proto__"),
      value,
    );
    const format = fc.constantFrom("fields", "alpaca", "chat", "sharegpt", "prompt-completion", "csv");
    await fc.assert(
      fc.asyncProperty(format, fc.array(fc.oneof(anyRow, value), { maxLength: 8 }), async (name, list) => {
        write("data/rows.jsonl", list.map((row) => JSON.stringify(row)).join("\n"));
        const mapped = ["fields", "csv"].includes(name);
        const fields = mapped ? "fields: { question: text, answer: label }, " : "";
        write(
          "models/triage.yaml",
          `name: triage\ntask: generation\nbase: smollm2-135m\n` +
            `data: { source: { file: ../data/rows.jsonl }, ${fields}format: ${name}, ` +
            `thresholds: { minTrainRows: 1, minTestRows: 1 } }\n`,
        );
        await load().catch((error: unknown) => expect(error).toBeInstanceOf(InvalidInput));
      }),
      { numRuns: 150 },
    );
  });
});

describe("choosing files", () => {
  it("looks at those only, wherever they are", async () => {
    write("data/rows.jsonl", rows(100));
    write("models/broken.yaml", "name: [");
    write("drafts/triage.yaml", good);
    expect((await load(["drafts/triage.yaml"])).fineTunes).toHaveLength(1);
    await expect(load(["drafts/none.yaml"])).rejects.toThrow(/drafts\/none\.yaml: cannot be read/);
  });
});

describe("a base in a folder", () => {
  const config = {
    num_hidden_layers: 2,
    hidden_size: 64,
    num_attention_heads: 4,
    num_key_value_heads: null,
    intermediate_size: 128,
    vocab_size: 256,
  };

  it("has the digest of the names and contents of its files, also of large ones", () => {
    const weights = Buffer.alloc(9 * 1024 * 1024 + 17, "weights");
    write("base/config.json", JSON.stringify(config));
    fs.writeFileSync(path.join(root, "base", "model.safetensors"), weights);
    write("base/notes/ignored.json", "{}");
    const hash = createHash("sha256");
    for (const [name, content] of [
      ["config.json", Buffer.from(JSON.stringify(config))],
      ["model.safetensors", weights],
    ] as const)
      hash.update(name).update(createHash("sha256").update(content).digest());
    const found = readBaseFolder(path.join(root, "base"));
    expect(found).toMatchObject({
      digest: hash.digest("hex"),
      architecture: { keyValueHeads: 4, headDim: 16 },
    });
  });

  it.each([
    ["is not JSON", "{", /config\.json is not JSON/],
    ["lacks sizes", "{}", /is not that of a decoder: see num_hidden_layers, hidden_size/],
    ["has words for sizes", JSON.stringify({ ...config, hidden_size: "big" }), /see hidden_size/],
  ])("is refused where its config.json %s", (_what, content, says) => {
    write("base/config.json", content);
    write("base/model.safetensors", "x");
    expect(readBaseFolder(path.join(root, "base"))).toMatch(says);
  });
});

describe("the workspace", () => {
  const run = (id: string, file: string, content: object) =>
    write(`workspace/runs/${id}/${file}`, JSON.stringify(content));

  it("knows which runs are finished, begun or not there", () => {
    run("finished", "training.json", {});
    run("begun", "checkpoints/checkpoint-1/state.json", {});
    const workspace = path.join(root, "workspace");
    expect(["finished", "begun", "other"].map((id) => runState(workspace, id))).toEqual([
      "reused",
      "resumes",
      "new",
    ]);
  });

  it("gives the speed of the newest training of each base, and steps over what is half-written", () => {
    for (const [id, base, tokensPerSecond, at] of [
      ["a", "small", 100, 1],
      ["b", "small", 200, 3],
      ["c", "small", 150, 2],
      ["d", "large", 7, 1],
    ] as const) {
      run(id, "run.json", { base: { id: base } });
      fs.utimesSync(run(id, "training.json", { tokensPerSecond }), at, at);
    }
    write("workspace/runs/e/training.json", "{");
    const { lastOf } = finishedTrainings(path.join(root, "workspace"));
    expect(lastOf("large")!.speed).toEqual({ source: "last run", tokensPerSecond: 7, train: null });
    expect(lastOf("small")!.speed).toEqual({ source: "last run", tokensPerSecond: 200, train: null });
    expect(lastOf("other")).toBeNull();
  });
});
