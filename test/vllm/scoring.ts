import type { VllmServer } from "./server.ts";
import { LABELS, type EncodedRow } from "./trained-run.ts";

/**
 * Nats a token. Both sides compute in float32 from the same tokens, so that only the order of additions differs:
 * 1e-6 was measured, and an adapter that is not applied, scaled by another alpha or given another prompt is
 * off by more than 0.1.
 */
export const TOLERANCE = 0.001;

interface Completion {
  choices: { prompt_logprobs: (Record<string, { logprob: number }> | null)[] }[];
}
interface Chat {
  choices: { message: { content: string }; finish_reason: string }[];
}

/** A served model's answer to the prompt of a row, at temperature 0. */
export async function answer(server: VllmServer, model: string, { messages }: EncodedRow) {
  const request = { model, messages, temperature: 0, max_tokens: 8 };
  return (await server.post<Chat>("/v1/chat/completions", request)).body.choices[0]!;
}

/** Log-probability of each label of a row, as sums over its tokens; in one batch, as requests meet. */
async function chances(server: VllmServer, model: string, { prompt, completions }: EncodedRow) {
  const prompts = completions.map((completion) => [...prompt, ...completion]);
  const request = { model, prompt: prompts, max_tokens: 1, temperature: 0, prompt_logprobs: 0 };
  const { body } = await server.post<Completion>("/v1/completions", request);
  return completions.map((completion, i) =>
    completion
      .map((token, k) => body.choices[i]!.prompt_logprobs[prompt.length + k]![String(token)]!.logprob)
      .reduce((sum, chance) => sum + chance, 0),
  );
}

/** What a served model makes of the rows: the most probable label by id, and nats a token of the right ones. */
export async function scores(server: VllmServer, model: string, rows: EncodedRow[]) {
  const labels: Record<string, string | undefined> = {};
  let nll = 0;
  for (const row of rows) {
    const found = await chances(server, model, row);
    labels[row.id] = LABELS[found.indexOf(Math.max(...found))];
    const right = LABELS.indexOf(row.reference);
    nll -= found[right]! / row.completions[right]!.length / rows.length;
  }
  return { labels, nll };
}
