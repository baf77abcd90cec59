import fs from "node:fs";
import path from "node:path";
import type { Command } from "commander";
import { dnsName } from "../core/plan/dns-name.ts";
import { openStack, runPulumi, watched } from "./engine.ts";
import { projectRoot, readStackFile } from "./project.ts";
import { EngineDisplay } from "./show.ts";

export function register(program: Command): void {
  program
    .command("destroy")
    .description("stop the servers, or remove a cluster's workloads; datasets, runs and adapters stay")
    .option("-s, --stack <name>", "which Pulumi.<name>.yaml", "dev")
    .option("--artefacts", "also delete the workspace or its volume: datasets, runs, adapters and registry")
    .action(destroy);
}

async function destroy({ stack, artefacts }: { stack: string; artefacts?: true }): Promise<void> {
  const { config } = readStackFile(stack);
  const display = new EngineDisplay();
  const engine = await openStack(
    stack,
    () => Promise.resolve({}),
    (line) => display.line(line),
  );
  if (config.target === "local") {
    await watched(display, (options) => engine.destroy(options));
    const workspace = path.resolve(projectRoot, config.workspace);
    if (artefacts) fs.rmSync(workspace, { recursive: true, force: true });
    display.line(`${workspace}: ${artefacts ? "deleted" : "datasets, runs and adapters stay"}`);
    return;
  }
  // What holds data is protected in the stack's state: its volume, and so its namespace.
  if (artefacts) await runPulumi(engine, ["state", "unprotect", "--all", "--yes"]);
  await watched(display, (options) => engine.destroy({ ...options, excludeProtected: !artefacts }));
  if (config.target === "aws") {
    display.line(
      "the bucket and the file system with datasets, runs and adapters stay; docs/aws.md deletes them",
    );
    return;
  }
  display.line(
    `namespace ${config.kubernetes?.namespace ?? dnsName("tuneform", stack)}: ` +
      (artefacts ? "deleted, with its volume" : "its volume with datasets, runs and adapters stays"),
  );
}
