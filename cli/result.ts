import path from "node:path";
import Table from "cli-table3";
import type { ModelOutputs } from "../components/fine-tune.ts";
import type { StackPlan } from "../core/plan/plan.ts";
import { readJson } from "../loading/json-files.ts";

interface Verdict {
  decision: string;
  reason: string;
  metric: string;
  improvement: { low: number; high: number; confidence: number };
}

/** What `up` ends with: verdict, endpoint, a ready-to-paste curl, and where the report is. */
export function describeResult(plan: StackPlan, models: Record<string, ModelOutputs>): string {
  const table = new Table({
    head: ["fine-tune", "verdict", "metric", "base", "tuned", "gain, interval", "run"],
    style: { head: [], border: [] },
  });
  const reports: string[] = [];
  for (const [name, model] of Object.entries(models)) {
    const folder = path.join(plan.workspace, "runs", model.runId);
    const verdict = readJson<Verdict>(path.join(folder, "verdict.json"));
    const { base, tuned } = model.score;
    table.push([
      name,
      model.verdict,
      verdict?.metric ?? "",
      number(base),
      number(tuned),
      interval(verdict),
      model.runId,
    ]);
    reports.push(`  ${name}: ${path.relative(process.cwd(), path.join(folder, "report.html"))}`);
  }
  const first = Object.values(models)[0];
  return [
    table.toString(),
    ...(first === undefined ? [] : ["", "Try it:", curl(first)]),
    "",
    "Reports:",
    ...reports,
  ].join("\n");
}

const number = (value: number) => value.toFixed(3);

function interval(verdict: Verdict | undefined): string {
  if (verdict === undefined) return "";
  const { low, high, confidence } = verdict.improvement;
  return `${signed(low)} to ${signed(high)} (${Math.round(confidence * 100)} %)`;
}

const signed = (value: number) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(3)}`;

/** A request to paste, with the system message that the fine-tune was trained with. */
export function curl(model: ModelOutputs): string {
  const system = model.systemPrompt === null ? [] : [{ role: "system", content: model.systemPrompt }];
  const user = { role: "user", content: "Subject: Claim your prize\nYou have been selected, click here now" };
  const body = JSON.stringify({
    model: model.alias,
    messages: [...system, user],
    max_tokens: 8,
    temperature: 0,
  });
  const quoted = body.replaceAll("'", "'\\''");
  return `  curl -s ${model.endpoint}/chat/completions -H 'Content-Type: application/json' -d '${quoted}'`;
}
