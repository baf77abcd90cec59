import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { vllmArguments } from "../../core/kubernetes/vllm-arguments.ts";
import { freePort } from "../engine/project.ts";
import { vllmPython } from "./environment.ts";
import { VllmServer } from "./server.ts";
import { LABELS, TrainedRun, type EncodedRow } from "./trained-run.ts";

/**
 * Nats a token. Both compute in float32 from the same tokens, so that only the order of additions differs:
 * 1e-6 was measured, and an adapter that is not applied, scaled by another alpha or given another prompt is
 * off by more than 0.1.
 */
const TOLERANCE = 0.001;

interface Completion {
  choices: { prompt_logprobs: (Record<string, { logprob: number }> | null)[] }[];
}
interface Chat {
  choices: { message: { content: string }; finish_reason: string }[];
}

const python = await vllmPython();

describe.runIf(python !== null)("`vllm serve` with an adapter that the trainer made and published", () => {
  let made: TrainedRun;
  let server: VllmServer;
  let rows: EncodedRow[];

  beforeAll(async () => {
    made = await TrainedRun.make();
    rows = await made.testRows();
    const port = await freePort();
    const args = vllmArguments({
      model: made.base,
      servedModelName: "tiny",
      dtype: made.run.serve.dtype,
      adapters: [{ fineTune: made.run.name, modelId: made.modelId, path: made.adapter, rank: 8 }],
      memory: { maxLoraRank: 8, slots: 1, maxModelLength: made.run.serve.maxLength },
      port,
    });
    server = await VllmServer.start(python!, ["--host=127.0.0.1", ...args], port);
    console.log(`vLLM answered after ${Math.round(server.startSeconds)} s`);
  });

  // Also where a test or the start failed: no process is left behind.
  afterAll(async () => {
    await server?.stop();
    made?.remove();
  });

  const chat = async (model: string, row: EncodedRow) => {
    const request = { model, messages: row.messages, temperature: 0, max_tokens: 8 };
    return (await server.post<Chat>("/v1/chat/completions", request)).body.choices[0]!;
  };

  /** Log-probability of each label of a row, as sums over its tokens; in one batch, as requests meet. */
  const chances = async (model: string, { prompt, completions }: EncodedRow) => {
    const prompts = completions.map((completion) => [...prompt, ...completion]);
    const request = { model, prompt: prompts, max_tokens: 1, temperature: 0, prompt_logprobs: 0 };
    const { body } = await server.post<Completion>("/v1/completions", request);
    return completions.map((completion, i) =>
      completion
        .map((token, k) => body.choices[i]!.prompt_logprobs[prompt.length + k]![String(token)]!.logprob)
        .reduce((sum, chance) => sum + chance, 0),
    );
  };

  const contestants = () => ({ base: "tiny", tuned: made.modelId });

  it("offers the base and the adapter, whose parent is the base", async () => {
    const response = await fetch(`${server.url}/v1/models`);
    const { data } = (await response.json()) as { data: { id: string; parent: string | null }[] };
    expect(data.map(({ id, parent }) => [id, parent])).toEqual([
      ["tiny", null],
      [made.modelId, "tiny"],
    ]);
  });

  it("makes the same tokens of a conversation as the trainer: template and tokenizer are the same", async () => {
    for (const { messages, prompt } of rows) {
      const { body } = await server.post<{ tokens: number[] }>("/tokenize", { model: "tiny", messages });
      expect(body.tokens).toEqual(prompt);
    }
  });

  it.each(["base", "tuned"] as const)(
    "gives the %s the probabilities that the gate has seen",
    async (who) => {
      const evaluation = made.evaluation();
      let nll = 0;
      for (const row of rows) {
        const found = await chances(contestants()[who], row);
        const best = LABELS[found.indexOf(Math.max(...found))];
        expect(best, row.id).toBe(evaluation.rows.find(({ id }) => id === row.id)?.[who]);
        const right = LABELS.indexOf(row.reference);
        nll -= found[right]! / row.completions[right]!.length / rows.length;
      }
      console.log(`${who}: ${nll} nats a token served, ${evaluation.nll[who]} evaluated`);
      expect(Math.abs(nll - evaluation.nll[who])).toBeLessThan(TOLERANCE);
    },
  );

  it("answers with the adapter as the evaluation did, and ends its answers; the base answers otherwise", async () => {
    const { details } = made.evaluation();
    expect(details.tuned.generatedAccuracy).toBeGreaterThan(0.9);
    const tuned = await Promise.all(rows.map((row) => chat(made.modelId, row)));
    const right = tuned.filter(({ message }, i) => message.content === rows[i]!.reference);
    expect(right.length / rows.length).toBe(details.tuned.generatedAccuracy);
    expect(new Set(tuned.map(({ finish_reason }) => finish_reason))).toEqual(new Set(["stop"]));
    const base = await chat("tiny", rows[0]!);
    expect(base.message.content).not.toBe(tuned[0]!.message.content);
  });

  it("does not know other models, and lets nobody load one", async () => {
    const body = { model: "other", messages: rows[0]!.messages };
    expect((await server.post("/v1/chat/completions", body)).status).toBe(404);
    const adapter = { lora_name: "other", lora_path: made.adapter };
    expect((await server.post("/v1/load_lora_adapter", adapter)).status).toBe(404);
  });

  it("has survived all of it, and ends in order on SIGTERM", async () => {
    const isHealthy = await server.isHealthy();
    const log = await server.stop();
    expect(isHealthy, log).toBe(true);
    expect(log).toContain("Application shutdown complete");
  });
});
