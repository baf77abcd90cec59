import path from "node:path";
import { InvalidArgumentError, type Command } from "commander";
import { stringify } from "yaml";
import type { z } from "zod";
import { parameterCount } from "../core/catalog/architecture.ts";
import type { BaseModel } from "../core/catalog/base-model.ts";
import { derivedEntry, doubtOf, gapsOf, suggestedId, type Gap } from "../core/catalog/derived-entry.ts";
import { BASE_ID, HUB_ID, REVISION } from "../core/spec/catalog-file.ts";
import { InvalidInput } from "../core/spec/problems.ts";
import { readConfig } from "../loading/base-folder.ts";
import { addToCatalog } from "../loading/catalog.ts";
import { projectRoot, readStackFile } from "./project.ts";

interface Told {
  config: string;
  revision?: string;
  licence?: string;
  id?: string;
}

/** An argument that a schema checks. */
const checked =
  (schema: z.ZodType<string>) =>
  (text: string): string => {
    const result = schema.safeParse(text);
    if (!result.success)
      throw new InvalidArgumentError(result.error.issues.map(({ message }) => `it ${message}`).join("; "));
    return result.data;
  };

export function register(models: Command): void {
  models
    .command("add")
    .argument("<hub-id>", "owner/name on the hub", checked(HUB_ID))
    .description("put a base model into the project's catalog file, from its config.json")
    .requiredOption("--config <file>", "its config.json, downloaded from the hub")
    .option("--revision <sha>", "commit hash of 40 hex digits", checked(REVISION))
    .option("--licence <name>", "as the model card names it")
    .option("--id <id>", "how model files call it; else from its name", checked(BASE_ID))
    .option("-s, --stack <name>", "whose catalog file: Pulumi.<name>.yaml", "dev")
    .option("--json", "as JSON: parameters, tokens")
    .action((hubId: string, { stack, json, ...told }: Told & { stack: string; json?: true }) => {
      const added = addModel(projectRoot, readStackFile(stack).config.catalog, hubId, told);
      console.log(json ? JSON.stringify(added, null, 2) : describe(added));
    });
}

interface Added {
  id: string;
  /** The catalog file. */
  file: string;
  entry: BaseModel;
  /** Counted from the architecture. */
  parameters: number;
  unknown: Gap[];
  /** Why the count may be off. */
  doubt: string | null;
}

/** Derive an entry and put it into the catalog file of the project in `root`. Throws InvalidInput. */
export function addModel(
  root: string,
  file: string,
  hubId: string,
  { config, revision, licence, id }: Told,
): Added {
  const model = readConfig(path.resolve(config));
  if (typeof model === "string")
    throw new InvalidInput([{ file: config, message: model, hint: "see docs/catalog.md" }]);
  const entry = derivedEntry({ hubId, revision: revision ?? null, licence: licence ?? null }, model);
  const name = id ?? suggestedId(hubId);
  addToCatalog(root, file, name, entry);
  const parameters = parameterCount(entry.architecture);
  return { id: name, file, entry, parameters, unknown: gapsOf(entry), doubt: doubtOf(model) };
}

/** The entry, its parameters, and what is left to fill in. */
export function describe({ id, file, entry, parameters, unknown, doubt }: Added): string {
  const gaps = unknown.map(({ field, hint }) => `  bases.${id}.${field}: ${hint}`);
  return [
    `Added to ${file}:`,
    stringify({ [id]: entry }).trimEnd(),
    `${parameters.toLocaleString("en")} parameters, counted from the architecture`,
    ...(doubt === null ? [] : [`Warning: ${doubt}`]),
    ...(gaps.length === 0 ? [] : [`config.json does not tell these; fill them in, in ${file}:`, ...gaps]),
    `Model files can say \`base: ${id}\`${entry.revision === null ? " once its revision is set" : ""}`,
  ].join("\n");
}
