import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BASE_MODELS } from "../../core/catalog/base-models.ts";
import { GPUS } from "../../core/catalog/gpus.ts";
import {
  vllmArguments,
  vllmEnvironment,
  type ServedAdapter,
  type VllmInput,
} from "../../core/kubernetes/vllm-arguments.ts";
import { servingMemory, slotRank } from "../../core/plan/serving-memory.ts";

const adapter = (changes: Partial<ServedAdapter> = {}): ServedAdapter => ({
  fineTune: "triage",
  modelId: "triage-0123456789ab",
  path: "/workspace/runs/0123456789ab/adapter",
  rank: 16,
  ...changes,
});

const input = (changes: Partial<VllmInput> = {}): VllmInput => ({
  model: "/workspace/bases/b179c9523d0e",
  servedModelName: "smollm2-135m",
  dtype: "bfloat16",
  adapters: [adapter()],
  memory: { maxLoraRank: 512, slots: 1, maxModelLength: 2048 },
  port: 8000,
  ...changes,
});

/** Value of `--flag=value`; undefined where the flag is absent. */
function valueOf(flag: string, args: readonly string[]): string | undefined {
  const found = args.filter((argument) => argument.startsWith(`--${flag}=`));
  expect(found.length, flag).toBeLessThanOrEqual(1);
  return found[0]?.slice(flag.length + 3);
}

/** What follows --lora-modules, which is last. */
const modulesOf = (args: readonly string[]) => args.slice(args.indexOf("--lora-modules") + 1);

