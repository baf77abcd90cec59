import { createHash } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { hubPort } from "../../core/spec/kubernetes.ts";
import { InvalidInput } from "../../core/spec/problems.ts";
import { parseStackConfig } from "../../core/spec/stack.ts";
import type { ClusterFacts } from "../../loading/place.ts";
import { NOTHING_KNOWN } from "../../loading/place.ts";
import { readStackFile } from "../../loading/stack-files.ts";
import { loadStackPlan } from "../../loading/stack-plan.ts";
import { good, replaced, rows } from "../bad-input-cases.ts";
import { CPU_ONLY, TRAINER, VLLM } from "./kubernetes-example.ts";

const cluster = { trainerImage: TRAINER, serverImage: VLLM, gpu: "l4", storageClass: "standard" };
const stackOf = (changes: object = {}, more: Record<string, string> = {}) =>
  parseStackConfig(
    { target: "kubernetes", kubernetes: JSON.stringify({ ...cluster, ...changes }), ...more },
    "Pulumi.test.yaml",
  );

const refusal = async (of: () => unknown): Promise<InvalidInput> => {
  try {
    await of();
  } catch (error) {
    if (error instanceof InvalidInput) return error;
    throw error;
  }
  throw new Error("nothing was refused");
};

describe("the stack key kubernetes", () => {
  it("has a default for everything but images and the storage class", () => {
    expect(stackOf().kubernetes).toMatchObject({
      namespace: null,
      mode: "await",
      backoffLimit: 3,
      accessMode: "ReadWriteOnce",
      gateway: { serviceType: "ClusterIP", replicas: 1 },
    });
  });

  it.each([
    [
      { storageClas: "x" },
      /tuneform:kubernetes\.storageClas: is not a known key → did you mean storageClass\?/,
    ],
    [{ gateway: { replica: 2 } }, /tuneform:kubernetes\.gateway\.replica: .*did you mean replicas\?/],
    [{ trainerImage: "trainer:dev" }, /kubernetes\.trainerImage: trainer:dev has no digest.*allowImageTags/],
    [{ trainerImage: "no such image" }, /kubernetes\.trainerImage: must be an image reference/],
    [
      { storageClass: null },
      /kubernetes\.storageClass: is missing.*kubectl get storageclass.*workspaceClaim/,
    ],
    [{ gpu: "l5" }, /kubernetes\.gpu: must be one of .*\(is "l5"\) → did you mean l4\?/],
    [{ gpu: "t4" }, /kubernetes\.gpu: t4 has no bf16/],
    [{ gpu: null, engine: "vllm" }, /kubernetes\.engine: vllm needs a GPU → set gpu/],
    [{ gpu: null, devicePlugin: "install" }, /kubernetes\.devicePlugin: is for clusters with GPUs/],
    [{ gateway: { nodePort: 30080 } }, /kubernetes\.gateway\.nodePort: is for serviceType NodePort/],
    [{ gateway: { endpoint: "http://x/v1" } }, /kubernetes\.gateway\.endpoint: must end without .*\/v1/],
    [{ apiServerPorts: [] }, /kubernetes\.apiServerPorts: /],
    [{ apiServerPorts: [70000] }, /kubernetes\.apiServerPorts\.0: /],
    [{ apiServerCidr: "10.0.0.1" }, /kubernetes\.apiServerCidr: must be a network such as 10\.0\.0\.1\/32/],
    [{ hubEndpoint: "hub.example.com" }, /kubernetes\.hubEndpoint: must be a URL such as https:/],
    [
      { hubEndpoint: "https://hub.example.com/api/" },
      /kubernetes\.hubEndpoint: .*without a slash at its end/,
    ],
    [{ hubEndpoint: "http://hub:99999" }, /kubernetes\.hubEndpoint: .*a port between 1 and 65535/],
    [{ hubEndpoint: "https://me:secret@hub/api" }, /kubernetes\.hubEndpoint: must not carry .*tokenSecret/],
    [{ cpuRequest: 2 }, /kubernetes\.cpuRequest: must be text.*→ put it in quotes: "2"/],
    [{ namespace: "My_Space" }, /kubernetes\.namespace: must be lower-case letters/],
    [{ workspaceSize: "50GB" }, /kubernetes\.workspaceSize: must be a size such as 50Gi/],
  ])("refuses %j", async (changes, says) => {
    const error = await refusal(() => stackOf(changes));
    expect(error.message).toMatch(says);
    expect(error.message).toMatch(/^Pulumi\.test\.yaml tuneform:kubernetes/);
  });

  it("and the target need each other", async () => {
    const missing = await refusal(() => parseStackConfig({ target: "kubernetes" }, "f"));
    expect(missing.message).toMatch(
      /tuneform:kubernetes: is missing → see Pulumi\.kubernetes\.example\.yaml/,
    );
    // An empty block is Pulumi.yaml's default: without one, `pulumi up` asks for the key on every target.
    expect(parseStackConfig({ kubernetes: "{}" }, "f").kubernetes).toBeNull();
    const odd = await refusal(() => parseStackConfig({ kubernetes: '{"gpu":"l4"}' }, "f"));
    expect(odd.message).toMatch(/tuneform:kubernetes: is for target kubernetes or aws, this is local/);
    const text = await refusal(() => parseStackConfig({ target: "kubernetes", kubernetes: "gpu" }, "f"));
    expect(text.message).toMatch(/tuneform:kubernetes: must be a block of keys/);
  });
});

