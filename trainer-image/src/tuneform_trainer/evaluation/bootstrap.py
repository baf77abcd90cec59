"""Is one model better than another on these rows, and how sure is that?

Paired bootstrap over rows (Efron 1979; for paired systems Koehn 2004): both models' answers to the
same resampled rows are compared, so what makes a row hard cancels out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import comb

import numpy as np

from tuneform_trainer.evaluation.metrics import Floats, MetricKind, Scored, row_score

BLOCK_NUMBERS = 4_000_000  # weights in memory at a time: 32 MB


@dataclass(frozen=True)
class Comparison:
    """`delta` = left minus right, in units of the metric; `low` and `high` bound it."""

    delta: float
    low: float
    high: float
    deviation: float  # standard deviation of one row's contribution, for sample-size arithmetic
    wins: int
    losses: int
    ties: int
    p_value: float  # exact McNemar test (a sign test for metrics that are no 0/1)


def resample_weights(rows: int, samples: int, seed: int) -> Iterator[Floats]:
    """How often each row was drawn in each resample (samples x rows), in blocks of bounded size."""
    generator = np.random.default_rng(seed)
    share = np.full(rows, 1 / rows)
    block = max(1, BLOCK_NUMBERS // rows)
    for start in range(0, samples, block):
        yield generator.multinomial(rows, share, size=min(block, samples - start)).astype(float)


def compare(  # noqa: PLR0913, PLR0917 - the whole experiment
    left: list[Scored],
    right: list[Scored],
    metric: MetricKind,
    schema: dict[str, object] | None,
    samples: int,
    confidence: float,
    seed: int,
) -> Comparison:
    """Compare two models on the same rows in the same order. Raises ValueError if they are not."""
    if [row.id for row in left] != [row.id for row in right] or not left:
        raise ValueError("both models must have scored the same rows")
    contrast = _contrast(left, right, metric, schema)
    delta = float(contrast(np.ones((1, len(left))))[0])
    resampled = np.concatenate([contrast(block) for block in resample_weights(len(left), samples, seed)])
    tail = (1 - confidence) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail])
    wins, losses, ties = win_counts(left, right, metric, schema)
    deviation = float(resampled.std() * np.sqrt(len(left)))
    return Comparison(delta, float(low), float(high), deviation, wins, losses, ties, sign_test(wins, losses))


def _contrast(
    left: list[Scored], right: list[Scored], metric: MetricKind, schema: dict[str, object] | None
) -> Callable[[Floats], Floats]:
    """Left minus right for every row of weights; rows are scored once, not once a block."""
    if metric.corpus is not None:
        corpus = metric.corpus
        return lambda weights: corpus(left, weights) - corpus(right, weights)
    one = np.array([row_score(metric, row, schema) for row in left])
    other = np.array([row_score(metric, row, schema) for row in right])
    return lambda weights: weights @ (one - other) / weights.sum(axis=1)


def win_counts(
    left: list[Scored], right: list[Scored], metric: MetricKind, schema: dict[str, object] | None
) -> tuple[int, int, int]:
    """Rows on which the left model is better, worse, the same."""
    differences = [
        row_score(metric, a, schema) - row_score(metric, b, schema) for a, b in zip(left, right, strict=True)
    ]
    wins = sum(d > 0 for d in differences)
    losses = sum(d < 0 for d in differences)
    return wins, losses, len(differences) - wins - losses


def sign_test(wins: int, losses: int) -> float:
    """Two-sided exact binomial test of as many wins as losses (McNemar, for 0/1 scores)."""
    n = wins + losses
    if n == 0:
        return 1.0
    tail = sum(comb(n, k) for k in range(min(wins, losses) + 1))
    return min(1.0, float(2 * tail / 2**n))
