import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import * as automation from "@pulumi/pulumi/automation/index.js";
import { execa } from "execa";
import { isAlive } from "../components/local/lease.ts";
import { ensurePulumi } from "../setup/pulumi-cli.ts";
import { engineFailure } from "./failure.ts";
import { projectRoot, readStackFile } from "./project.ts";
import type { EngineDisplay } from "./show.ts";

/** Folder of the embedded engine: state, and a copy of the stack's settings, so that no tracked file changes. */
const embedded = path.join(projectRoot, ".tuneform");

/**
 * The stack in the embedded engine: Pulumi's own, with its state in `.tuneform/state` unless
 * PULUMI_BACKEND_URL names another backend.
 */
export async function openStack(
  stack: string,
  program: automation.PulumiFn,
  say: (line: string) => void,
): Promise<automation.Stack> {
  const { command, binFolders } = await ensurePulumi(projectRoot, say);
  const searchPath = [path.dirname(command), ...binFolders, process.env["PATH"] ?? ""].join(path.delimiter);
  const { raw } = readStackFile(stack);
  const workDir = path.join(embedded, "pulumi", stack);
  const stateFolder = path.join(embedded, "state");
  for (const folder of [workDir, stateFolder]) fs.mkdirSync(folder, { recursive: true });
  removeStaleLocks(stateFolder);
  process.env["PATH"] = searchPath;
  const settings = path.join(workDir, `Pulumi.${stack}.yaml`);
  const opened = await automation.LocalWorkspace.createOrSelectStack(
    { stackName: stack, projectName: "tuneform", program },
    {
      workDir,
      pulumiCommand: await automation.PulumiCommand.get(),
      projectSettings: { name: "tuneform", runtime: "nodejs" },
      ...(fs.existsSync(settings) ? {} : { stackSettings: { [stack]: {} } }),
      envVars: {
        PATH: searchPath,
        PULUMI_BACKEND_URL: process.env["PULUMI_BACKEND_URL"] ?? `file://${stateFolder}`,
        PULUMI_CONFIG_PASSPHRASE: process.env["PULUMI_CONFIG_PASSPHRASE"] ?? "",
        PULUMI_SKIP_UPDATE_CHECK: "true",
        PULUMI_AUTOMATION_API_SKIP_VERSION_CHECK: "true",
      },
    },
  );
  const values = Object.entries(raw).map(([key, value]) => [key, { value }] as const);
  await opened.setAllConfig(Object.fromEntries(values));
  return opened;
}

/** A command of the CLI that the Automation API has no call for, on an opened stack. Throws with its output. */
export async function runPulumi({ name, workspace }: automation.Stack, args: string[]): Promise<void> {
  const { workDir, envVars } = workspace as automation.LocalWorkspace;
  await execa("pulumi", [...args, "--stack", name], { cwd: workDir, env: envVars });
}

interface Watching {
  onEvent: EngineDisplay["onEvent"];
  onError: () => void;
}

/** Runs an operation of the engine under a display. Throws CommandFailure with what it failed for. */
export async function watched<T>(
  display: EngineDisplay,
  operation: (options: Watching) => Promise<T>,
): Promise<T> {
  try {
    return await operation({ onEvent: display.onEvent, onError: () => undefined });
  } catch (error) {
    throw engineFailure(error, display.errors);
  }
}

/** An engine that was killed leaves its lock behind; one whose process on this machine is gone is lifted. */
function removeStaleLocks(stateFolder: string): void {
  const folder = path.join(stateFolder, ".pulumi", "locks");
  if (!fs.existsSync(folder)) return;
  for (const entry of fs.readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    if (!entry.endsWith(".json")) continue;
    const file = path.join(folder, entry);
    const lock = JSON.parse(fs.readFileSync(file, "utf8")) as { pid: number; hostname: string };
    if (lock.hostname === os.hostname() && !isAlive(lock.pid)) fs.rmSync(file);
  }
}
