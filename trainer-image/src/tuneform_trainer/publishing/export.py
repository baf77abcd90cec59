"""A published adapter where other systems find it: a bucket that is mounted as a folder."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from tuneform_trainer import progress
from tuneform_trainer.config import Run
from tuneform_trainer.workspace import Workspace, adapter_sha256, read_json

MARKER = "published.json"  # written last: a folder without it is half there


def export_adapter(run: Run, workspace: Workspace, folder: Path) -> Path:
    """Copy the promoted run's adapter, contract and model card to `folder`/<name>/<run id>; the folder made.

    The name holds the run id, so nothing there is ever replaced by something else. Files are written from
    beginning to end, never renamed or deleted, and without times or modes: that is all that a mounted
    bucket can do. Idempotent; an export that was broken off is written over.
    """
    entry = read_json(workspace.registry(run.name) / "versions" / f"{run.run_id}.json")
    if entry is None:
        raise ValueError(f"run {run.run_id} is not published: a defect of the stages")
    target = folder / run.name / run.run_id
    adapter = workspace.adapter(run)
    marker = {"schemaVersion": 1, "runId": run.run_id, "adapterSha256": adapter_sha256(adapter)}
    if read_json(target / MARKER) == marker:
        return target
    (target / "adapter").mkdir(parents=True, exist_ok=True)
    for file in sorted(adapter.iterdir()):
        shutil.copyfile(file, target / "adapter" / file.name)
    for name in ("contract.json", "model-card.md"):
        shutil.copyfile(workspace.run(run.run_id) / name, target / name)
    (target / MARKER).write_text(json.dumps(marker, indent=2) + "\n")
    progress.log(f"adapter copied to {target}")
    return target
