import path from "node:path";
import { planFineTune, planServers, type FineTunePlan, type StackPlan } from "../core/plan/plan.ts";
import { resolveBase, type ResolvedBase } from "../core/plan/resolve.ts";
import { EXIT_CODES } from "../core/spec/exit-codes.ts";
import { InvalidInput, type Problem } from "../core/spec/problems.ts";
import type { StackConfig } from "../core/spec/stack.ts";
import { readBaseFolder } from "./base-folder.ts";
import { readData } from "./data-files.ts";
import { machineFacts, type MachineFacts } from "./machine.ts";
import { readModelFiles, type ModelFile } from "./model-files.ts";
import { storageProblems } from "./storage.ts";
import { portProblems } from "./ports.ts";
import { currentRun, lastSpeed, runState } from "./workspace.ts";

export interface LoadOptions {
  /** Absolute path of the project. */
  root: string;
  config: StackConfig;
  stack: string;
  /** Replaces what is read from this machine, for tests. */
  machine?: MachineFacts;
}

/**
 * Read everything that a stack's plan needs and plan it. Writes nothing.
 * Throws InvalidInput with all problems of all files.
 */
export async function loadStackPlan({ root, config, stack, machine }: LoadOptions): Promise<StackPlan> {
  const workspace = path.resolve(root, config.workspace);
  const { models, problems } = readModelFiles(root, config.models, `Pulumi.${stack}.yaml`);
  const facts = machine ?? machineFacts(workspace);
  const fineTunes: FineTunePlan[] = [];
  const dataProblems: Problem[] = [];
  for (const model of models) {
    const result = await planModel(model, root, workspace, config, facts);
    if ("plan" in result) fineTunes.push(result.plan);
    else (result.isData ? dataProblems : problems).push(...result.problems);
  }
  const all = [...problems, ...dataProblems];
  if (all.length > 0)
    throw new InvalidInput(all, problems.length > 0 ? EXIT_CODES.USAGE.code : EXIT_CODES.DATA.code);
  const servers = planServers(fineTunes, config, workspace);
  const storage = storageProblems(fineTunes, workspace, facts, `Pulumi.${stack}.yaml`);
  if (storage.length > 0) throw new InvalidInput(storage, EXIT_CODES.STORAGE.code);
  const ports = await portProblems(servers, workspace, `Pulumi.${stack}.yaml`);
  if (ports.length > 0) throw new InvalidInput(ports, EXIT_CODES.PORT_IN_USE.code);
  return {
    schemaVersion: 1,
    target: config.target,
    workspace,
    parallelism: config.parallelism,
    fineTunes,
    servers,
  };
}

type Planned = { plan: FineTunePlan } | { problems: Problem[]; isData: boolean };

async function planModel(
  model: ModelFile,
  root: string,
  workspace: string,
  config: StackConfig,
  machine: MachineFacts,
): Promise<Planned> {
  const base = resolveModelBase(model, config);
  const data = await readData(model, root);
  const problems = [
    ...("problems" in base ? base.problems : []),
    ...("problems" in data ? data.problems : []),
  ];
  if ("problems" in base || "problems" in data) return { problems, isData: !("problems" in base) };
  const tooLong = contextProblem(model, base.resolved);
  if (tooLong !== undefined) return { problems: [tooLong], isData: false };
  const { name } = model.spec;
  const plan = planFineTune(model.spec, {
    base: base.resolved,
    data: data.facts,
    memoryBytes: machine.memoryBytes,
    speed: lastSpeed(workspace, base.resolved.base.id) ?? {
      source: "probe",
      flopsPerSecond: machine.flopsPerSecond(),
    },
    runState: (runId) => runState(workspace, runId),
    current: currentRun(workspace, name),
  });
  return { plan };
}

function resolveModelBase(
  model: ModelFile,
  config: StackConfig,
): { resolved: ResolvedBase } | { problems: Problem[] } {
  const { spec, file, lineOf } = model;
  const folder =
    typeof spec.base === "object" && "folder" in spec.base
      ? readBaseFolder(path.resolve(model.folder, spec.base.folder))
      : null;
  const resolution =
    typeof folder === "string"
      ? { problem: { path: "base.folder", message: folder } }
      : resolveBase(spec, config.weights, folder);
  if ("resolved" in resolution) return resolution;
  const line = lineOf(resolution.problem.path ?? "base");
  return { problems: [{ file, ...(line === undefined ? {} : { line }), ...resolution.problem }] };
}

function contextProblem(
  { spec, file, lineOf }: ModelFile,
  { context, base }: ResolvedBase,
): Problem | undefined {
  if (context === null) return undefined;
  const [where, length] =
    spec.train.maxLength > context
      ? ["train.maxLength", spec.train.maxLength]
      : ["serve.maxLength", spec.serve.maxLength ?? 0];
  if (length <= context) return undefined;
  const line = lineOf(where);
  return {
    file,
    path: where,
    ...(line === undefined ? {} : { line }),
    message: `${length} tokens are more than the context of ${base.id}`,
    hint: `at most ${context}`,
  };
}
