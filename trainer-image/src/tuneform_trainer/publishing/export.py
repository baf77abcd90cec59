"""A published run where other systems, and servers, find it: a bucket that is mounted as a folder."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from tuneform_trainer import progress
from tuneform_trainer.config import Run
from tuneform_trainer.errors import ExitCode, StageError
from tuneform_trainer.workspace import Workspace, adapter_sha256, read_json

MARKER = "published.json"  # written last: a folder without it is half there


def export_run(run: Run, workspace: Workspace, adapters: Path | None, registry: Path | None) -> None:
    """Copy the promoted run's adapter to `adapters`, then its entry to `registry`, where they are given: an
    entry there is of an adapter that is whole. Raises as the two do.
    """
    if adapters is not None:
        export_adapter(run, workspace, adapters)
    if registry is not None:
        export_entry(run, workspace, registry)


def export_adapter(run: Run, workspace: Workspace, folder: Path) -> Path:
    """Copy the promoted run's adapter, contract and model card to `folder`/<name>/<run id>; the folder made.

    Files are written from beginning to end, never renamed or deleted, and without times or modes: that is
    all that a mounted bucket can do. Idempotent; an export that was broken off is written over. Raises
    StageError(USAGE) where another adapter of this run lies there whole.
    """
    _entry(run, workspace)
    target = folder / run.name / run.run_id
    adapter = workspace.adapter(run)
    digest = adapter_sha256(adapter)
    marker = {"schemaVersion": 1, "runId": run.run_id, "adapterSha256": digest}
    there = read_json(target / MARKER)
    if there == marker:
        return target
    if there is not None:
        raise _never_replaced(target, there["adapterSha256"], digest)
    (target / "adapter").mkdir(parents=True, exist_ok=True)
    for file in sorted(adapter.iterdir()):
        shutil.copyfile(file, target / "adapter" / file.name)
    for name in ("contract.json", "model-card.md"):
        shutil.copyfile(workspace.run(run.run_id) / name, target / name)
    (target / MARKER).write_text(json.dumps(marker, indent=2) + "\n")
    progress.log(f"adapter copied to {target}")
    return target


def export_entry(run: Run, workspace: Workspace, folder: Path) -> Path:
    """Copy the promoted run's entry of the registry to `folder`/<name>/<run id>.json; the file made.

    The first entry of a run stays; one that was broken off is written over. Raises StageError(USAGE) where
    one of another adapter lies there.
    """
    entry = _entry(run, workspace)
    target = folder / run.name / f"{run.run_id}.json"
    there = read_json(target)
    if there is not None:
        if there["adapterSha256"] != entry["adapterSha256"]:
            raise _never_replaced(target, there["adapterSha256"], entry["adapterSha256"])
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(_entry_file(run, workspace), target)
    progress.log(f"registry entry copied to {target}")
    return target


def _entry_file(run: Run, workspace: Workspace) -> Path:
    return workspace.registry(run.name) / "versions" / f"{run.run_id}.json"


def _entry(run: Run, workspace: Workspace) -> dict[str, Any]:
    entry: dict[str, Any] | None = read_json(_entry_file(run, workspace))
    if entry is None:
        raise ValueError(f"run {run.run_id} is not published: a defect of the stages")
    return entry


def _never_replaced(target: Path, there: str, new: str | None) -> StageError:
    message = (
        f"{target} is of another adapter (sha256 {there}) than this workspace has of the run ({new}), and "
        "what is published is never replaced: copy that adapter back into the workspace, or move what lies "
        "there away, if nothing uses it"
    )
    return StageError(ExitCode.USAGE, message)
