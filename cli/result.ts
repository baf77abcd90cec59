import path from "node:path";
import Table from "cli-table3";
import type { ModelOutputs } from "../components/fine-tune.ts";
import type { StackPlan } from "../core/plan/plan.ts";

/** What is told of a verdict beside the stack's outputs. */
export interface ToldVerdict {
  metric: string;
  improvement: { low: number; high: number; confidence: number };
}

/** What `up` ends with: verdict, endpoint, a ready-to-paste curl, and where the report is. */
export function describeResult(
  plan: StackPlan,
  models: Record<string, ModelOutputs>,
  verdicts: Record<string, ToldVerdict>,
): string {
  const table = new Table({
    head: ["fine-tune", "verdict", "metric", "base", "tuned", "gain, interval", "run"],
    style: { head: [], border: [] },
  });
  for (const [name, { verdict, score, runId }] of Object.entries(models)) {
    const told = verdicts[name];
    const scores = score === null ? ["", ""] : [number(score.base), number(score.tuned)];
    table.push([name, verdict, told?.metric ?? "", ...scores, interval(told), runId]);
  }
  const [first] = Object.values(models);
  return [
    table.toString(),
    ...(first === undefined ? [] : ["", "Try it:", ...wayIn(plan), curl(first)]),
    "",
    "Reports:",
    ...Object.values(models).map((model) => reportOf(plan, model)),
  ].join("\n");
}

/** A Service that is not reachable from outside is reached by a forwarded port. */
function wayIn({ kubernetes }: StackPlan): string[] {
  if (kubernetes === null || kubernetes.gateway.endpoint !== null) return [];
  const { namespace } = kubernetes;
  return [
    `  kubectl -n ${namespace} port-forward service/gateway 8080:80   # then http://127.0.0.1:8080 instead of the cluster's own name`,
  ];
}

function reportOf({ kubernetes, workspace }: StackPlan, { alias, runId }: ModelOutputs): string {
  const file = path.join(workspace, "runs", runId, "report.html");
  return kubernetes === null
    ? `  ${alias}: ${path.relative(process.cwd(), file)}`
    : `  ${alias}: ${file} on the volume ${kubernetes.claim} of namespace ${kubernetes.namespace}`;
}

const number = (value: number) => value.toFixed(3);

function interval(verdict: ToldVerdict | undefined): string {
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
