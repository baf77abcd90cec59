"""Prepared rows as the trainer's tokens: one code path decides what is learnt."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch

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
        width = max(len(row["input_ids"]) for row in rows)

        def padded(values: list[int], filler: int) -> list[int]:
            return values + [filler] * (width - len(values))

        return {
            "input_ids": torch.tensor([padded(r["input_ids"], self.pad_token_id) for r in rows]),
            "attention_mask": torch.tensor([padded([1] * len(r["input_ids"]), 0) for r in rows]),
            "labels": torch.tensor([padded(r["labels"], IGNORED) for r in rows]),
        }


class LengthGroupedSampler(torch.utils.data.Sampler[int]):
    """Batches of rows of similar length, so that little is padding, in an order that depends on seed and
    epoch only: transformers' own sampler goes on from the epoch before, so a resumed run would see other
    batches than an undisturbed one."""

    BATCHES_SORTED_TOGETHER = 8

    def __init__(self, lengths: list[int], batch_size: int, seed: int) -> None:
        self.lengths, self.batch_size, self.seed = lengths, batch_size, seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
        order = torch.randperm(len(self.lengths), generator=generator).tolist()
        pool = self.batch_size * self.BATCHES_SORTED_TOGETHER
        batches: list[list[int]] = []
        for start in range(0, len(order), pool):
            together = sorted(order[start : start + pool], key=lambda row: -self.lengths[row])
            batches += [together[i : i + self.batch_size] for i in range(0, len(together), self.batch_size)]
        # An incomplete batch stays last: elsewhere it would shift the cut of all that follow.
        whole = [batch for batch in batches if len(batch) == self.batch_size]
        rest = [row for batch in batches if len(batch) < self.batch_size for row in batch]
        for index in torch.randperm(len(whole), generator=generator).tolist():
            yield from whole[index]
        yield from rest
