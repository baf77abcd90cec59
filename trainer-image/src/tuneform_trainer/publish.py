"""The fourth stage: what a promoted run hands on. A run that the gate refused ends here."""

from __future__ import annotations

import time

from tuneform_trainer import progress
from tuneform_trainer.config import Run
from tuneform_trainer.errors import ExitCode, StageError
from tuneform_trainer.workspace import Workspace, adapter_sha256, read_json, write_atomically, write_json

REFUSED = {"rejected": ExitCode.REJECTED, "undecidable": ExitCode.UNDECIDABLE}


def publish(run: Run, workspace: Workspace) -> None:
    """Write contract, model card and registry entry, and make this run the one that serves.

    Raises StageError(REJECTED or UNDECIDABLE) with the gate's reason, StageError(BASE_MODEL) when
    vLLM would refuse the adapter, StageError(USAGE) when it is not the one that was evaluated.
    """
    folder = workspace.run(run.run_id)
    verdict = read_json(folder / "verdict.json")
    if verdict is None:
        raise StageError(ExitCode.USAGE, f"run {run.run_id} has no verdict yet: evaluate it first")
    if verdict["decision"] != "promoted":
        message = f"{verdict['decision']} by the gate: {verdict['reason']}"
        raise StageError(REFUSED[verdict["decision"]], message)
    adapter = adapter_sha256(workspace.adapter(run))
    if verdict.get("adapterSha256") != adapter:
        message = f"the adapter of run {run.run_id} is not the one that was evaluated: evaluate it again"
        raise StageError(ExitCode.USAGE, message)
    registry = workspace.registry(run.name)
    version_file = registry / "versions" / f"{run.run_id}.json"
    current = read_json(registry / "current.json") or {}
    entry = read_json(version_file)
    whole = entry is not None and entry["adapterSha256"] == adapter
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
                "adapterSha256": adapter,
                "verdict": verdict,
                "contract": agreed,
                "publishedAt": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            },
        )
    write_json(registry / "current.json", {"schemaVersion": 1, "runId": run.run_id, "modelId": run.model_id})
    progress.stage("publish", "done", run.model_id)
