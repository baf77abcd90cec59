"""Rows as the base's tokenizer sees them: lengths, truncation, and what cannot be rendered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tuneform_trainer.chat import encode_row
from tuneform_trainer.data.findings import Finding, finding, share_finding
from tuneform_trainer.data.formats import Row

Encoded = tuple[list[int], list[int]]


def fit(prompt: list[int], completion: list[int], max_length: int) -> Encoded:
    """Cut a row to `max_length` tokens, the prompt's middle first: its end asks, its start instructs.

    The completion is what is learnt, so it is cut only when it alone is too long.
    """
    room = max_length - len(completion)
    if len(prompt) <= room:
        return prompt, completion
    if room <= 0:
        return [], completion[:max_length]
    start = room // 2
    return prompt[:start] + prompt[len(prompt) - (room - start) :], completion


def measure(
    splits: dict[str, list[Row]],
    tokenizer: Any,
    max_length: int,
    max_truncated_share: float,
    report: Callable[[int], None] = lambda _: None,
) -> tuple[dict[str, Any], list[Finding]]:
    """Token statistics of every split, and findings about rendering and truncation."""
    statistics: dict[str, Any] = {}
    unrendered: list[str] = []
    untrained: list[str] = []
    truncated: list[str] = []
    done = 0
    for name, rows in splits.items():
        lengths: list[int] = []
        trained = 0
        cut = 0
        for row in rows:
            done += 1
            report(done)
            try:
                prompt, completion = encode_row(tokenizer, row["prompt"], row["completion"])
            except Exception as error:
                unrendered.append(f"{row['id']}: {error}")
                continue
            kept_prompt, kept = fit(prompt, completion, max_length)
            if not kept_prompt:
                untrained.append(row["id"])
            if len(prompt) + len(completion) > max_length:
                cut += 1
                truncated.append(row["id"])
            lengths.append(len(kept_prompt) + len(kept))
            trained += len(kept)
        statistics[name] = _summary(lengths, trained, cut)
    total = sum(len(rows) for rows in splits.values())
    return statistics, [
        *finding("template", "error", "the chat template does not render the row", unrendered),
        *finding(
            "no room for the prompt",
            "error",
            f"the answer alone fills train.maxLength ({max_length} tokens)",
            untrained,
        ),
        *share_finding(
            "truncation",
            f"are longer than {max_length} tokens",
            truncated,
            total,
            max_truncated_share,
        ),
    ]


def _summary(lengths: list[int], trained: int, truncated: int) -> dict[str, Any]:
    ordered = sorted(lengths) or [0]

    def percentile(share: float) -> int:
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    return {
        "rows": len(lengths),
        "tokens": sum(lengths),
        "trainedTokens": trained,
        "truncatedRows": truncated,
        "length": {
            "p50": percentile(0.5),
            "p95": percentile(0.95),
            "p99": percentile(0.99),
            "max": ordered[-1],
        },
    }
