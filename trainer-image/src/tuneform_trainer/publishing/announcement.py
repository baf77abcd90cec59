"""The verdict where a program outside the cluster reads it: in the run's ConfigMap."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from tuneform_trainer import progress
from tuneform_trainer.cluster import patch_config_map, this_cluster
from tuneform_trainer.config import Run
from tuneform_trainer.errors import StageError
from tuneform_trainer.publish import REFUSED, publish
from tuneform_trainer.publishing.export import export_run
from tuneform_trainer.workspace import Workspace, read_json

MOST_BYTES = 900_000  # the API server takes 1 MiB in all


def publish_and_announce(
    run: Run,
    workspace: Workspace,
    config_map: str,
    adapters: Path | None = None,
    registry: Path | None = None,
) -> None:
    """As `publish`, then write the verdict into the ConfigMap. `adapters` and `registry`: folders that get a
    copy of the promoted adapter and of its entry, before anybody is told of it; servers may read them there.
    So do those of a run that was published before.

    A decided verdict is a success whatever the decision: the program that reads it fails the update,
    and a failed Job would be tried again. Other errors are raised as `publish` does, and
    StageError(ENVIRONMENT) when the verdict cannot be written.
    """
    try:
        publish(run, workspace)
        export_run(run, workspace, adapters, registry)
    except StageError as error:
        if error.code not in REFUSED.values():
            raise
        progress.log(error.message, "warning")
    patch_config_map(this_cluster(), config_map, announcement(run, workspace))
    progress.log(f"verdict written to ConfigMap {config_map}")


def announcement(run: Run, workspace: Workspace) -> dict[str, str]:
    """The ConfigMap's data; texts, since a ConfigMap holds nothing else."""
    folder = workspace.run(run.run_id)
    verdict: dict[str, Any] = read_json(folder / "verdict.json") or {}
    data = {
        "runId": run.run_id,
        "decision": verdict["decision"],
        "reason": verdict["reason"],
        "verdict.json": _compact(verdict),
        "training.json": _compact(read_json(folder / "training.json") or {}),
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
    if _size(data) > MOST_BYTES:
        # The settings hold the spec's whole JSON schema, and whoever reads this has the spec.
        data["verdict.json"] = _compact({k: v for k, v in verdict.items() if k != "settings"})
    return data


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False)


def _size(data: dict[str, str]) -> int:
    return sum(len(key.encode()) + len(text.encode()) for key, text in data.items())
