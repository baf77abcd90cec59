"""Rows already scored survive kill -9: one line a row, appended and synced after each batch."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path

from tuneform_trainer.evaluation.metrics import Scored
from tuneform_trainer.workspace import storage_errors


class PartialScores:
    """An append-only file of scored rows; a line that a crash cut short is dropped."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> dict[str, Scored]:
        """Scored rows by id. Cuts a torn last line off, so that the next one starts cleanly."""
        if not self.path.is_file():
            return {}
        content = self.path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) < len(content):
            os.truncate(self.path, len(whole))
        return {row.id: row for row in (Scored(**json.loads(line)) for line in whole.splitlines())}

    def add(self, rows: list[Scored]) -> None:
        """Append a batch and wait until it is on the disk."""
        with storage_errors(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8") as file:
                file.writelines(json.dumps(asdict(row)) + "\n" for row in rows)
                file.flush()
                os.fsync(file.fileno())

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)
