import { GPUS, isGpuId } from "../catalog/gpus.ts";
import type { Problem } from "../spec/problems.ts";
import { cutToComment, MARKER } from "./comment.ts";
import { comparePlans, type FineTuneChange, type PlanComparison, type Training } from "./compare-plans.ts";
import { code, row, settingList, text } from "./github-markdown.ts";
import type { JobOption } from "./job-options.ts";
import type { FineTunePlan, StackPlan } from "./plan.ts";
import { gigabytes, hours, usd } from "./text.ts";

/** What a pull request does to one stack. */
export interface StackChange {
  stack: string;
  /** Plan of the base commit; null where it has none: no such stack yet, or files that do not validate. */
  before: StackPlan | null;
  after: StackPlan | { problems: readonly Problem[] };
}

/**
 * The comment of a pull request on all its stacks: GitHub's Markdown, begins with `MARKER`, ends with a
 * line break, cut where GitHub would refuse it. Text of model files is escaped: it mentions nobody and
 * holds no markup.
 */
export function pullRequestComment(changes: readonly StackChange[]): string {
  return cutToComment([MARKER, ...changes.map(stackSection)].join("\n"));
}

function stackSection({ stack, before, after }: StackChange): string {
  const heading = `## Fine-tunes of stack ${code(stack)}`;
  if ("problems" in after) return [heading, "", ...problemTable(after.problems), ""].join("\n");
  const comparison = comparePlans(before, after);
  const touched = comparison.fineTunes.filter(({ kind }) => kind !== "unchanged");
  const unknownBase = [
    "",
    "The base commit has no plan to compare with: it lacks this stack, or its files do not validate. " +
      "All fine-tunes count as new.",
  ];
  return [
    heading,
    ...(before === null ? unknownBase : []),
    "",
    summary(comparison, after),
    ...(touched.length > 0 ? ["", ...table(touched)] : []),
    ...stackLines(comparison),
    ...unchangedLine(comparison),
    ...touched.flatMap((change) => ["", ...details(change)]),
    "",
  ].join("\n");
}

/** Problems in model and stack files, with the place to look at. */
function problemTable(problems: readonly Problem[]): string[] {
  const sorted = [...problems].sort((a, b) => a.file.localeCompare(b.file) || (a.line ?? 0) - (b.line ?? 0));
  const count = `${problems.length} ${problems.length === 1 ? "problem" : "problems"}`;
  return [
    `**No plan: ${count}.** Nothing can be deployed before they are solved.`,
    "",
    row(["file", "line", "field", "what is wrong", "what to set instead"]),
    row(["---", "---:", "---", "---", "---"]),
    ...sorted.map(({ file, line, path, message, hint }) =>
      row([
        code(file),
        String(line ?? ""),
        path === undefined ? "" : code(path),
        text(message),
        text(hint ?? ""),
      ]),
    ),
  ];
}

const trainingOf = (change: FineTuneChange): Training | null =>
  change.kind === "new" || change.kind === "changed" ? change.training : null;

const isTrained = (change: FineTuneChange): boolean =>
  ["trained", "resumed"].includes(trainingOf(change)?.kind ?? "");

/** Plans whose run has to be trained, each run once: two fine-tunes may share one. */
function trainedPlans({ fineTunes }: PlanComparison): FineTunePlan[] {
  const plans = fineTunes.flatMap((change) =>
    (change.kind === "new" || change.kind === "changed") && isTrained(change) ? [change.after] : [],
  );
  return [...new Map(plans.map((plan) => [plan.runId, plan])).values()];
}

