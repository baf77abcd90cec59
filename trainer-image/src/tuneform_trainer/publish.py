"""The fourth stage: what a promoted run hands on. A run that the gate refused ends here."""

from __future__ import annotations

import shutil
import time

from tuneform_trainer import progress
from tuneform_trainer.config import Run
from tuneform_trainer.errors import ExitCode, StageError
from tuneform_trainer.merged import judged_weights, weights_there
from tuneform_trainer.workspace import Workspace, read_json, write_atomically, write_json

REFUSED = {"rejected": ExitCode.REJECTED, "undecidable": ExitCode.UNDECIDABLE}


def publish(run: Run, workspace: Workspace) -> None:
    """Write contract, model card and registry entry, and make this run the one that serves.

    Merged weights of a run that was refused are removed: they are gigabytes that nobody serves, and can
    be made again from the adapter, which stays.

    Raises StageError(REJECTED or UNDECIDABLE) with the gate's reason, StageError(BASE_MODEL) when
    vLLM would refuse the adapter, StageError(USAGE) when it is not the one that was evaluated.
    """
    folder = workspace.run(run.run_id)
    verdict = read_json(folder / "verdict.json")
    if verdict is None:
        raise StageError(ExitCode.USAGE, f"run {run.run_id} has no verdict yet: evaluate it first")
    registry = workspace.registry(run.name)
    current = read_json(registry / "current.json") or {}
    if verdict["decision"] != "promoted":
        if current.get("runId") != run.run_id:
            shutil.rmtree(workspace.merged(run.run_id), ignore_errors=True)
        message = f"{verdict['decision']} by the gate: {verdict['reason']}"
        raise StageError(REFUSED[verdict["decision"]], message)
    weights = weights_there(run, workspace)
    if judged_weights(verdict) != weights:
        message = f"the weights of run {run.run_id} are not those that were evaluated: evaluate it again"
        raise StageError(ExitCode.USAGE, message)
    version_file = registry / "versions" / f"{run.run_id}.json"
    entry = read_json(version_file)
    whole = entry is not None and judged_weights(entry) == weights
    if whole and current.get("runId") == run.run_id:
        progress.stage("publish", "skipped")
        return
    progress.stage("publish", "start")
    if not whole:
        from tuneform_trainer.publishing.contract import contract
        from tuneform_trainer.publishing.report import model_card

        agreed = contract(run, workspace)
        write_json(folder / "contract.json", agreed)
        write_atomically(folder / "model-card.md", model_card(run, workspace, verdict))
        write_json(
            version_file,
            {
                "schemaVersion": 1,
                "name": run.name,
                "runId": run.run_id,
                "modelId": run.model_id,
                "adapter": str(workspace.adapter(run).relative_to(workspace.root)),
                **weights,
                "verdict": verdict,
                "contract": agreed,
                "publishedAt": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            },
        )
    write_json(registry / "current.json", {"schemaVersion": 1, "runId": run.run_id, "modelId": run.model_id})
    progress.stage("publish", "done", run.model_id)
