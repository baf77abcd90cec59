import type { Command } from "commander";
import * as add from "./models-add.ts";
import * as list from "./models-list.ts";

export function register(program: Command): void {
  const models = program.command("models").description("base models of the catalog");
  for (const command of [list, add]) command.register(models);
}
