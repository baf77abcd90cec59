import fs from "node:fs";
import path from "node:path";
import type { Command } from "commander";
import { openStack, watched } from "./engine.ts";
import { projectRoot, readStackFile } from "./project.ts";
import { EngineDisplay } from "./show.ts";

export function register(program: Command): void {
  program
    .command("destroy")
    .description("stop the servers; datasets, runs and adapters stay")
    .option("-s, --stack <name>", "which Pulumi.<name>.yaml", "dev")
    .option("--artefacts", "also delete the workspace: datasets, runs, adapters and registry")
    .action(destroy);
}

async function destroy({ stack, artefacts }: { stack: string; artefacts?: true }): Promise<void> {
  const display = new EngineDisplay();
  const engine = await openStack(
    stack,
    () => Promise.resolve({}),
    (line) => display.line(line),
  );
  await watched(display, (options) => engine.destroy(options));
  const { config } = readStackFile(stack);
  const workspace = path.resolve(projectRoot, config.workspace);
  if (artefacts) fs.rmSync(workspace, { recursive: true, force: true });
  display.line(`${workspace}: ${artefacts ? "deleted" : "datasets, runs and adapters stay"}`);
}
