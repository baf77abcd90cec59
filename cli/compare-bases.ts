import Table from "cli-table3";
import type { Command } from "commander";
import { compareBases, type BaseComparison } from "../core/plan/compare-bases.ts";
import { hours, usd } from "../core/plan/text.ts";
import { InvalidInput } from "../core/spec/problems.ts";
import { loadModelFacts } from "../loading/planned.ts";
import { projectRoot, readStackFile } from "./project.ts";

export function register(program: Command): void {
  program
    .command("compare-bases")
    .argument("<file>", "a model file, for example models/spam-triage.yaml")
    .description("the same fine-tune on every base model of the catalog")
    .option("-s, --stack <name>", "whose prices: Pulumi.<name>.yaml", "dev")
    .option("--json", "as JSON: bytes, seconds, US dollars")
    .action((file: string, { stack, json }: { stack: string; json?: true }) => {
      const { config } = readStackFile(stack);
      const loaded = loadModelFacts({ root: projectRoot, config, stack, files: [file] });
      if ("problems" in loaded) throw new InvalidInput(loaded.problems);
      const comparison = compareBases(loaded.spec, loaded.data, loaded.instances, loaded.catalog);
      console.log(json ? JSON.stringify(comparison, null, 2) : describe(comparison));
    });
}

function describe(comparison: BaseComparison[]): string {
  const table = new Table({
    head: ["base", "cheapest job", "hours", "US dollars", "served on, a month", "licence", "best for"],
    style: { head: [], border: [] },
    wordWrap: true,
    colWidths: [18, 22, 12, 16, 20, 22, 28],
  });
  for (const { id, flight, licence, gated, bestFor } of comparison) {
    const { best, serving } = flight;
    table.push([
      id,
      best === null ? "none" : `${best.instance} ${best.purchase}`,
      best === null ? "" : `${hours(best.duration.low)} to ${hours(best.duration.high)}`,
      best === null ? "" : `${usd(best.cost.low)} to ${usd(best.cost.high)}`,
      serving === null ? "none" : `${serving.instance} ${usd(serving.usdPerMonth)}`,
      `${licence ?? "unknown"}${gated ? ", gated" : ""}`,
      bestFor,
    ]);
  }
  return table.toString();
}
