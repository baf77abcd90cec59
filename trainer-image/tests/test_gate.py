"""The gate is a pure function: what it promises holds for any measurement."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tuneform_trainer.config import Gate
from tuneform_trainer.evaluation.bootstrap import Comparison
from tuneform_trainer.gate import Measured, decide

ORDER = {"rejected": 0, "undecidable": 1, "promoted": 2}
share = st.floats(0, 1)
half_width = st.floats(0, 0.4)


@st.composite
def measurements(draw: st.DrawFn) -> Measured:
    """Scores 0..1 with intervals around their differences, with and without an incumbent."""
    base, tuned = draw(share), draw(share)
    incumbent = draw(st.none() | share)
    rows = draw(st.integers(2, 5000))

    def comparison(other: float) -> Comparison:
        delta, half = tuned - other, draw(half_width)
        return Comparison(delta, delta - half, delta + half, half * rows**0.5 / 1.96, 1, 1, rows - 2, 0.5)

    return Measured(
        metric="accuracy",
        base=base,
        tuned=tuned,
        incumbent=incumbent,
        improvement=comparison(base),
        regression=None if incumbent is None else comparison(incumbent),
        rows=rows,
        confidence=0.95,
        overfitted=draw(st.booleans()),
    )


@st.composite
def gates(draw: st.DrawFn) -> Gate:
    return Gate(
        min_improvement=draw(st.floats(0, 0.5)),
        max_regression=draw(st.floats(0, 0.2)),
        min_score=draw(st.none() | share),
    )


@given(measurements(), gates())
def test_promoted_means_every_margin_is_reached_with_confidence(found: Measured, gate: Gate) -> None:
    reached = (
        found.improvement.low >= gate.min_improvement
        and found.improvement.delta >= gate.min_improvement
        and (found.regression is None or found.regression.low >= -gate.max_regression)
        and (gate.min_score is None or found.tuned >= gate.min_score)
    )
    assert (decide(found, gate).decision == "promoted") == reached


@given(measurements(), gates())
def test_rejected_means_a_measured_score_misses_a_margin(found: Measured, gate: Gate) -> None:
    missed = (
        found.improvement.delta < gate.min_improvement
        or (found.regression is not None and found.regression.delta < -gate.max_regression)
        or (gate.min_score is not None and found.tuned < gate.min_score)
    )
    assert (decide(found, gate).decision == "rejected") == missed


@given(measurements(), gates())
def test_more_rows_are_asked_for_exactly_when_they_would_tell(found: Measured, gate: Gate) -> None:
    verdict = decide(found, gate)
    assert (verdict.rows_needed is not None) == (verdict.decision == "undecidable")
    if verdict.rows_needed is not None:
        assert verdict.rows_needed > found.rows
        assert f"{verdict.rows_needed} test rows" in verdict.reason


@given(measurements(), gates(), st.floats(0, 0.5), st.floats(0, 0.2), share)
def test_a_stricter_gate_never_says_more_yes(
    found: Measured, gate: Gate, more: float, less: float, floor: float
) -> None:
    stricter = Gate(
        min_improvement=gate.min_improvement + more,
        max_regression=max(0.0, gate.max_regression - less),
        min_score=max(floor, gate.min_score or 0),
    )
    assert ORDER[decide(found, stricter).decision] <= ORDER[decide(found, gate).decision]


@given(measurements(), st.floats(0.0001, 0.5))
def test_answers_equal_to_the_bases_are_never_promoted(found: Measured, margin: float) -> None:
    same = Comparison(0, 0, 0, 0, 0, 0, found.rows, 1)
    equal = replace(found, tuned=found.base, improvement=same)
    gate = Gate(min_improvement=margin, max_regression=1, min_score=None)
    assert decide(equal, gate).decision == "rejected"


@given(measurements(), gates())
def test_the_reason_names_scores_rows_and_overfitting(found: Measured, gate: Gate) -> None:
    reason = decide(found, gate).reason
    assert f"{found.tuned:.3f} tuned against {found.base:.3f} base on {found.rows} test rows" in reason
    assert ("best checkpoint" in reason) == found.overfitted


def test_every_missed_margin_is_named_at_once() -> None:
    worse = Comparison(-0.2, -0.3, -0.1, 0.5, 1, 21, 78, 0.01)
    found = Measured("accuracy", 0.5, 0.3, 0.5, worse, worse, 100, 0.95, False)
    reason = decide(found, Gate(min_improvement=0.05, max_regression=0.02, min_score=0.6)).reason
    for field in ("gate.minScore 0.600", "gate.minImprovement 0.050", "gate.maxRegression 0.020"):
        assert field in reason


def test_the_rows_asked_for_are_those_of_the_normal_approximation() -> None:
    gain = Comparison(0.15, 0.05, 0.25, 0.5, 20, 5, 75, 0.004)
    found = Measured("accuracy", 0.5, 0.65, None, gain, None, 100, 0.95, False)
    verdict = decide(found, Gate(min_improvement=0.1, max_regression=0, min_score=None))
    assert verdict.rows_needed == 385  # (1.96 * 0.5 / 0.05)^2 = 384.1
