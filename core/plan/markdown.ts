import { servingLines } from "./describe-serving.ts";
import { describeOption, type FlightPlan } from "./flight.ts";
import type { FineTunePlan, StackPlan } from "./plan.ts";
import { gigabytes, hours, usd } from "./text.ts";

/** A row of cells that holds no line break and no bar of its own. */
const row = (cells: string[]): string =>
  `| ${cells.map((cell) => cell.replaceAll("|", "\\|").replaceAll("\n", " ")).join(" | ")} |`;

/** The plan as a pull request shows it: GitHub's Markdown, ends with a line break. */
export function planMarkdown(plan: StackPlan): string {
  const head = [
    "fine-tune",
    "run",
    "rows",
    "trained tokens",
    "memory",
    "GPU job",
    "hours",
    "US dollars",
    "serving",
  ];
  const table = [row(head), row(head.map(() => "---")), ...plan.fineTunes.map(rowOf)];
  const serving = servingLines(plan.serving).map((line) => `- serving: ${line}`);
  return [...table, "", ...plan.fineTunes.flatMap(details), ...serving, ""].join("\n");
}

function rowOf({ name, run, runId, state, rows, tokens, memory, flight, serving }: FineTunePlan): string {
  const { method, rank, epochs } = run.train;
  const option = flight?.best ?? null;
  return row([
    `**${name}** ${run.base.id} ${method} r${rank}`,
    `\`${runId}\` ${state}`,
    String(rows),
    `≈ ${tokens.toLocaleString("en")} × ${epochs}`,
    memory === null ? "unknown" : gigabytes(memory.peakBytes),
    option === null ? "none" : `${option.instance} ${option.purchase}`,
    option === null ? "" : `${hours(option.duration.low)} to ${hours(option.duration.high)}`,
    option === null ? "" : `${usd(option.cost.low)} to ${usd(option.cost.high)}`,
    serving.change === "none" ? "unchanged" : `${serving.change} → \`${serving.modelId}\``,
  ]);
}

function details({ name, state, why, flight, advice }: FineTunePlan): string[] {
  return [
    `- **${name}** is ${state}: ${why}`,
    ...(flight?.alternatives ?? []).map((option) => `  - or ${describeOption(option)}`),
    ...planLines(flight),
    ...advice.map(({ level, text }) => `  - ${level}: ${text}`),
  ];
}

function planLines(flight: FlightPlan | null): string[] {
  const option = flight?.best ?? null;
  if (flight === null || option === null) return [];
  return [
    ...(flight.methodReason === null
      ? []
      : [`  - train.method auto is ${option.method}: ${flight.methodReason}`]),
    `  - assumed: ${flight.assumptions.join("; ")}`,
  ];
}
