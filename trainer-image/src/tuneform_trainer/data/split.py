"""Which split a row belongs to: decided by a hash of its group, so that no rerun and no added row
ever moves another row between train and test."""

from __future__ import annotations

import hashlib

from tuneform_trainer.config import Split
from tuneform_trainer.data.formats import Row

SPLITS = ("train", "validation", "test")


def position(seed: str, key: str) -> float:
    """A number in [0, 1) that depends on seed and key only."""
    digest = hashlib.sha256(f"{seed}\0{key}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def split_of(split: Split, group: str) -> str:
    """The split of a group: test first, so that changing the validation share leaves it alone."""
    place = position(split.seed, group)
    if place < split.test:
        return "test"
    return "validation" if place < split.test + split.validation else "train"


def take(rows: list[Row], most: int | None, seed: str) -> list[Row]:
    """At most `most` rows, a fixed random choice by hash of the id, in their old order."""
    if most is None or len(rows) <= most:
        return rows
    chosen = sorted(rows, key=lambda row: position(f"{seed} rows", row["id"]))[:most]
    kept = {id(row) for row in chosen}
    return [row for row in rows if id(row) in kept]
