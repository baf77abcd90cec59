import type { V1ConfigMap } from "@kubernetes/client-node";

/** What the gate decided, as `publish` left it in the fine-tune's verdict ConfigMap. */
export interface ClusterVerdict {
  runId: string;
  decision: "promoted" | "rejected" | "undecidable";
  reason: string;
  metric: string;
  /** Of the metric that the gate looks at, 0..1. */
  score: { base: number; tuned: number; incumbent: number | null };
  improvement: { low: number; high: number; confidence: number };
}

/** The verdict in a ConfigMap, or null where it has none yet. Throws Error where it is not one. */
export function verdictIn(map: V1ConfigMap | null): ClusterVerdict | null {
  const data = map?.data ?? {};
  const { runId, decision, reason } = data;
  const whole = data["verdict.json"];
  if (runId === undefined || decision === undefined || whole === undefined) return null;
  const { metric, score, improvement } = JSON.parse(whole) as ClusterVerdict;
  return {
    runId,
    decision: decision as ClusterVerdict["decision"],
    reason: reason ?? "",
    metric,
    score,
    improvement,
  };
}
