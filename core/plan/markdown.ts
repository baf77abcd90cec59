import { gigabytes } from "./describe.ts";
import { describeOption, hours, usd, type FlightPlan } from "./flight.ts";
import type { FineTunePlan, StackPlan } from "./plan.ts";

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
  return [...table, "", ...plan.fineTunes.flatMap(details), ""].join("\n");
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
    ...servingLine(flight),
    ...advice.map(({ level, text }) => `  - ${level}: ${text}`),
  ];
}

function servingLine(flight: FlightPlan | null): string[] {
  const server = flight?.serving ?? null;
  if (server === null) return [];
  const { maxModelLength, concurrency, oneMoreBytes } = server.memory;
  return [
    `  - serving with vLLM: ${server.instance}, ${usd(server.usdPerMonth)} a month; ` +
      `${maxModelLength.toLocaleString("en")} tokens of context, ${concurrency.toFixed(1)} such requests at a time; ` +
      `one more fine-tune of this base takes ${gigabytes(oneMoreBytes)} of its memory and no dollars`,
  ];
}
