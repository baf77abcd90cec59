"""The third stage: base, tuned and incumbent on the same rows, then the gate."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tuneform_trainer import progress
from tuneform_trainer.config import Run
from tuneform_trainer.data.formats import Row
from tuneform_trainer.data.split import position
from tuneform_trainer.errors import ExitCode, StageError
from tuneform_trainer.prepare import load_splits
from tuneform_trainer.workspace import Workspace, read_json, write_json


def evaluate(run: Run, workspace: Workspace) -> None:
    """Write evaluation.json, verdict.json and report.html; the decision itself is no error.

    A verdict stands until the evaluate or gate settings or the incumbent change; a run that was
    promoted before is a rollback, and its verdict stands whatever serves now.
    """
    folder = workspace.run(run.run_id)
    settings = _settings(run)
    incumbent = _incumbent(run, workspace)
    verdict = read_json(folder / "verdict.json")
    if verdict is not None and verdict["settings"] == settings:
        promoted_before = (workspace.registry(run.name) / "versions" / f"{run.run_id}.json").is_file()
        if promoted_before or verdict["incumbent"] == incumbent:
            detail = "promoted before: a rollback" if promoted_before and incumbent else None
            progress.stage("evaluate", "skipped", detail)
            return
    progress.stage("evaluate", "start")
    rows = _test_rows(run, workspace)
    verdict = _judge(run, workspace, rows, incumbent, settings)
    write_json(folder / "verdict.json", verdict)
    from tuneform_trainer.publishing.report import write_report

    write_report(run, workspace)
    progress.stage("evaluate", "done", f"{verdict['decision']}: {verdict['reason']}")


def _settings(run: Run) -> dict[str, Any]:
    return {
        "evaluate": run.evaluate.model_dump(mode="json", by_alias=True),
        "gate": run.gate.model_dump(mode="json", by_alias=True),
    }


def _incumbent(run: Run, workspace: Workspace) -> str | None:
    """The run that serves under this name today, if it is another one and still there."""
    current = read_json(workspace.registry(run.name) / "current.json")
    if current is None or current["runId"] == run.run_id:
        return None
    other: str = current["runId"]
    return other if (workspace.run(other) / "adapter").is_dir() else None


def _test_rows(run: Run, workspace: Workspace) -> list[Row]:
    rows = load_splits(workspace.dataset(run.data.digest))["test"]
    if run.evaluate.max_rows is not None:
        rows = sorted(rows, key=lambda row: position("test rows", row["id"]))[: run.evaluate.max_rows]
    if not rows:
        raise StageError(ExitCode.DATA, "the test split is empty; raise data.split.test or add rows")
    return rows


def _scores_file(run: Run, workspace: Workspace, who: str) -> Path:
    """Scores are kept by what they depend on: a retrained model finds the base's scores again."""
    base = [run.base.weights.model_dump(mode="json"), run.base.revision]
    settings = run.evaluate.model_dump(mode="json", exclude={"metric", "bootstrap_samples", "confidence"})
    key = json.dumps([base, settings, run.data.digest, run.serve.max_length, who], sort_keys=True)
    name = f"{who}-{hashlib.sha256(key.encode()).hexdigest()[:12]}.json"
    return workspace.dataset(run.data.digest) / "scores" / name


def _scored_by_all(run: Run, workspace: Workspace, rows: list[Row], incumbent: str | None) -> dict[str, Any]:
    """Scored rows by model; loads the models only if a score is missing."""
    from tuneform_trainer.evaluation.metrics import Scored

    names = {"base": "base", "tuned": run.run_id, **({"incumbent": incumbent} if incumbent else {})}
    files = {who: _scores_file(run, workspace, name) for who, name in names.items()}
    found = {who: read_json(file) for who, file in files.items()}
    missing = [who for who, content in found.items() if content is None]
    if missing:
        from tuneform_trainer.base import load_tokenizer
        from tuneform_trainer.evaluation.models import active, models_with_adapters
        from tuneform_trainer.evaluation.scoring import Scorer

        adapters = {who: workspace.run(names[who]) / "adapter" for who in names if who != "base"}
        model = models_with_adapters(run, adapters)
        scorer = Scorer(run, model, load_tokenizer(run.base))
        for who in missing:
            with active(model, who):
                scored = scorer.score(rows, who)
            write_json(files[who], [asdict(row) for row in scored])
            found[who] = [asdict(row) for row in scored]
    return {who: [Scored(**row) for row in content or []] for who, content in found.items()}


def _judge(
    run: Run, workspace: Workspace, rows: list[Row], incumbent: str | None, settings: dict[str, Any]
) -> dict[str, Any]:
    from tuneform_trainer.evaluation.bootstrap import compare
    from tuneform_trainer.evaluation.metrics import METRICS, all_scores, classification_details
    from tuneform_trainer.gate import Measured, decide

    e, schema = run.evaluate, run.evaluate.json_schema
    scored = _scored_by_all(run, workspace, rows, incumbent)
    scores = {who: all_scores(run.task, answers, schema) for who, answers in scored.items()}
    metric = METRICS[e.metric]

    def against(who: str) -> Any:
        return compare(
            scored["tuned"], scored[who], metric, schema, e.bootstrap_samples, e.confidence, e.seed
        )

    improvement = against("base")
    regression = against("incumbent") if incumbent else None
    training = read_json(workspace.run(run.run_id) / "training.json") or {}
    measured = Measured(
        metric=e.metric,
        base=scores["base"][e.metric],
        tuned=scores["tuned"][e.metric],
        incumbent=scores["incumbent"][e.metric] if incumbent else None,
        improvement=improvement,
        regression=regression,
        rows=len(rows),
        confidence=e.confidence,
        overfitted=bool(training.get("overfitted")),
    )
    verdict = decide(measured, run.gate)
    details = {
        who: classification_details(answers, run.data.labels)
        for who, answers in scored.items()
        if run.data.labels
    }
    write_json(
        workspace.run(run.run_id) / "evaluation.json",
        {
            "schemaVersion": 1,
            "runId": run.run_id,
            "dataDigest": run.data.digest,
            "testRows": len(rows),
            "settings": settings,
            "scores": scores,
            "nll": {who: sum(r.nll for r in answers) / len(answers) for who, answers in scored.items()},
            "details": details,
            "improvement": asdict(improvement),
            "regression": asdict(regression) if regression else None,
            "rows": [
                {
                    "id": row["id"],
                    "reference": scored["tuned"][i].reference,
                    **{who: answers[i].prediction for who, answers in scored.items()},
                }
                for i, row in enumerate(rows)
            ],
        },
    )
    return {
        "schemaVersion": 1,
        "runId": run.run_id,
        "decision": verdict.decision,
        "reason": verdict.reason,
        "rowsNeeded": verdict.rows_needed,
        "metric": e.metric,
        "score": {"base": measured.base, "tuned": measured.tuned, "incumbent": measured.incumbent},
        "improvement": {
            "delta": improvement.delta,
            "low": improvement.low,
            "high": improvement.high,
            "confidence": e.confidence,
        },
        "regression": None
        if regression is None
        else {"delta": regression.delta, "low": regression.low, "high": regression.high},
        "wins": improvement.wins,
        "losses": improvement.losses,
        "ties": improvement.ties,
        "testRows": len(rows),
        "overfitted": measured.overfitted,
        "incumbent": incumbent,
        "settings": settings,
    }
