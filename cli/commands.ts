import type { Command } from "commander";

interface CommandModule {
  register: (program: Command) => void;
}

/** In the order of `--help`. */
const modules: Record<string, () => Promise<CommandModule>> = {
  check: () => import("./check.ts"),
  plan: () => import("./plan.ts"),
  estimate: () => import("./estimate.ts"),
  "compare-bases": () => import("./compare-bases.ts"),
  models: () => import("./models.ts"),
  preview: () => import("./preview.ts"),
  render: () => import("./render.ts"),
  up: () => import("./up.ts"),
  status: () => import("./status.ts"),
  outputs: () => import("./outputs.ts"),
  destroy: () => import("./destroy.ts"),
};

/** By name; loaded when asked for, since the engine's packages alone take a second. */
export const commands: ReadonlyMap<string, () => Promise<CommandModule>> = new Map(Object.entries(modules));