describe("the port of a hub", () => {
  it.each([
    [null, 443],
    ["https://hub.example.com", 443],
    ["https://hub.example.com:443/api", 443],
    ["http://hub.example.com", 80],
    ["https://hub.example.com:8443/hub", 8443],
  ])("of %s is %i", (endpoint, port) => {
    expect(hubPort(endpoint)).toBe(port);
  });
});

describe("a plan for a cluster", () => {
  let root: string;
  beforeEach(() => (root = fs.mkdtempSync(path.join(os.tmpdir(), "tuneform-cluster-"))));
  afterEach(() => fs.rmSync(root, { recursive: true, force: true }));
  const write = (file: string, content: string | Buffer) => {
    fs.mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
    fs.writeFileSync(path.join(root, file), content);
  };
  const load = (config = stackOf(), known?: ClusterFacts) =>
    loadStackPlan({
      root,
      config,
      stack: "test",
      machine: { memoryBytes: 1, freeDiskBytes: 1, flopsPerSecond: () => 1 },
      ...(known === undefined ? {} : { cluster: () => Promise.resolve(known) }),
    });
  const project = (model = good) => {
    write("models/triage.yaml", model);
    write("data/rows.jsonl", rows(200));
  };

  const sourceOf = (model: string) => (model.includes("smollm2") ? {} : { weights: "hub" });

  it("gives a base that vLLM has no LoRA for a server of its own, and judges what that one loads", async () => {
    const revision = "a".repeat(40);
    const stablelm = replaced(
      "smollm2-135m",
      `{hub: stabilityai/stablelm-2-1_6b-chat, revision: ${revision}}`,
    );
    project(stablelm);
    write("models/second.yaml", stablelm.replace("name: triage", "name: second"));
    const weightsOf = async (changes: object) => {
      const { fineTunes, servers } = await load(stackOf(changes, sourceOf(stablelm)));
      return {
        runs: fineTunes.map(({ run, serving }) => [run.name, run.serve.weights, serving.server]),
        servers: servers.map(({ key, weights, gpuMemory }) => [key, weights, gpuMemory?.slots]),
        judged: fineTunes.map(({ evaluationDigest }) => evaluationDigest),
        runIds: fineTunes.map(({ runId }) => runId),
      };
    };
    const onVllm = await weightsOf({});
    const [second, triage] = ["second", "triage"].map(
      (name) => `stabilityai-stablelm-2-1-6b-chat-${name}-vllm`,
    );
    expect(onVllm.runs).toEqual([
      ["second", "merged", second],
      ["triage", "merged", triage],
    ]);
    expect(onVllm.servers).toEqual([
      [second, "merged", 0],
      [triage, "merged", 0],
    ]);
    const onCpu = await weightsOf({ engine: "cpu" });
    const shared = "stabilityai-stablelm-2-1-6b-chat-cpu";
    expect(onCpu.runs).toEqual([
      ["second", "adapter", shared],
      ["triage", "adapter", shared],
    ]);
    expect(onCpu.runIds).toEqual(onVllm.runIds);
    expect(onCpu.judged).not.toEqual(onVllm.judged);
  });

  it("does not mind what this machine lacks, nor what it could be faster with", async () => {
    project();
    const plan = await load();
    expect(plan.fineTunes[0]?.speedSource).toBe("catalog");
    expect(plan.workspace).toBe("/workspace");
    expect(plan.kubernetes?.namespace).toBe("tuneform-test");
  });

  it("names the run as this machine would, where a CPU trains", async () => {
    project();
    const [here] = (
      await loadStackPlan({
        root,
        config: parseStackConfig({}, "f"),
        stack: "test",
        machine: { memoryBytes: 24e9, freeDiskBytes: 1e12, flopsPerSecond: () => 1e11 },
      })
    ).fineTunes;
    const [there] = (await load(stackOf(CPU_ONLY))).fineTunes;
    expect(there?.runId).toBe(here?.runId);
  });

  it("gives every stage paths of the volume", async () => {
    project();
    const { fineTunes, kubernetes } = await load();
    const [{ path: file, sha256 } = { path: "", sha256: "" }] = fineTunes[0]?.run.data.sources ?? [];
    expect(file).toBe(`/workspace/sources/${sha256}`);
    expect(kubernetes?.dataFiles).toEqual({ [sha256]: path.join(root, "data/rows.jsonl") });
  });

  it("trains in bf16 with an fp32 adapter on a GPU, and scores in the type that serves", async () => {
    project();
    const settings = async (changes: object) => {
      const { train, evaluate, serve } = (await load(stackOf(changes))).fineTunes[0]!.run;
      return [train.computeDtype, train.adapterDtype, evaluate.dtype, serve.dtype];
    };
    expect(await settings({})).toEqual(["bfloat16", "float32", "bfloat16", "bfloat16"]);
    expect(await settings({ engine: "cpu" })).toEqual(["bfloat16", "float32", "float32", "float32"]);
    expect(await settings(CPU_ONLY)).toEqual(["float32", "float32", "float32", "float32"]);
  });

  it("takes what the cluster is known to hold", async () => {
    project();
    const fresh = await load();
    const runId = fresh.fineTunes[0]!.runId;
    const known = { ...NOTHING_KNOWN, current: () => "0123456789ab", runState: () => "reused" as const };
    const [fineTune] = (await load(stackOf(), known)).fineTunes;
    expect(fineTune).toMatchObject({ runId, state: "reused" });
    expect(fineTune?.serving).toMatchObject({ change: "moves", from: "triage-0123456789ab" });
  });

  it.each([
    [
      "a base that is larger than the GPU",
      replaced("smollm2-135m", "gemma-2-9b"),
      { gpu: "l4-eighth" },
      /triage\.yaml:3 base: too little GPU memory: training gemma-2-9b takes at least .* one NVIDIA L4, an eighth has/,
      5,
    ],
    [
      "vLLM without a GPU",
      `${good}serve: { engine: vllm }\n`,
      CPU_ONLY,
      /triage\.yaml:\d+ serve\.engine: vllm needs a GPU.*Pulumi\.test\.yaml, or serve\.engine: cpu/,
      2,
    ],
    [
      "vLLM without its image",
      good,
      { serverImage: null },
      /Pulumi\.test\.yaml tuneform:kubernetes\.serverImage: is missing, and triage is served by vLLM/,
      2,
    ],
    [
      "reports to a service outside",
      replaced("rank: 8", "rank: 8\n  reportTo: wandb"),
      {},
      /triage\.yaml:\d+ train\.reportTo: is wandb, but pods that train reach nothing outside/,
      2,
    ],
    [
      "hours that no GPU keeps",
      `${good}compute: { maxHours: 0.001 }\n`,
      {},
      /triage\.yaml:\d+ compute\.maxHours: is 0\.001, but the fastest job takes/,
      2,
    ],
    [
      "hours that no CPU keeps",
      `${good}compute: { maxHours: 0.001 }\n`,
      CPU_ONLY,
      /triage\.yaml:\d+ compute\.maxHours: is 0\.001, but at least .* \(by assumption\)/,
      2,
    ],
  ])("refuses %s", async (_what, model, changes, says, code) => {
    project(model);
    const error = await refusal(() => load(stackOf(changes, sourceOf(model))));
    expect(error.message).toMatch(says);
    expect(error.exitCode).toBe(code);
  });

  it("refuses data that does not fit into Secrets, with ways out", async () => {
    project();
    const noise = Array.from({ length: 120_000 }, (_, i) =>
      JSON.stringify({
        id: `${i}`,
        text: createHash("sha512").update(String(i)).digest("base64"),
        label: i % 2 ? "spam" : "ham",
      }),
    );
    write("data/rows.jsonl", noise.join("\n"));
    const error = await refusal(() => load(stackOf({}, {})));
    expect(error.message).toMatch(
      /triage\.yaml:\d+ data\.source: rows\.jsonl has [\d.]+ MB compressed; Secrets take up to 7\.2 MB.*existing claim/,
    );
  });

  it("reads the structured key of a stack file, and workspaces of other targets are nobody's", () => {
    const yaml = "config:\n  tuneform:target: kubernetes\n  tuneform:kubernetes:\n    gpu: l4\n";
    write("Pulumi.a.yaml", `${yaml}    storageClass: standard\n    trainerImage: ${TRAINER}\n`);
    expect(readStackFile(root, "a").config.kubernetes).toMatchObject({ gpu: "l4", storageClass: "standard" });
  });
});
