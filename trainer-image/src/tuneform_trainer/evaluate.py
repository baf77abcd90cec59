"""The third stage: base, tuned and incumbent on the same rows, then the gate."""

from __future__ import annotations

import sys
from importlib.metadata import version
from typing import Any

from tuneform_trainer import progress
from tuneform_trainer.config import Run
from tuneform_trainer.data.formats import Row
from tuneform_trainer.data.split import position
from tuneform_trainer.errors import ExitCode, StageError
from tuneform_trainer.evaluation.contestants import contestants, score_all
from tuneform_trainer.merged import judged_weights, merge, weights_there
from tuneform_trainer.prepare import load_splits
from tuneform_trainer.workspace import Workspace, adapter_sha256, read_json, write_json

LIBRARIES = ("torch", "transformers", "peft", "scikit-learn", "rouge-score", "numpy")


def evaluate(run: Run, workspace: Workspace) -> None:
    """Write evaluation.json, verdict.json and report.html; the decision itself is no error.

    A verdict stands until the weights, the evaluate or gate settings or the incumbent change. Going
    back to a run that was promoted before is a rollback: the verdict of its registry entry stands.
    Raises StageError(DATA) without test rows, StageError(USAGE) before the run is trained.
    """
    incumbent = _incumbent(run, workspace)
    entry = read_json(workspace.registry(run.name) / "versions" / f"{run.run_id}.json")
    weights = _weights(run, workspace)
    if entry is not None and weights != judged_weights(entry):
        entry = None  # trained or merged again, with another result: what was promoted is gone
    if entry is not None and incumbent is not None:
        _roll_back(run, workspace, entry)
        return
    if _stands(run, workspace, weights, incumbent, promoted_before=entry is not None):
        progress.stage("evaluate", "skipped")
        return
    rows = _test_rows(run, workspace)
    with workspace.compute_slot():
        progress.stage("evaluate", "start")
        verdict = _judge(run, workspace, rows, incumbent)
    _write_verdict(run, workspace, verdict)
    progress.stage("evaluate", "done", f"{verdict['decision']}: {verdict['reason']}")


def _weights(run: Run, workspace: Workspace) -> dict[str, str | None]:
    """Digests of what will be served; merged weights are made here if there are none."""
    if run.serve.weights == "merged":
        with workspace.compute_slot():
            merge(run.base, run.name, run.run_id, run.serve.dtype, workspace)
    return weights_there(run, workspace)


def _write_verdict(run: Run, workspace: Workspace, verdict: dict[str, Any]) -> None:
    """The report first: the verdict is what marks the stage as done."""
    from tuneform_trainer.publishing.report import write_report

    write_report(run, workspace, verdict)
    write_json(workspace.run(run.run_id) / "verdict.json", verdict)


def _roll_back(run: Run, workspace: Workspace, entry: dict[str, Any]) -> None:
    before: dict[str, Any] = entry["verdict"]
    note = f"promoted on {entry['publishedAt'][:10]}, so going back to it is a rollback"
    verdict = {**before, "reason": f"{before['reason']}; {note}"}
    if read_json(workspace.run(run.run_id) / "verdict.json") != verdict:
        _write_verdict(run, workspace, verdict)
    progress.stage("evaluate", "skipped", note)


def _stands(
    run: Run,
    workspace: Workspace,
    weights: dict[str, str | None],
    incumbent: str | None,
    *,
    promoted_before: bool,
) -> bool:
    """Whether the verdict in the run's folder answers today's question."""
    folder = workspace.run(run.run_id)
    verdict = read_json(folder / "verdict.json")
    if verdict is None or not (folder / "report.html").is_file():
        return False
    same_incumbent: bool = promoted_before or verdict["incumbent"] == incumbent
    same_settings: bool = verdict["settings"] == _settings(run)
    return same_incumbent and same_settings and judged_weights(verdict) == weights


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
    if adapter_sha256(workspace.run(other) / "adapter") is None:
        progress.log(f"the model that serves, {other}, has no adapter here: no comparison", "warning")
        return None
    return other


def _test_rows(run: Run, workspace: Workspace) -> list[Row]:
    rows = load_splits(workspace.dataset(run.data.digest))["test"]
    if run.evaluate.max_rows is not None:
        rows = sorted(rows, key=lambda row: position("test rows", row["id"]))[: run.evaluate.max_rows]
    if not rows:
        raise StageError(ExitCode.DATA, "the test split is empty; raise data.split.test or add rows")
    return rows


def _judge(run: Run, workspace: Workspace, rows: list[Row], incumbent: str | None) -> dict[str, Any]:
    """Score, write evaluation.json, and decide."""
    from tuneform_trainer.evaluation.bootstrap import compare
    from tuneform_trainer.evaluation.metrics import METRICS, all_scores
    from tuneform_trainer.gate import Measured, decide

    e, schema = run.evaluate, run.evaluate.json_schema
    entered = contestants(run, workspace, incumbent)
    kept = score_all(run, workspace, rows, entered)
    scored = {who: scores.rows for who, scores in kept.items()}
    scores = {who: all_scores(run.task, answers, schema) for who, answers in scored.items()}
    compared = {
        who: compare(
            scored["tuned"], answers, METRICS[e.metric], schema, e.bootstrap_samples, e.confidence, e.seed
        )
        for who, answers in scored.items()
        if who != "tuned"
    }
    training = read_json(workspace.run(run.run_id) / "training.json") or {}
    measured = Measured(
        metric=e.metric,
        base=scores["base"][e.metric],
        tuned=scores["tuned"][e.metric],
        incumbent=scores["incumbent"][e.metric] if incumbent else None,
        improvement=compared["base"],
        regression=compared.get("incumbent"),
        rows=len(rows),
        confidence=e.confidence,
        overfitted=bool(training.get("overfitted")),
    )
    from tuneform_trainer.publishing.documents import evaluation_document, verdict_document

    identity = {
        "runId": run.run_id,
        "incumbent": incumbent,
        "testRows": len(rows),
        **weights_there(run, workspace),
        "settings": _settings(run),
    }
    evaluation = {
        **identity,
        "dataDigest": run.data.digest,
        "dtype": e.dtype,
        "shortenedPrompts": {who: found.shortened for who, found in kept.items()},
        "versions": {"python": sys.version.split()[0], **{name: version(name) for name in LIBRARIES}},
        **evaluation_document(run, rows, scored, scores, compared),
    }
    write_json(workspace.run(run.run_id) / "evaluation.json", {"schemaVersion": 1, **evaluation})
    decided = verdict_document(measured, decide(measured, run.gate))
    return {"schemaVersion": 1, **identity, **decided}
