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
    """Better than the base by the margin, and not worse than what serves, with confidence.

    `rejected` where what was measured misses a margin; `undecidable` where it meets every margin but
    an interval reaches past one, so that more test rows would tell; else `promoted`.
    """
    m = measured
    scores = f"{m.metric} {m.tuned:.3f} tuned against {m.base:.3f} base on {m.rows} test rows"
    if m.incumbent is not None:
        scores += f", {m.incumbent:.3f} for the model that serves"
    gain = f"the gain of {m.improvement.delta:+.3f} ({_interval(m, m.improvement)})"
    note = "; validation turned during training: the best checkpoint was taken" if m.overfitted else ""
    missed = _missed(m, gate, gain)
    if missed:
        return Verdict("rejected", f"{scores}: {'; '.join(missed)}{note}", None)
    doubts = _doubts(m, gate, gain)
    if doubts:
        needed = max(rows for _, rows in doubts)
        advice = f"about {needed} test rows would decide it (normal approximation of the paired differences)"
        return Verdict(
            "undecidable", f"{scores}: {'; '.join(text for text, _ in doubts)}; {advice}{note}", needed
        )
    return Verdict("promoted", f"{scores}: {gain} reaches {_margin(gate)}{note}", None)


def _margin(gate: Gate) -> str:
    return f"gate.minImprovement {gate.min_improvement:.3f}"


def _interval(measured: Measured, comparison: Comparison) -> str:
    return f"{comparison.low:+.3f} to {comparison.high:+.3f} at {measured.confidence:.0%}"


def _missed(m: Measured, gate: Gate, gain: str) -> list[str]:
    """Every margin that the measured scores themselves miss."""
    missed = []
    if gate.min_score is not None and m.tuned < gate.min_score:
        missed.append(f"the tuned score is below gate.minScore {gate.min_score:.3f}")
    if m.improvement.delta < gate.min_improvement:
        missed.append(f"{gain} is below {_margin(gate)}")
    if m.regression is not None and m.regression.delta < -gate.max_regression:
        change = f"{m.regression.delta:+.3f} against the model that serves"
        missed.append(f"{change} is more loss than gate.maxRegression {gate.max_regression:.3f} allows")
    return missed


def _doubts(m: Measured, gate: Gate, gain: str) -> list[tuple[str, int]]:
    """Every margin that the scores meet but an interval reaches past, with the rows that would tell."""
    doubts = []
    if m.improvement.low < gate.min_improvement:
        text = f"{gain} does not rule out less than {_margin(gate)}"
        doubts.append((text, _rows_needed(m, m.improvement, gate.min_improvement)))
    if m.regression is not None and m.regression.low < -gate.max_regression:
        change = f"{m.regression.delta:+.3f} against the model that serves ({_interval(m, m.regression)})"
        text = f"{change} does not rule out more loss than gate.maxRegression {gate.max_regression:.3f}"
        doubts.append((text, _rows_needed(m, m.regression, -gate.max_regression)))
    return doubts


def _rows_needed(measured: Measured, comparison: Comparison, threshold: float) -> int:
    """Rows at which the interval's lower bound would reach the threshold if delta stayed the same:
    n = (z·s/(delta - threshold))², the normal approximation of the interval of a mean of paired
    differences, s being the standard deviation of one pair's difference."""
    z = NormalDist().inv_cdf((1 + measured.confidence) / 2)
    margin = max(comparison.delta - threshold, 1e-3)  # a gain exactly at the margin would need infinity
    return max(measured.rows + 1, ceil((z * comparison.deviation / margin) ** 2))
