"""evaluation.json and verdict.json as docs/artefacts.md describes them."""

from __future__ import annotations

from typing import Any

from tuneform_trainer.config import Run
from tuneform_trainer.data.formats import Row
from tuneform_trainer.evaluation.bootstrap import Comparison
from tuneform_trainer.evaluation.metrics import METRICS, Scored, classification_details, row_score
from tuneform_trainer.gate import Measured, Verdict


def comparison_document(comparison: Comparison) -> dict[str, Any]:
    """A comparison in JSON; `pValue` is that of the exact McNemar (sign) test."""
    return {
        "delta": comparison.delta,
        "low": comparison.low,
        "high": comparison.high,
        "deviation": comparison.deviation,
        "wins": comparison.wins,
        "losses": comparison.losses,
        "ties": comparison.ties,
        "pValue": comparison.p_value,
    }


def evaluation_document(
    run: Run,
    rows: list[Row],
    scored: dict[str, list[Scored]],
    scores: dict[str, dict[str, float]],
    compared: dict[str, Comparison],
) -> dict[str, Any]:
    """Scores, comparisons and every row's answers, by contestant."""
    metric, schema = METRICS[run.evaluate.metric], run.evaluate.json_schema
    labels = run.data.labels
    details = (
        {who: classification_details(answers, labels) for who, answers in scored.items()} if labels else {}
    )
    return {
        "metric": run.evaluate.metric,
        "scores": scores,
        "nll": {who: sum(r.nll for r in answers) / len(answers) for who, answers in scored.items()},
        "details": details,
        "improvement": comparison_document(compared["base"]),
        "regression": comparison_document(compared["incumbent"]) if "incumbent" in compared else None,
        "rows": [
            {
                "id": row["id"],
                "reference": scored["tuned"][i].reference,
                **{who: answers[i].prediction for who, answers in scored.items()},
                "score": {who: row_score(metric, answers[i], schema) for who, answers in scored.items()},
            }
            for i, row in enumerate(rows)
        ],
    }


def verdict_document(measured: Measured, verdict: Verdict) -> dict[str, Any]:
    """The gate's decision with the numbers it rests on."""
    gain, loss = measured.improvement, measured.regression
    return {
        "decision": verdict.decision,
        "reason": verdict.reason,
        "rowsNeeded": verdict.rows_needed,
        "metric": measured.metric,
        "score": {"base": measured.base, "tuned": measured.tuned, "incumbent": measured.incumbent},
        "improvement": {
            "delta": gain.delta,
            "low": gain.low,
            "high": gain.high,
            "confidence": measured.confidence,
        },
        "regression": {"delta": loss.delta, "low": loss.low, "high": loss.high} if loss else None,
        "wins": gain.wins,
        "losses": gain.losses,
        "ties": gain.ties,
        "overfitted": measured.overfitted,
    }
