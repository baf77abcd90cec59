import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import fg from "fast-glob";
import { loadAll } from "js-yaml";
import { execa } from "execa";
import { beforeAll, describe, expect, it } from "vitest";
import { VLLM_LORA } from "../../core/catalog/hub-families.ts";
import { vllmArguments, type ServedAdapter, type VllmInput } from "../../core/kubernetes/vllm-arguments.ts";
import { vllmPython } from "./environment.ts";
import { COMMAND_LINE } from "./server.ts";

type Parsed = Record<string, unknown> & { error?: string };

const adapter = (rank: number, modelId = `triage-${rank}`): ServedAdapter => ({
  fineTune: "triage",
  modelId,
  path: `/workspace/runs/${modelId}/adapter`,
  rank,
});

const input = (changes: Partial<VllmInput>): VllmInput => ({
  model: "/workspace/bases/b179c9523d0e",
  servedModelName: "smollm2-135m",
  dtype: "bfloat16",
  adapters: [],
  memory: { maxLoraRank: 512, slots: 1, maxModelLength: 2048 },
  port: 8000,
  ...changes,
});

const cases: Record<string, VllmInput> = {
  ...Object.fromEntries(
    [1, 2, 8, 9, 16, 24, 64, 100, 200, 300, 512].map((rank) => [
      `rank ${rank}`,
      input({ adapters: [adapter(rank)] }),
    ]),
  ),
  "current and previous version of two fine-tunes": input({
    adapters: [adapter(8), adapter(16), adapter(8, "mail-1"), adapter(64, "mail-2")],
    memory: { maxLoraRank: 64, slots: 2, maxModelLength: 8192 },
  }),
  "more slots than adapters": input({
    adapters: [adapter(8)],
    memory: { maxLoraRank: 8, slots: 4, maxModelLength: 256 },
  }),
  "merged weights": input({ model: "/workspace/runs/a/merged", servedModelName: "triage-a" }),
  "a base by its hub id, in 32 bits": input({
    servedModelName: "acme/model-1.6b",
    dtype: "float32",
    adapters: [adapter(8)],
  }),
};

const good = vllmArguments(input({ adapters: [adapter(16)] }));
const changed = (from: string, to: string) => good.map((each) => (each === from ? to : each));
const wrong: Record<string, [args: string[], says: RegExp]> = {
  "an unknown flag": [["--max-lora-ranks=16", ...good.slice(1)], /unrecognized arguments.*max-lora-ranks/],
  "a rank without a slot": [changed("--max-lora-rank=16", "--max-lora-rank=24"), /max-lora-rank.*24/],
  "fewer adapters in host memory than slots": [changed("--max-loras=1", "--max-loras=2"), /max_cpu_loras/],
  "an adapter that is no name=path": [[...good, "triage"], /lora-modules/],
};

/** `vllm serve` arguments in rendered manifests, by file. */
function renderedArguments(): Record<string, string[]> {
  const golden = path.join(import.meta.dirname, "..", "golden");
  const found: Record<string, string[]> = {};
  for (const file of fg.sync("**/*.yaml", { cwd: golden }))
    for (const manifest of loadAll(fs.readFileSync(path.join(golden, file), "utf8")) as Manifest[])
      for (const { args = [] } of manifest?.spec?.template?.spec?.containers ?? [])
        if (args.some((argument) => argument.startsWith("--served-model-name"))) found[file] = args;
  return found;
}

type Manifest = { spec?: { template?: { spec?: { containers?: { args?: string[] }[] } } } } | null;

const python = await vllmPython();
const rendered = renderedArguments();

describe.runIf(python !== null)("the parser of vLLM", () => {
  let answers: Parsed[];
  const lists = [
    ...Object.values(cases).map(vllmArguments),
    ...Object.values(wrong).map(([args]) => args),
    ...Object.values(rendered),
  ];
  const names = [...Object.keys(cases), ...Object.keys(wrong), ...Object.keys(rendered)];
  const answerOf = (name: string) => answers[names.indexOf(name)]!;

  let refusals: (string | null)[];
  const peft = fs.mkdtempSync(path.join(os.tmpdir(), "tuneform-peft-"));

  // One process for all: it imports torch.
  beforeAll(async () => {
    const config = { peft_type: "LORA", r: 24, lora_alpha: 48, target_modules: ["q_proj"], bias: "none" };
    fs.writeFileSync(path.join(peft, "adapter_config.json"), JSON.stringify(config));
    const adapters = [32, 16].map((slot) => ({
      path: peft,
      arguments: changed("--max-lora-rank=16", `--max-lora-rank=${slot}`),
    }));
    const { stdout } = await execa(python!, [COMMAND_LINE, "check"], {
      input: JSON.stringify({ arguments: lists, adapters }),
    });
    ({ arguments: answers, adapters: refusals } = JSON.parse(stdout) as {
      arguments: Parsed[];
      adapters: (string | null)[];
    });
    fs.rmSync(peft, { recursive: true });
  });

  it.each(Object.entries(cases))("takes the arguments for %s, and reads them as meant", (name, meant) => {
    const parsed = answerOf(name);
    expect(parsed.error).toBeUndefined();
    expect(parsed).toMatchObject({
      model_tag: meant.model,
      served_model_name: [meant.servedModelName],
      port: 8000,
      dtype: meant.dtype,
      max_model_len: meant.memory.maxModelLength,
      gpu_memory_utilization: 0.92,
      generation_config: "vllm",
      disable_access_log_for_endpoints: "/health,/metrics",
      shutdown_timeout: 45,
      lora_modules: meant.adapters.map(({ modelId, path }) => [modelId, path]),
      api_key: null,
    });
    expect(Boolean(parsed["enable_lora"])).toBe(meant.adapters.length > 0);
    if (meant.adapters.length === 0) return;
    const largest = Math.max(...meant.adapters.map(({ rank }) => rank));
    expect(parsed["max_lora_rank"]).toBeGreaterThanOrEqual(largest);
    expect(parsed["max_loras"]).toBe(meant.memory.slots);
    expect(parsed["lora_target_modules"]).toContain("gate_up_proj");
    expect(parsed["lora_target_modules"]).toHaveLength(9);
  });

  it.each(Object.entries(wrong))("refuses %s", (name, [, says]) => {
    expect(answerOf(name).error).toMatch(says);
  });

  it("takes an adapter in a slot of its rank rounded up, and refuses it in a smaller one", () => {
    expect(refusals).toEqual([null, "LoRA rank 24 is greater than max_lora_rank 16."]);
  });

  it.skipIf(Object.keys(rendered).length === 0)("takes what the rendered manifests hold", () => {
    for (const name of Object.keys(rendered)) expect(answerOf(name).error, name).toBeUndefined();
  });
});

describe.runIf(python !== null)("LoRA of vLLM", () => {
  it("is there for the families of which the catalog says so, and for no other of them", async () => {
    const script = path.join(import.meta.dirname, "lora_support.py");
    const input = JSON.stringify(Object.keys(VLLM_LORA));
    const { stdout } = await execa(python!, [script], { input });
    expect(JSON.parse(stdout)).toEqual(VLLM_LORA);
  });
});
