/**
 * Models that differ in size only: `llama-3.1-8b` and `llama-3.1-70b` are of `llama-3.1`. From the id of the
 * catalog or of the hub, by taking the number of parameters out of it.
 */
export const modelFamily = (baseId: string): string =>
  baseId.toLowerCase().replace(/[-_]\d+(?:[._]\d+)?[bm](?=[-_]|$)/, "");
