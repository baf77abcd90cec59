import Table from "cli-table3";
import type { Command } from "commander";
import { parameterCount } from "../core/catalog/architecture.ts";
import { CATALOG, type BaseModel, type Catalog } from "../core/catalog/base-models.ts";
import { readCatalog } from "./project.ts";

export function register(models: Command): void {
  models
    .command("list")
    .description("base models that `base:` of a model file may name")
    .option("-s, --stack <name>", "whose catalog file: Pulumi.<name>.yaml", "dev")
    .option("--json", "as JSON: parameters, tokens")
    .action(({ stack, json }: { stack: string; json?: true }) => {
      const catalog = readCatalog(stack);
      console.log(json ? JSON.stringify(listed(catalog), null, 2) : describe(catalog));
    });
}

interface ListedModel extends BaseModel {
  id: string;
  /** Counted from the architecture. */
  parameters: number;
  /** Of the project's catalog file. */
  isOwn: boolean;
}

/** Entries of a catalog, smallest first. */
export const listed = (catalog: Catalog): ListedModel[] =>
  [...catalog]
    .map(([id, entry]) => ({
      id,
      ...entry,
      parameters: parameterCount(entry.architecture),
      isOwn: !CATALOG.has(id),
    }))
    .sort((a, b) => a.parameters - b.parameters);

function describe(catalog: Catalog): string {
  const table = new Table({
    head: ["base", "parameters", "context", "licence", "gated", "vLLM LoRA", "best for"],
    colAligns: ["left", "right", "right", "left", "left", "left", "left"],
    style: { head: [], border: [] },
  });
  for (const { id, parameters, context, licence, gated, vllmLora, bestFor, isOwn } of listed(catalog))
    table.push([
      isOwn ? `${id} (own)` : id,
      billions(parameters),
      context.toLocaleString("en"),
      licence ?? "unknown",
      answer(gated),
      answer(vllmLora),
      bestFor,
    ]);
  return table.toString();
}

const billions = (parameters: number): string => `${(parameters / 1e9).toFixed(2)} B`;
const answer = (value: boolean | null): string => (value === null ? "unknown" : value ? "yes" : "no");
