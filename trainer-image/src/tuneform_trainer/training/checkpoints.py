"""Checkpoints that survive `kill -9`: one counts only with its marker, which is written last."""

from __future__ import annotations

import shutil
from pathlib import Path

from tuneform_trainer import progress
from tuneform_trainer.workspace import read_json, write_json

MARKER = "complete.json"
PREFIX = "checkpoint-"


def mark_complete(folder: Path, identity: str) -> None:
    """Everything of this checkpoint is on the disk; `identity` says of which run settings."""
    sizes = {file.name: file.stat().st_size for file in sorted(folder.iterdir()) if file.is_file()}
    write_json(folder / MARKER, {"schemaVersion": 1, "identity": identity, "files": sizes})


def is_complete(folder: Path, identity: str) -> bool:
    """All files are there with their sizes, and they are of this run."""
    marker = read_json(folder / MARKER)
    if marker is None or marker.get("identity") != identity:
        return False
    files: dict[str, int] = marker["files"]
    return all(
        (folder / name).is_file() and (folder / name).stat().st_size == size for name, size in files.items()
    )


def step_of(folder: Path) -> int:
    return int(folder.name.removeprefix(PREFIX))


def all_checkpoints(folder: Path) -> list[Path]:
    """By step, oldest first."""
    found = [p for p in folder.glob(f"{PREFIX}*") if p.name.removeprefix(PREFIX).isdigit()]
    return sorted(found, key=step_of)


def last_complete(folder: Path, identity: str) -> Path | None:
    """The newest whole checkpoint; half-written ones are stepped over and removed."""
    for checkpoint in reversed(all_checkpoints(folder)):
        if is_complete(checkpoint, identity):
            return checkpoint
        progress.log(f"{checkpoint.name} is not complete and was stepped over")
        shutil.rmtree(checkpoint, ignore_errors=True)
    return None


def keep_last(folder: Path, count: int) -> None:
    """Remove older checkpoints, only after newer ones are whole."""
    for old in all_checkpoints(folder)[:-count]:
        shutil.rmtree(old, ignore_errors=True)
