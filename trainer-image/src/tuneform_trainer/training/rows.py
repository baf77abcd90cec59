"""Prepared rows as the trainer's tokens: one code path decides what is learnt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tuneform_trainer.chat import encode_row
from tuneform_trainer.data.formats import Row
from tuneform_trainer.data.tokens import fit

IGNORED = -100  # label of positions without loss, as in torch.nn.functional.cross_entropy


def encoded(rows: list[Row], tokenizer: Any, max_length: int) -> Any:
    """A datasets.Dataset with `input_ids` and `labels`; the loss is on the completion only."""
    from datasets import Dataset

    columns: dict[str, list[list[int]]] = {"input_ids": [], "labels": []}
    for row in rows:
        prompt, completion = fit(*encode_row(tokenizer, row["prompt"], row["completion"]), max_length)
        columns["input_ids"].append(prompt + completion)
        columns["labels"].append([IGNORED] * len(prompt) + completion)
    return Dataset.from_dict(columns)


@dataclass(frozen=True)
class PadRight:
    """Pads a micro-batch; labels are padded apart, so an end token equal to padding is still learnt."""

    pad_token_id: int

    def __call__(self, rows: list[dict[str, list[int]]]) -> dict[str, Any]:
        import torch

        width = max(len(row["input_ids"]) for row in rows)

        def padded(values: list[int], filler: int) -> list[int]:
            return values + [filler] * (width - len(values))

        return {
            "input_ids": torch.tensor([padded(r["input_ids"], self.pad_token_id) for r in rows]),
            "attention_mask": torch.tensor([padded([1] * len(r["input_ids"]), 0) for r in rows]),
            "labels": torch.tensor([padded(r["labels"], IGNORED) for r in rows]),
        }
