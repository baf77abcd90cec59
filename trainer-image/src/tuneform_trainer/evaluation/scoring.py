"""Test rows through a model: label probabilities and greedy answers, on one prefill a row."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from typing import Any

import torch

from tuneform_trainer import progress
from tuneform_trainer.chat import encode_prompt, encode_row, stop_token_ids
from tuneform_trainer.config import Run
from tuneform_trainer.data.formats import Row
from tuneform_trainer.evaluation.metrics import Scored


class Scorer:
    """Scores rows with whatever adapter is active in `model`; greedy, no sampling settings inherited."""

    def __init__(self, run: Run, model: Any, tokenizer: Any) -> None:
        self.run, self.model, self.tokenizer = run, model, tokenizer
        self.stops = stop_token_ids(tokenizer)
        self.pad = tokenizer.pad_token_id

    @torch.inference_mode()
    def score(self, rows: list[Row], name: str) -> list[Scored]:
        """Answers in the order of `rows`; batches are sorted by length, so little is padding."""
        self.model.eval()
        prompts = [self._prompt(row) for row in rows]
        order = sorted(range(len(rows)), key=lambda i: len(prompts[i]))
        report = _reporter(name, len(rows))
        scored: dict[int, Scored] = {}
        size = self.run.evaluate.batch_rows
        for start in range(0, len(order), size):
            batch = order[start : start + size]
            answers = self._batch([rows[i] for i in batch], [prompts[i] for i in batch])
            scored.update(zip(batch, answers, strict=True))
            report(len(scored))
        return [scored[i] for i in range(len(rows))]

    def _prompt(self, row: Row) -> list[int]:
        tokens = encode_prompt(self.tokenizer, row["prompt"])
        room = self.run.serve.max_length - self.run.evaluate.max_new_tokens
        return tokens if len(tokens) <= room else tokens[: room // 2] + tokens[-(room - room // 2) :]

    def _batch(self, rows: list[Row], prompts: list[list[int]]) -> list[Scored]:
        width = max(len(prompt) for prompt in prompts)
        ids = torch.tensor([[self.pad] * (width - len(p)) + p for p in prompts])
        mask = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts])
        ids, mask = ids.to(self.model.device), mask.to(self.model.device)
        positions = (mask.cumsum(1) - 1).clamp(min=0)
        out = self.model(
            input_ids=ids, attention_mask=mask, position_ids=positions, use_cache=True, logits_to_keep=1
        )
        first = out.logits[:, -1].float().log_softmax(-1)
        candidates = self.run.data.labels
        completions = [
            [self._completion(row, label) for label in candidates]
            if candidates
            else [self._completion(row, row["completion"][-1]["content"])]
            for row in rows
        ]
        chances = self._completion_chances(out.past_key_values, mask, first, completions)
        generated = self._generate(out.past_key_values, mask, first)
        return [
            self._scored(row, chance, texts, said)
            for row, chance, texts, said in zip(rows, chances, completions, generated, strict=True)
        ]

    def _completion(self, row: Row, answer: str) -> list[int]:
        _, completion = encode_row(self.tokenizer, row["prompt"], [{"role": "assistant", "content": answer}])
        return completion

    def _completion_chances(
        self, cache: Any, mask: torch.Tensor, first: torch.Tensor, completions: list[list[list[int]]]
    ) -> list[list[float]]:
        """Summed log-probability of every completion of every row, on the shared prefix."""
        each = len(completions[0])
        flat = [tokens for row in completions for tokens in row]
        chances = [float(first[i // each, tokens[0]]) for i, tokens in enumerate(flat)]
        width = max(len(tokens) for tokens in flat) - 1
        if width > 0:
            shared = copy.deepcopy(cache)
            shared.batch_repeat_interleave(each)
            inputs = torch.tensor([(t + [self.pad] * width)[:width] for t in flat], device=mask.device)
            prefix = mask.repeat_interleave(each, dim=0)
            logits = self._continue(shared, prefix, inputs).float().log_softmax(-1)
            for i, tokens in enumerate(flat):
                chances[i] += sum(float(logits[i, k, token]) for k, token in enumerate(tokens[1:]))
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

    def _scored(self, row: Row, chances: list[float], completions: list[list[int]], said: str) -> Scored:
        labels = self.run.data.labels
        reference = row["completion"][-1]["content"].strip()
        if labels:
            prediction = labels[max(range(len(labels)), key=lambda i: chances[i])]
            right = labels.index(reference)
        else:
            prediction, right = said.strip(), 0
        nll = -chances[right] / len(completions[right])
        return Scored(row["id"], reference, prediction, said.strip(), nll)


def _reporter(name: str, total: int) -> Callable[[int], None]:
    began = time.monotonic()
    shown = 0.0

    def report(done: int) -> None:
        nonlocal shown
        now = time.monotonic()
        if now - shown > 1 or done == total:
            shown = now
            left = (now - began) / done * (total - done)
            progress.step(f"evaluate {name}", done, total, eta_seconds=left)

    return report
