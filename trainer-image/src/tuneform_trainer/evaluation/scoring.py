"""Test rows through a model: label probabilities and greedy answers, on one prefill a row."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from tuneform_trainer import progress
from tuneform_trainer.chat import encode_prompt, encode_row, stop_token_ids
from tuneform_trainer.config import Run
from tuneform_trainer.data.formats import Row
from tuneform_trainer.errors import ExitCode, StageError
from tuneform_trainer.evaluation.metrics import Scored
from tuneform_trainer.evaluation.partial import PartialScores

LOGITS_BYTES = 128 * 2**20  # of one forward pass over completions; long answers go in slices


@dataclass(frozen=True)
class Encoded:
    """A row as tokens: prompt, and every completion whose probability is wanted."""

    row: Row
    prompt: list[int]
    completions: list[list[int]]  # one a label, or the reference answer only


class Scorer:
    """Scores rows with whatever adapter is active in `model`.

    Decoding is an argmax loop of our own on the cache of the prefill: nothing of the base model's
    generation_config.json (sampling, repetition penalty) can leak in.
    """

    def __init__(self, run: Run, model: Any, tokenizer: Any) -> None:
        self.run, self.model, self.tokenizer = run, model, tokenizer
        self.stops = stop_token_ids(tokenizer)
        self.pad = tokenizer.pad_token_id
        self.shortened = 0  # prompts that had to be cut to leave room for an answer
        self.room = run.serve.max_length - run.evaluate.max_new_tokens
        if self.room < 1:
            message = f"evaluate.maxNewTokens {run.evaluate.max_new_tokens} leaves no room for a prompt in"
            raise StageError(ExitCode.USAGE, f"{message} serve.maxLength {run.serve.max_length}")

    @torch.inference_mode()
    def score(self, rows: list[Row], name: str, partial: PartialScores | None = None) -> list[Scored]:
        """Answers in the order of `rows`; batches are sorted by length, so little is padding.

        Batches that `partial` knows from an interrupted run are not scored again. A row is always
        scored in the same batch, because in 16 bits the padding around it can tip a close call.
        """
        self.model.eval()
        encoded = [self._encode(row) for row in rows]
        order = sorted(range(len(rows)), key=lambda i: len(encoded[i].prompt))
        known = partial.read() if partial else {}
        report = _reporter(name, len(rows))
        scored: dict[int, Scored] = {}
        size = self.run.evaluate.batch_rows
        for start in range(0, len(order), size):
            batch = order[start : start + size]
            answers = [known[rows[i]["id"]] for i in batch if rows[i]["id"] in known]
            fresh = len(answers) < len(batch)
            if fresh:
                answers = self._batch([encoded[i] for i in batch])
                if partial:
                    partial.add(answers)
            scored.update(zip(batch, answers, strict=True))
            report(len(scored), len(batch) if fresh else 0)
        return [scored[i] for i in range(len(rows))]

    def _encode(self, row: Row) -> Encoded:
        answers = self.run.data.labels or [row["completion"][-1]["content"]]
        return Encoded(row, self._prompt(row), [self._completion(row, answer) for answer in answers])

    def _prompt(self, row: Row) -> list[int]:
        """A prompt that leaves no room for an answer loses its middle; head and tail hold the roles."""
        tokens = encode_prompt(self.tokenizer, row["prompt"])
        if len(tokens) <= self.room:
            return tokens
        self.shortened += 1
        tail = self.room - self.room // 2
        return tokens[: self.room // 2] + tokens[-tail:]

    def _completion(self, row: Row, answer: str) -> list[int]:
        _, completion = encode_row(self.tokenizer, row["prompt"], [{"role": "assistant", "content": answer}])
        return completion

    def _batch(self, batch: list[Encoded]) -> list[Scored]:
        width = max(len(each.prompt) for each in batch)
        padding = [width - len(each.prompt) for each in batch]
        ids = torch.tensor([[self.pad] * p + e.prompt for p, e in zip(padding, batch, strict=True)])
        mask = torch.tensor([[0] * p + [1] * (width - p) for p in padding])
        ids, mask = ids.to(self.model.device), mask.to(self.model.device)
        positions = (mask.cumsum(1) - 1).clamp(min=0)
        out = self.model(
            input_ids=ids, attention_mask=mask, position_ids=positions, use_cache=True, logits_to_keep=1
        )
        first = out.logits[:, -1].float().log_softmax(-1)
        chances = self._completion_chances(out.past_key_values, mask, first, batch)
        generated = self._generate(out.past_key_values, mask, first)
        return [
            self._scored(each, chance, said)
            for each, chance, said in zip(batch, chances, generated, strict=True)
        ]

    def _completion_chances(
        self, cache: Any, mask: torch.Tensor, first: torch.Tensor, batch: list[Encoded]
    ) -> list[list[float]]:
        """Summed log-probability of every completion of every row, on the shared prefix."""
        each = len(batch[0].completions)
        flat = [tokens for row in batch for tokens in row.completions]
        chances = [float(first[i // each, tokens[0]]) for i, tokens in enumerate(flat)]
        width = max(len(tokens) for tokens in flat) - 1
        shared = copy.deepcopy(cache)
        shared.batch_repeat_interleave(each)
        prefix = mask.repeat_interleave(each, dim=0)
        step = max(1, LOGITS_BYTES // (len(flat) * first.shape[-1] * first.element_size()))
        for start in range(0, width, step):
            inputs = _columns(flat, start, min(start + step, width), self.pad).to(mask.device)
            wanted = _columns(flat, start + 1, min(start + step, width) + 1, -1).to(mask.device)
            logits = self._continue(shared, prefix, inputs).float()
            picked = logits.gather(2, wanted.clamp(min=0)[..., None])[..., 0] - logits.logsumexp(-1)
            for i, part in enumerate((picked * (wanted >= 0)).sum(1).tolist()):
                chances[i] += part
            prefix = torch.cat([prefix, torch.ones_like(inputs)], dim=1)
        return [chances[i : i + each] for i in range(0, len(chances), each)]

    def _continue(self, cache: Any, mask: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
        """Logits of `tokens` after the cached prefix; the cache grows."""
        whole = torch.cat([mask, torch.ones_like(tokens)], dim=1)
        positions = mask.sum(1, keepdim=True) + torch.arange(tokens.shape[1], device=tokens.device)
        out = self.model(
            input_ids=tokens,
            attention_mask=whole,
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
        )
        logits: torch.Tensor = out.logits
        return logits

    def _generate(self, cache: Any, mask: torch.Tensor, first: torch.Tensor) -> list[str]:
        """Greedy answers, without the end-of-turn token."""
        said: list[list[int]] = [[] for _ in range(len(mask))]
        done = [False] * len(mask)
        scores = first
        for _ in range(self.run.evaluate.max_new_tokens):
            tokens = scores.argmax(-1)
            for i, token in enumerate(tokens.tolist()):
                done[i] = done[i] or token in self.stops
                if not done[i]:
                    said[i].append(token)
            if all(done):
                break
            scores = self._continue(cache, mask, tokens[:, None])[:, -1]
            mask = torch.cat([mask, torch.ones_like(tokens[:, None])], dim=1)
        return [self.tokenizer.decode(tokens, skip_special_tokens=True) for tokens in said]

    def _scored(self, each: Encoded, chances: list[float], said: str) -> Scored:
        labels = self.run.data.labels
        reference = each.row["completion"][-1]["content"].strip()
        if labels:
            prediction = labels[max(range(len(labels)), key=lambda i: chances[i])]
            right = labels.index(reference)
        else:
            prediction, right = said.strip(), 0
        nll = -chances[right] / len(each.completions[right])
        return Scored(each.row["id"], reference, prediction, said.strip(), nll)


def _columns(rows: list[list[int]], start: int, end: int, filler: int) -> torch.Tensor:
    """Columns start..end of ragged token rows, filled up where a row has ended."""
    return torch.tensor([(r[start:end] + [filler] * (end - start))[: end - start] for r in rows])


def _reporter(name: str, total: int) -> Callable[[int, int], None]:
    """Progress now and then; the time left is judged by the rows scored in this process."""
    began, shown, worked = time.monotonic(), 0.0, 0
    interval = progress.interval_seconds()

    def report(done: int, fresh: int) -> None:
        nonlocal shown, worked
        worked += fresh
        now = time.monotonic()
        if worked and (now - shown > interval or done == total):
            shown = now
            left = (now - began) / worked * (total - done)
            progress.step(f"evaluate {name}", done, total, eta_seconds=left)

    return report
