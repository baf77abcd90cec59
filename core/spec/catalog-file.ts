import { z } from "zod";
import { parameterCount } from "../catalog/architecture.ts";
import type { BaseModel } from "../catalog/base-model.ts";
import { CATALOG, type Catalog } from "../catalog/base-models.ts";
import type { Problem } from "./problems.ts";

const size = (what: string) => z.number().int().positive().describe(what);
const flag = (what: string) => z.boolean().describe(what).exactOptional();

const architecture = z.strictObject({
  layers: size("num_hidden_layers"),
  hidden: size("hidden_size"),
  heads: size("num_attention_heads"),
  keyValueHeads: size("num_key_value_heads"),
  headDim: size("head_dim, else hidden_size ÷ num_attention_heads"),
  intermediate: size("intermediate_size"),
  vocabulary: size("vocab_size"),
  tiedHead: z.boolean().describe("tie_word_embeddings"),
  attentionBias: flag("q, k and v have a bias"),
  normsPerLayer: size("norm weights a layer, in multiples of hidden; 2 where left out").exactOptional(),
  headNorms: flag("a norm over each head of q and of k"),
  isFused: flag("q, k, v are one matrix, gate and up another"),
  visionParameters: size("parameters that text never passes").exactOptional(),
  slidingWindow: z
    .strictObject({ tokens: size("of the window"), fullEvery: size("every n-th layer sees all") })
    .exactOptional(),
});

export const HUB_ID = z.string().regex(/^[\w.-]+\/[\w.-]+$/, "must look like owner/name");
export const REVISION = z
  .string()
  .regex(/^[0-9a-f]{40}$/, "must be a commit hash of 40 hex digits: a branch can move");
export const BASE_ID = z
  .string()
  .regex(
    /^[a-z0-9]+([.-][a-z0-9]+)*$/,
    "must be lower-case letters and digits, with single hyphens or dots between",
  );

const entry = z.strictObject({
  hubId: HUB_ID.describe("owner/name on the hub"),
  revision: REVISION.nullable().describe("commit hash of 40 hex digits; needed to train"),
  architecture: architecture.describe("numbers of its config.json"),
  publishedParameters: size("of the model card: the architecture has to agree within 0.5 %")
    .nullable()
    .default(null),
  licence: z.string().min(1).nullable().describe("as the model card names it; null: unknown"),
  licenceLimits: z.string().min(1).describe("what commercial users have to know of it").exactOptional(),
  gated: z.boolean().nullable().describe("has to be accepted on the hub; null: unknown"),
  context: size("tokens"),
  bestFor: z.string().default(""),
  template: z.string().default("").describe("what is unusual in the chat template"),
  vllmLora: z.boolean().nullable().describe("vLLM serves adapters of it; null: unknown"),
});

/** A catalog file: base models of a project's own, by id. */
export const catalogFileSchema = z.strictObject({
  bases: z.record(BASE_ID, entry).describe("by the id that `base:` of a model file names"),
});

export type CatalogFile = z.infer<typeof catalogFileSchema>;

/** Ids that are one folder and one DNS name on a server: dots and hyphens do not tell them apart. */
const nameOf = (id: string): string => id.replaceAll(".", "-");

/** Entry of Tuneform's catalog that an id of one's own could be taken for; undefined where there is none. */
export const clashOf = (id: string): string | undefined =>
  [...CATALOG.keys()].find((known) => nameOf(known) === nameOf(id));

/** How far the parameters of an architecture may be from the published ones. */
const PARAMETER_TOLERANCE = 0.005;

/** Tuneform's catalog with the entries of a catalog file, or what is wrong with these. */
export function applyCatalogFile(
  { bases }: CatalogFile,
  problem: (keys: string[], message: string, hint: string) => Problem,
): { catalog: Catalog } | { problems: Problem[] } {
  const own = Object.entries<BaseModel>(bases);
  const problems = own.flatMap(([id, { architecture: a, publishedParameters }], index) => {
    const at = (keys: string[], message: string, hint: string) => [
      problem(["bases", id, ...keys], message, hint),
    ];
    const earlier = own.slice(0, index).find(([other]) => nameOf(other) === nameOf(id));
    const taken = clashOf(id) ?? earlier?.[0];
    const counted = parameterCount(a);
    const difference = publishedParameters === null ? 0 : Math.abs(counted / publishedParameters - 1);
    return [
      ...(taken === undefined
        ? []
        : at([], `${id} is taken: there is a base ${taken} already`, `another id, for example own-${id}`)),
      ...(a.heads % a.keyValueHeads === 0
        ? []
        : at(
            ["architecture", "keyValueHeads"],
            `${a.heads} heads cannot share ${a.keyValueHeads}`,
            "num_key_value_heads of config.json",
          )),
      ...(difference <= PARAMETER_TOLERANCE
        ? []
        : at(
            ["publishedParameters"],
            `the architecture has ${counted.toLocaleString("en")} parameters, ${(difference * 100).toFixed(1)} % from it`,
            "compare the architecture with config.json and the number with the model card",
          )),
    ];
  });
  return problems.length > 0 ? { problems } : { catalog: new Map([...CATALOG, ...own]) };
}
