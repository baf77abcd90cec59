import type { BaseModel } from "./base-model.ts";
import { GEMMA } from "./base-models/gemma.ts";
import { LLAMA } from "./base-models/llama.ts";
import { MISTRAL } from "./base-models/mistral.ts";
import { PHI } from "./base-models/phi.ts";
import { QWEN } from "./base-models/qwen.ts";
import { SMOLLM } from "./base-models/smollm.ts";
import { STABLELM } from "./base-models/stablelm.ts";

export type { BaseModel };

/**
 * The base models that Tuneform knows. Adding one is an entry in the file of its family;
 * test/unit/catalog.test.ts checks its parameter count from the architecture against the published one.
 *
 * Architecture numbers: config.json of each model on the Hugging Face hub, compared with litgpt `config.py`
 * (June 2026), torchtune's builders (April 2026) and the configurations of transformers 5.19.
 * `publishedParameters`: model cards and the totals of safetensors files, as at least three public projects
 * report them; never computed from the architecture. Licences: the model cards. vLLM LoRA: its
 * `supported_models.md` (2026).
 * `revision`: a commit that at least three unrelated public projects pin, or had on disk as the model's
 * snapshot; it was not fetched from the hub to check it. `null` means that none was found like that: the
 * spec then has to pin one itself (`base: {hub, revision}`).
 */
export const BASE_MODELS = {
  ...SMOLLM,
  ...PHI,
  ...MISTRAL,
  ...LLAMA,
  ...GEMMA,
  ...QWEN,
  ...STABLELM,
} satisfies Record<string, BaseModel>;

/** Base models by id: Tuneform's, and those of the project's catalog file where one is read. */
export type Catalog = ReadonlyMap<string, BaseModel>;

/** Tuneform's own entries. */
export const CATALOG: Catalog = new Map(Object.entries<BaseModel>(BASE_MODELS));