function summary(comparison: PlanComparison, { target }: StackPlan): string {
  const count = (kind: FineTuneChange["kind"]) =>
    comparison.fineTunes.filter((change) => change.kind === kind).length;
  const counts = (["new", "changed", "removed", "unchanged"] as const)
    .filter((kind) => count(kind) > 0)
    .map((kind) => `${count(kind)} ${kind}`)
    .join(", ");
  const trained = trainedPlans(comparison);
  if (trained.length === 0) return `**${counts}.** Nothing is trained, and no training costs anything.`;
  const options = trained.flatMap(({ flight }) => (flight?.best ? [flight.best] : []));
  const without = trained.filter(({ flight }) => !flight?.best).map(({ name }) => code(name));
  const runs = `${trained.length} ${trained.length === 1 ? "run" : "runs"} to train`;
  return [
    `**${counts}.** ${runs}${options.length === 0 ? "" : `: **${dollarRange(options)}** in all, ${hourRange(options)} h of jobs`}.`,
    ...(without.length > 0
      ? [`Not counted, since no instance of the catalog does it: ${without.join(", ")}.`]
      : []),
    ...(options.length > 0 ? [assumptions(options, target)] : []),
  ].join(" ");
}

function assumptions(options: JobOption[], target: StackPlan["target"]): string {
  const dates = [...new Set(options.map(({ priceDate }) => priceDate))].sort().join(", ");
  const here =
    target === "local"
      ? " Target `local` trains on the machine that deploys, which takes its own time and no dollars."
      : "";
  return `On the cheapest rented GPU instance, prices of ${dates}; serving is not in the sum.${here}`;
}

const sum = (options: JobOption[], of: (option: JobOption) => number): number =>
  options.reduce((total, option) => total + of(option), 0);
const dollarRange = (options: JobOption[]): string =>
  `${usd(sum(options, ({ cost }) => cost.low))} to ${usd(sum(options, ({ cost }) => cost.high))}`;
const hourRange = (options: JobOption[]): string =>
  `${hours(sum(options, ({ duration }) => duration.low))} to ${hours(sum(options, ({ duration }) => duration.high))}`;

function table(changes: readonly FineTuneChange[]): string[] {
  const head = ["fine-tune", "training", "rows", "trained tokens", "fits on", "hours", "US dollars"];
  return [row(head), row(head.map(() => "---")), ...changes.flatMap(tableRow)];
}

function tableRow(change: FineTuneChange): string[] {
  const name = `**${change.name}** ${change.kind}`;
  if (change.kind === "unchanged") return [];
  if (change.kind === "removed") return [row([name, "none", "", "", "", "", ""])];
  const { run, rows, tokens, runId, flight } = change.after;
  const option = flight?.best ?? null;
  const rowsBefore =
    change.kind === "changed" && change.before.rows !== rows ? `${change.before.rows} → ` : "";
  const cost = !isTrained(change)
    ? ["", "0", "$0"]
    : option === null
      ? [noFit(change.after), "", ""]
      : [fit(option), hourRange([option]), dollarRange([option])];
  return [
    row([
      `${name}, ${text(run.base.id)} ${run.train.method} r${run.train.rank}`,
      `${change.training.kind} ${code(runId)}`,
      `${rowsBefore}${rows}`,
      `≈ ${tokens.toLocaleString("en")} × ${run.train.epochs}`,
      ...cost,
    ]),
  ];
}

function fit({ instance, purchase, gpu, gpus, peakBytes }: JobOption): string {
  const memory = isGpuId(gpu) ? ` of ${gigabytes(GPUS[gpu].memoryBytes)}` : "";
  return `${instance} ${purchase}${gpus > 1 ? ` × ${gpus} GPUs` : ""}, ${gigabytes(peakBytes)}${memory}`;
}

function noFit({ flight }: FineTunePlan): string {
  if (flight === null) return "unknown: the base's architecture is not in the catalog";
  return flight.beyondLimits === null ? "no instance" : "no instance within `compute` limits";
}

function stackLines({ servers, stack }: PlanComparison): string[] {
  const lines = [
    ...stack.map((change) => `- Stack: ${settingList([change])}`),
    ...servers.map(({ key, kind, changes }) => {
      if (kind === "new") return `- Server ${code(key)}: new`;
      if (kind === "removed") return `- Server ${code(key)}: stops, since no fine-tune of its base is left`;
      return `- Server ${code(key)}: restarts with ${settingList(changes)}`;
    }),
  ];
  return lines.length > 0 ? ["", ...lines] : [];
}

