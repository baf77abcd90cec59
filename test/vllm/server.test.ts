import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { vllmPython } from "./environment.ts";
import { VllmServer } from "./server.ts";
import { answer, scores, TOLERANCE } from "./scoring.ts";
import { TrainedRun, type EncodedRow } from "./trained-run.ts";

const python = await vllmPython();

describe.runIf(python !== null)("`vllm serve` with an adapter that the trainer made and published", () => {
  let made: TrainedRun;
  let server: VllmServer;
  let rows: EncodedRow[];

  beforeAll(async () => {
    // Heads of 32: vLLM has no kernel for smaller ones.
    made = await TrainedRun.make("llama", { head_dim: 32 }, "adapter");
    rows = await made.testRows();
    server = await VllmServer.of(python!, {
      model: made.base,
      servedModelName: "tiny",
      dtype: made.run.serve.dtype,
      adapters: [{ fineTune: made.run.name, modelId: made.modelId, path: made.adapter, rank: 8 }],
      memory: { maxLoraRank: 8, slots: 1, maxModelLength: made.run.serve.maxLength },
    });
  });

  // Also where a test or the start failed: no process is left behind.
  afterAll(async () => {
    await server?.stop();
    made?.remove();
  });

  const chat = (model: string, row: EncodedRow) => answer(server, model, row);

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
      const { labels, nll } = await scores(server, contestants()[who], rows);
      for (const row of evaluation.rows) expect(labels[row.id], row.id).toBe(row[who]);
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
