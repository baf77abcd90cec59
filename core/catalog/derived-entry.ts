import type { BaseModel } from "./base-model.ts";
import type { HubModel } from "./hub-config.ts";
import { FAMILIES, vllmLoraOf } from "./hub-families.ts";

/** What a config.json does not tell, and where it is told. */
export interface Gap {
  field: keyof BaseModel;
  /** Where to look, and what it is for. */
  hint: string;
}

/** What a person says of a model beside its config.json. */
export interface Told {
  hubId: string;
  revision: string | null;
  licence: string | null;
}

/** The catalog entry of a model, from its config.json and what a person says of it. */
export const derivedEntry = ({ hubId, revision, licence }: Told, model: HubModel): BaseModel => ({
  hubId,
  revision,
  architecture: model.architecture,
  publishedParameters: null,
  licence,
  gated: null,
  context: model.context,
  bestFor: "",
  template: "",
  vllmLora: vllmLoraOf(model.modelType),
});

const HINTS: [keyof BaseModel, string][] = [
  ["revision", "a commit hash of the hub repository, 40 hex digits; without it nothing is trained"],
  ["publishedParameters", "the count on the model card; the architecture is then checked against it"],
  ["licence", "as the model card names it"],
  ["gated", "true where the hub asks to accept the licence, else false"],
  ["vllmLora", "true where vLLM's list of supported models ticks LoRA; until then plans assume it"],
];

/** The fields of an entry that nobody has told. */
export const gapsOf = (entry: BaseModel): Gap[] =>
  HINTS.filter(([field]) => entry[field] === null).map(([field, hint]) => ({ field, hint }));

/** Why the parameter count of a model may be off, or null where its family is known. */
export const doubtOf = ({ isKnownFamily, modelType }: HubModel): string | null =>
  isKnownFamily
    ? null
    : `${modelType ?? "without a model_type, the model"} is not among the families that are counted exactly ` +
      `(${Object.keys(FAMILIES).join(", ")}): compare the count with the model card`;

/** The id that a hub name suggests: `Qwen/Qwen2.5-3B_Chat` → `qwen2.5-3b-chat`. */
export const suggestedId = (hubId: string): string =>
  (hubId.split("/").at(-1) ?? hubId)
    .toLowerCase()
    .replaceAll(/[^a-z0-9.]+/g, "-")
    .replaceAll(/([.-])[.-]+/g, "$1")
    .replaceAll(/^[.-]|[.-]$/g, "");
