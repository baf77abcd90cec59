"""The gate: a pure decision over what was measured: promoted, rejected or undecidable, and why."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from statistics import NormalDist
from typing import Literal

from tuneform_trainer.config import Gate
from tuneform_trainer.evaluation.bootstrap import Comparison

Decision = Literal["promoted", "rejected", "undecidable"]


@dataclass(frozen=True)
class Measured:
    """What the decision rests on. Scores in units of the metric, 0..1."""

    metric: str
    base: float
    tuned: float
    incumbent: float | None
    improvement: Comparison  # tuned minus base
    regression: Comparison | None  # tuned minus incumbent
    rows: int
    confidence: float
    overfitted: bool


@dataclass(frozen=True)
class Verdict:
    decision: Decision
    reason: str
    rows_needed: int | None  # test rows with which it could be decided


def decide(measured: Measured, gate: Gate) -> Verdict:
    """Better than the base by the margin, and not worse than what serves, with confidence."""
    m = measured
    scores = f"{m.metric} {m.tuned:.3f} tuned against {m.base:.3f} base on {m.rows} test rows"
    interval = f"{m.improvement.low:+.3f} to {m.improvement.high:+.3f} at {m.confidence:.0%}"
    note = "; validation turned during training: the best checkpoint was taken" if m.overfitted else ""
    if gate.min_score is not None and m.tuned < gate.min_score:
        return Verdict("rejected", f"{scores}: below gate.minScore {gate.min_score:.3f}{note}", None)
    if m.improvement.delta < gate.min_improvement:
        reason = f"{scores}: the gain {m.improvement.delta:+.3f} ({interval}) is below gate.minImprovement"
        return Verdict("rejected", f"{reason} {gate.min_improvement:.3f}{note}", None)
    worse = m.regression is not None and m.regression.delta < -gate.max_regression
    if worse and m.regression is not None and m.incumbent is not None:
        against = f"{m.incumbent:.3f} for the model that serves"
        reason = f"{scores}, but {against}: {m.regression.delta:+.3f} is more loss"
        return Verdict(
            "rejected", f"{reason} than gate.maxRegression {gate.max_regression:.3f} allows{note}", None
        )
    if m.improvement.low < gate.min_improvement:
        needed = _rows_needed(m, m.improvement, gate.min_improvement)
        reason = f"{scores}: the gain is {interval}, which does not rule out less than"
        return _undecidable(f"{reason} gate.minImprovement {gate.min_improvement:.3f}", needed, note)
    if m.regression is not None and m.regression.low < -gate.max_regression:
        needed = _rows_needed(m, m.regression, -gate.max_regression)
        change = f"{m.regression.low:+.3f} to {m.regression.high:+.3f}"
        reason = (
            f"{scores}: against the model that serves it is {change}, which does not rule out more loss than"
        )
        return _undecidable(f"{reason} gate.maxRegression {gate.max_regression:.3f}", needed, note)
    return Verdict("promoted", f"{scores}: gain {m.improvement.delta:+.3f} ({interval}){note}", None)


def _undecidable(reason: str, needed: int, note: str) -> Verdict:
    return Verdict("undecidable", f"{reason}; about {needed} test rows would decide it{note}", needed)


def _rows_needed(measured: Measured, comparison: Comparison, threshold: float) -> int:
    """Rows at which the interval's lower bound would reach the threshold if delta stayed the same:
    n = (z·s/(delta - threshold))², the normal approximation of a mean's interval."""
    z = NormalDist().inv_cdf((1 + measured.confidence) / 2)
    margin = max(comparison.delta - threshold, 1e-3)
    return max(measured.rows + 1, ceil((z * comparison.deviation / margin) ** 2))
