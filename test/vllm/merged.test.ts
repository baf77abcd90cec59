import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { vllmPython } from "./environment.ts";
import { answer, scores, TOLERANCE } from "./scoring.ts";
import { VllmServer } from "./server.ts";
import { TrainedRun, type EncodedRow } from "./trained-run.ts";

const python = await vllmPython();

describe.runIf(python !== null)("`vllm serve` of a StableLM with the adapter in its weights", () => {
  let made: TrainedRun;
  let rows: EncodedRow[];
  let server: VllmServer;

  beforeAll(async () => {
    // Heads of 32: vLLM has no kernel for smaller ones.
    made = await TrainedRun.make("stablelm", { num_attention_heads: 1 }, "merged");
    rows = await made.testRows();
    server = await VllmServer.of(python!, {
      model: made.merged,
      servedModelName: made.modelId,
      dtype: made.run.serve.dtype,
      adapters: [],
      memory: { maxLoraRank: 1, slots: 0, maxModelLength: made.run.serve.maxLength },
    });
  });

  afterAll(async () => {
    await server?.stop();
    made?.remove();
  });

  it("offers the run under its immutable name, and nothing else", async () => {
    const response = await fetch(`${server.url}/v1/models`);
    const { data } = (await response.json()) as { data: { id: string }[] };
    expect(data.map(({ id }) => id)).toEqual([made.modelId]);
  });

  it("makes the same tokens of a conversation as the trainer: the tokenizer came along", async () => {
    for (const { messages, prompt } of rows) {
      const { body } = await server.post<{ tokens: number[] }>("/tokenize", {
        model: made.modelId,
        messages,
      });
      expect(body.tokens).toEqual(prompt);
    }
  });

  it("gives the probabilities that the gate has seen, which are not those of the base", async () => {
    const evaluation = made.evaluation();
    const { labels, nll } = await scores(server, made.modelId, rows);
    console.log(
      `merged: ${nll} nats a token served, ${evaluation.nll.tuned} evaluated, base ${evaluation.nll.base}`,
    );
    for (const row of evaluation.rows) expect(labels[row.id], row.id).toBe(row.tuned);
    expect(Math.abs(nll - evaluation.nll.tuned)).toBeLessThan(TOLERANCE);
    expect(Math.abs(nll - evaluation.nll.base)).toBeGreaterThan(0.1);
  });

  it("answers as the evaluation did, and ends its answers", async () => {
    const { details } = made.evaluation();
    const answers = await Promise.all(rows.map((row) => answer(server, made.modelId, row)));
    const right = answers.filter(({ message }, i) => message.content === rows[i]!.reference);
    expect(right.length / rows.length).toBe(details.tuned.generatedAccuracy);
    expect(details.tuned.generatedAccuracy).toBeGreaterThan(0.9);
    expect(new Set(answers.map(({ finish_reason }) => finish_reason))).toEqual(new Set(["stop"]));
  });
});