describe("arguments of `vllm serve`", () => {
  it("are these, whole, for one adapter", () => {
    expect(vllmArguments(input())).toEqual([
      "/workspace/bases/b179c9523d0e",
      "--served-model-name=smollm2-135m",
      "--port=8000",
      "--dtype=bfloat16",
      "--max-model-len=2048",
      "--gpu-memory-utilization=0.92",
      "--generation-config=vllm",
      "--disable-access-log-for-endpoints=/health,/metrics",
      "--shutdown-timeout=45",
      "--enable-lora",
      "--max-lora-rank=16",
      "--max-loras=1",
      "--max-cpu-loras=1",
      "--lora-target-modules",
      ...["q_proj", "k_proj", "v_proj", "o_proj", "qkv_proj"],
      ...["gate_proj", "up_proj", "gate_up_proj", "down_proj"],
      "--lora-modules",
      "triage-0123456789ab=/workspace/runs/0123456789ab/adapter",
    ]);
  });

  it.each([
    [1, "1"],
    [7, "8"],
    [16, "16"],
    [24, "32"],
    [300, "320"],
    [512, "512"],
  ])("round rank %i up to slots of %s", (rank, slot) => {
    const args = vllmArguments(input({ adapters: [adapter({ rank })] }));
    expect(valueOf("max-lora-rank", args)).toBe(slot);
  });

  it("have slots for the largest adapter of the server", () => {
    const adapters = [adapter({ rank: 64 }), adapter({ modelId: "mail-1", rank: 8 })];
    expect(valueOf("max-lora-rank", vllmArguments(input({ adapters })))).toBe("64");
  });

  it("take slots and context from the planner, and keep every version in host memory", () => {
    const { architecture, context } = BASE_MODELS["llama-3.1-8b"];
    const memory = servingMemory(architecture, GPUS.l4, [16, 32], { context, embeddingSlots: false })!;
    const adapters = [
      adapter({ rank: 16 }),
      adapter({ modelId: "mail-2", rank: 32 }),
      adapter({ modelId: "mail-1", rank: 32 }),
    ];
    const args = vllmArguments(input({ adapters, memory }));
    expect(valueOf("max-loras", args)).toBe("2");
    expect(valueOf("max-cpu-loras", args)).toBe("3");
    expect(Number(valueOf("max-model-len", args))).toBe(memory.maxModelLength);
    expect(memory.maxModelLength).toBeLessThan(context);
  });

  it("have nothing of LoRA for merged weights, as StableLM is served", () => {
    expect(BASE_MODELS["stablelm-2-1.6b"].vllmLora).toBe(false);
    const merged = { model: "/workspace/runs/0123456789ab/merged", servedModelName: "triage-0123456789ab" };
    const args = vllmArguments(input({ ...merged, adapters: [] }));
    expect(args[0]).toBe(merged.model);
    expect(args.filter((argument) => argument.includes("lora"))).toEqual([]);
  });

  it("hold no key: it would stand in the pod's specification", () => {
    expect(vllmArguments(input()).join(" ")).not.toContain("api-key");
  });

  it("refuse a rank above 512, and say of which fine-tune", () => {
    const wrong = () => vllmArguments(input({ adapters: [adapter({ rank: 513 })] }));
    expect(wrong).toThrow(
      /^triage: .*1 to 512.*triage-0123456789ab has 513 → set train.rank to 512 or less$/,
    );
  });

  it("refuse adapters larger than the slots that the memory was planned with", () => {
    const memory = { maxLoraRank: 16, slots: 1, maxModelLength: 2048 };
    const wrong = () => vllmArguments(input({ memory, adapters: [adapter({ rank: 17 })] }));
    expect(wrong).toThrow(/slots of rank 32.*planned with rank 16/);
  });

  it("refuse relative paths, which vLLM would look up on the hub", () => {
    expect(() => vllmArguments(input({ model: "bases/x" }))).toThrow(/weights of smollm2-135m.*bases\/x/);
    const relative = adapter({ path: "runs/0123456789ab/adapter" });
    expect(() => vllmArguments(input({ adapters: [relative] }))).toThrow(/^triage: .*relative/);
  });

  it("refuse two models of one name, the base among them", () => {
    const twice = [adapter(), adapter({ path: "/elsewhere" })];
    expect(() => vllmArguments(input({ adapters: twice }))).toThrow(/called triage-0123456789ab/);
    const base = [adapter({ modelId: "smollm2-135m" })];
    expect(() => vllmArguments(input({ adapters: base }))).toThrow(/called smollm2-135m/);
  });

  it.each([{ modelId: "a=b" }, { modelId: "a,b" }, { path: "/runs/a,b" }])(
    "refuse %o, which name=path cannot carry",
    (strange) => {
      expect(() => vllmArguments(input({ adapters: [adapter(strange)] }))).toThrow(/^triage: .*name=path/);
    },
  );

  it("hold for any adapters: a slot for each rank, every path absolute, names as given, in order", () => {
    const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,20}$/);
    const adapters = fc.uniqueArray(
      fc.record({
        fineTune: name,
        modelId: name.map((word) => `${word}-run`),
        path: name.map((word) => `/workspace/runs/${word}/adapter`),
        rank: fc.integer({ min: 1, max: 512 }),
      }),
      { selector: ({ modelId }) => modelId, minLength: 1, maxLength: 12 },
    );
    fc.assert(
      fc.property(adapters, fc.integer({ min: 1, max: 12 }), (served, slots) => {
        const memory = { maxLoraRank: 512, slots, maxModelLength: 2048 };
        const args = vllmArguments(input({ adapters: served, memory }));
        const rank = Number(valueOf("max-lora-rank", args));
        expect(rank).toBe(slotRank(served.map((each) => each.rank)));
        for (const each of served) expect(rank).toBeGreaterThanOrEqual(each.rank);
        expect(Number(valueOf("max-cpu-loras", args))).toBeGreaterThanOrEqual(slots);
        expect(modulesOf(args)).toEqual(served.map(({ modelId, path }) => `${modelId}=${path}`));
      }),
    );
  });

  it("are refused for any rank that vLLM has no slot for", () => {
    const outside = fc.oneof(fc.integer({ max: 0 }), fc.integer({ min: 513 }));
    fc.assert(
      fc.property(outside, (rank) => {
        expect(() => vllmArguments(input({ adapters: [adapter({ rank })] }))).toThrow(RangeError);
      }),
    );
  });
});

describe("environment of the server", () => {
  it("asks nobody outside, reports to nobody, and opens no route that changes the engine", () => {
    expect(vllmEnvironment()).toEqual({
      VLLM_NO_USAGE_STATS: "1",
      DO_NOT_TRACK: "1",
      HF_HUB_OFFLINE: "1",
      VLLM_ALLOW_RUNTIME_LORA_UPDATING: "0",
      VLLM_SERVER_DEV_MODE: "0",
    });
  });
});