const SHOWN_NAMES = 5;

function unchangedLine({ fineTunes }: PlanComparison): string[] {
  const names = fineTunes.filter(({ kind }) => kind === "unchanged").map(({ name }) => code(name));
  if (names.length === 0) return [];
  const more = names.length - SHOWN_NAMES;
  const shown = names.slice(0, SHOWN_NAMES).join(", ");
  return ["", `Unchanged and not trained: ${shown}${more > 0 ? ` and ${more} more` : ""}.`];
}

function details(change: FineTuneChange): string[] {
  const heading = `### ${change.name}: ${change.kind}`;
  switch (change.kind) {
    case "unchanged":
      return [];
    case "removed":
      return [
        heading,
        "",
        `- Serving: alias ${code(change.name)} is no longer answered; dataset, run and adapter stay in the workspace.`,
        `- Revert: alias ${code(change.name)} answers again from run ${code(change.before.runId)}; where the workspace has that run, nothing is trained.`,
      ];
    case "new":
      return [
        heading,
        "",
        `- Training: ${trainingLine(change.training, change.after)}`,
        `- Serving: alias ${code(change.name)} begins to answer with ${code(change.after.serving.modelId)} once the gate has promoted it.`,
        `- Revert: alias ${code(change.name)} is no longer answered; the run stays in the workspace for another merge.`,
        ...adviceLines(change.after),
      ];
    case "changed":
      return [heading, "", ...changedLines(change), ...adviceLines(change.after)];
  }
}

function changedLines({
  before,
  after,
  training,
  judging,
  others,
}: FineTuneChange & { kind: "changed" }): string[] {
  const declared = others.filter(({ path }) => path !== "advice");
  return [
    `- Training: ${trainingLine(training, after)}`,
    ...(judging.length > 0 ? [`- Judged again, since ${settingList(judging)}`] : []),
    ...(declared.length > 0 ? [`- Changed without training: ${settingList(declared)}`] : []),
    ...(declared.length < others.length ? ["- Advice differs from the base commit's."] : []),
    ...movesLines(before, after, judging.length > 0),
  ];
}

function movesLines(before: FineTunePlan, after: FineTunePlan, isJudged: boolean): string[] {
  const [was, is] = [code(before.serving.modelId), code(after.serving.modelId)];
  if (before.runId === after.runId)
    return [
      isJudged
        ? `- Serving: ${is} keeps serving unless the gate now refuses it.`
        : `- Serving: ${is} keeps serving.`,
      "- Revert: the former settings; nothing is trained.",
    ];
  return [
    `- Serving: alias ${code(after.name)} moves from ${was} to ${is} once the gate has promoted it; until then ${was} serves.`,
    `- Revert: alias ${code(after.name)} moves back to ${was}; where the workspace has that run, nothing is trained.`,
  ];
}

function trainingLine(training: Training, { name, runId, state, why }: FineTunePlan): string {
  if (training.kind === "resumed") return `run ${code(runId)} goes on from its checkpoint.`;
  if (training.kind === "reused") {
    const of = training.of === null || training.of === name ? "" : ` of ${code(training.of)}`;
    const outlook = state === "reused" ? `; ${text(why)}` : "";
    return `none: run ${code(runId)}${of} is reused, the same base, data and training settings${outlook}.`;
  }
  if (training.why.length > 0) return `run ${code(runId)}, since ${settingList(training.why)}`;
  return `run ${code(runId)}, which neither the base commit nor the workspace has.`;
}

const adviceLines = ({ advice }: FineTunePlan): string[] =>
  advice.map(({ level, text: words }) => `- ${level[0]?.toUpperCase()}${level.slice(1)}: ${text(words)}`);
