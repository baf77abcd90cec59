import type { RunFile } from "../spec/run-file.ts";
import { baseIdentity, canonicalJson, evaluationIdentity, rowsIdentity, trainIdentity } from "./digest.ts";
import type { FineTunePlan, StackPlan } from "./plan.ts";
import type { ServerPlan } from "./servers.ts";

/** A setting that differs between two commits; undefined where a commit does not have it. */
export interface SettingChange {
  /** For example `train.rank`. */
  path: string;
  before: unknown;
  after: unknown;
}

/** What a fine-tune's adapter comes from once the pull request is merged. */
export type Training =
  /** No run of this id exists at the base commit or in the workspace. */
  | { kind: "trained"; why: SettingChange[] }
  /** The workspace has a checkpoint of this run. */
  | { kind: "resumed" }
  /** `of`: the fine-tune at the base commit that has this run; null where the workspace has it. */
  | { kind: "reused"; of: string | null };

export type FineTuneChange =
  | { kind: "new"; name: string; after: FineTunePlan; training: Training }
  | {
      kind: "changed";
      name: string;
      before: FineTunePlan;
      after: FineTunePlan;
      training: Training;
      /** Thresholds, evaluation and gate: they judge again and train nothing. */
      judging: SettingChange[];
      /** What changes neither the adapter nor its verdict. */
      others: SettingChange[];
    }
  | { kind: "removed"; name: string; before: FineTunePlan }
  | { kind: "unchanged"; name: string };

export interface ServerChange {
  key: string;
  kind: "new" | "changed" | "removed";
  changes: SettingChange[];
}

export interface PlanComparison {
  fineTunes: FineTuneChange[];
  servers: ServerChange[];
  /** Settings of the stack itself. */
  stack: SettingChange[];
}

/**
 * What differs between the plans of two commits. Absolute paths do not count, since the commits lie in
 * different folders; nor does what only depends on the machine that planned.
 */
export function comparePlans(before: StackPlan | null, after: StackPlan): PlanComparison {
  const former = new Map((before?.fineTunes ?? []).map((plan) => [plan.name, plan]));
  const runs = new Map((before?.fineTunes ?? []).map((plan) => [plan.runId, plan.name]));
  const names = new Set(after.fineTunes.map(({ name }) => name));
  const present = after.fineTunes.map((plan): FineTuneChange => {
    const was = former.get(plan.name);
    const training = trainingOf(plan, was, runs);
    return was === undefined
      ? { kind: "new", name: plan.name, after: plan, training }
      : changeOf(was, plan, training);
  });
  const removed = [...former.values()]
    .filter(({ name }) => !names.has(name))
    .map((plan): FineTuneChange => ({ kind: "removed", name: plan.name, before: plan }));
  return {
    fineTunes: [...present, ...removed],
    servers: compareServers(before?.servers ?? [], after.servers),
    stack: before === null ? [] : settingChanges(stackSettings(before), stackSettings(after)),
  };
}

/** A run of the base commit counts as there: it was deployed, or is trained with or without this change. */
function trainingOf(
  plan: FineTunePlan,
  was: FineTunePlan | undefined,
  runs: ReadonlyMap<string, string>,
): Training {
  const of = was?.runId === plan.runId ? plan.name : (runs.get(plan.runId) ?? null);
  if (of !== null || plan.state === "reused") return { kind: "reused", of };
  if (plan.state === "resumes") return { kind: "resumed" };
  return {
    kind: "trained",
    why: was === undefined ? [] : settingChanges(runIdentity(was.run), runIdentity(plan.run)),
  };
}

function changeOf(before: FineTunePlan, after: FineTunePlan, training: Training): FineTuneChange {
  const judging = settingChanges(judgingSettings(before.run), judgingSettings(after.run));
  const others = settingChanges(otherSettings(before), otherSettings(after));
  const isSame = before.runId === after.runId && judging.length === 0 && others.length === 0;
  if (isSame) return { kind: "unchanged", name: after.name };
  return { kind: "changed", name: after.name, before, after, training, judging, others };
}

const runIdentity = ({ base, data, train }: RunFile): object => ({
  base: { id: base.id, ...baseIdentity(base) },
  data: rowsIdentity(data),
  train: trainIdentity(train),
});

function judgingSettings(run: RunFile): object {
  const { thresholds, ...settings } = evaluationIdentity(run);
  return { data: { thresholds }, ...settings };
}

function otherSettings({ description, owner, run, advice }: FineTunePlan): object {
  const { checkpointEverySteps, reportTo } = run.train;
  return { description, owner, serve: run.serve, train: { checkpointEverySteps, reportTo }, advice };
}

function stackSettings({ target, parallelism, workspace }: StackPlan): object {
  // An absolute path says where a commit lies, not what its stack file says.
  return { target, parallelism, ...(workspace.startsWith("/") ? {} : { workspace }) };
}

function compareServers(before: readonly ServerPlan[], after: readonly ServerPlan[]): ServerChange[] {
  const keys = [...new Set([...before, ...after].map(({ key }) => key))].sort();
  return keys.flatMap((key): ServerChange[] => {
    const was = before.find((server) => server.key === key);
    const is = after.find((server) => server.key === key);
    if (is === undefined) return [{ key, kind: "removed", changes: [] }];
    if (was === undefined) return [{ key, kind: "new", changes: [] }];
    const changes = settingChanges(serverSettings(was), serverSettings(is));
    return changes.length === 0 ? [] : [{ key, kind: "changed", changes }];
  });
}

function serverSettings({ server }: ServerPlan): object {
  const { base, port, dtype, maxLength, maxBatchRows } = server;
  return { base: baseIdentity(base), port, dtype, maxLength, maxBatchRows };
}

/** Leaves that differ, by dotted path; a list is a leaf. */
function settingChanges(before: object, after: object): SettingChange[] {
  const [was, is] = [leaves(before), leaves(after)];
  return [...new Set([...was.keys(), ...is.keys()])]
    .map((path) => ({ path, before: was.get(path), after: is.get(path) }))
    .filter((change) => canonicalJson([change.before ?? null]) !== canonicalJson([change.after ?? null]));
}

function leaves(value: object, prefix = ""): Map<string, unknown> {
  return new Map(
    Object.entries(value).flatMap(([key, inner]: [string, unknown]) =>
      typeof inner === "object" && inner !== null && !Array.isArray(inner)
        ? [...leaves(inner, `${prefix}${key}.`)]
        : [[`${prefix}${key}`, inner] as [string, unknown]],
    ),
  );
}
