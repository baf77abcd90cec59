"""Metrics, the paired bootstrap, and the gate's arithmetic."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from tuneform_trainer.config import Gate, Metric
from tuneform_trainer.evaluation.bootstrap import Comparison, compare, sign_test
from tuneform_trainer.evaluation.metrics import METRICS, Scored, all_scores, normalised
from tuneform_trainer.gate import Measured, decide

LABELS = ["a", "b", "c"]


def scored(references: list[str], predictions: list[str]) -> list[Scored]:
    return [
        Scored(str(i), r, p, p, 0.0) for i, (r, p) in enumerate(zip(references, predictions, strict=True))
    ]


answers = st.lists(st.tuples(st.sampled_from(LABELS), st.sampled_from(LABELS)), min_size=2, max_size=40)


def test_the_table_has_exactly_the_metrics_of_the_configuration() -> None:
    assert set(METRICS) == set(get_args(Metric))
    for kind in METRICS.values():
        assert (kind.row is None) != (kind.corpus is None)


@given(answers)
def test_macro_f1_is_that_of_scikit_learn(pairs: list[tuple[str, str]]) -> None:
    references, predictions = map(list, zip(*pairs, strict=True))
    mine = all_scores("classification", scored(references, predictions), None)["macro-f1"]
    theirs = f1_score(
        references, predictions, labels=sorted(set(references)), average="macro", zero_division=0
    )
    assert mine == pytest.approx(theirs)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("  SPAM. ", "spam"),
        ('"Spam"', "spam"),
        ("\uff53\uff50\uff41\uff4d", "spam"),
        ("two  words\n", "two words"),
    ],
)
def test_answers_are_normalised_before_they_are_compared(said: str, meant: str) -> None:
    assert normalised(said) == normalised(meant)


def test_extraction_counts_fields_and_needs_valid_json() -> None:
    rows = [
        Scored("1", '{"a": 1, "b": 2}', "", '{"a": 1, "b": 3}', 0),
        Scored("2", '{"a": 1}', "", "no json", 0),
    ]
    schema = {"type": "object", "required": ["a"], "properties": {"b": {"maximum": 2}}}
    scores = all_scores("extraction", rows, schema)
    assert scores == {"exact-match": 0.0, "json-valid": 0.5, "schema-valid": 0.0, "field-accuracy": 0.25}


def run_compare(left: list[Scored], right: list[Scored], metric: str = "accuracy") -> Comparison:
    return compare(left, right, METRICS[metric], None, 500, 0.95, 1)


@given(answers)
@settings(max_examples=30)
def test_a_model_is_no_better_than_itself(pairs: list[tuple[str, str]]) -> None:
    rows = scored(*map(list, zip(*pairs, strict=True)))
    same = run_compare(rows, rows, "macro-f1")
    assert (same.delta, same.low, same.high, same.wins, same.losses) == (0, 0, 0, 0, 0)
    assert same.p_value == 1


@given(answers, answers)
@settings(max_examples=30)
def test_comparing_the_other_way_round_mirrors_everything(
    left: list[tuple[str, str]], right: list[tuple[str, str]]
) -> None:
    count = min(len(left), len(right))
    references = [r for r, _ in left[:count]]
    one = scored(references, [p for _, p in left[:count]])
    two = scored(references, [p for _, p in right[:count]])
    forth, back = run_compare(one, two), run_compare(two, one)
    assert forth.delta == pytest.approx(-back.delta)
    assert (forth.wins, forth.losses) == (back.losses, back.wins)
    assert forth.low <= forth.delta + 1e-9 or forth.delta == pytest.approx(forth.low)


def test_the_interval_has_about_the_width_of_theory() -> None:
    generator = np.random.default_rng(0)
    right = generator.random(400) < 0.9
    one = scored(["a"] * 400, ["a" if r else "b" for r in right])
    none = scored(["a"] * 400, ["b"] * 400)
    result = compare(one, none, METRICS["accuracy"], None, 4000, 0.95, 1)
    expected = 2 * 1.96 * np.sqrt(right.mean() * (1 - right.mean()) / 400)
    assert result.high - result.low == pytest.approx(expected, rel=0.1)


def test_the_sign_test_is_the_exact_binomial() -> None:
    assert sign_test(0, 0) == 1
    assert sign_test(10, 0) == pytest.approx(2 / 2**10)


def measured(
    delta: float, low: float, base: float = 0.5, incumbent: float | None = None, **more: float
) -> Measured:
    regression = None
    if incumbent is not None:
        change = base + delta - incumbent
        regression = Comparison(change, change - more.get("spread", 0.05), change + 0.05, 0.5, 1, 1, 1, 0.5)
    improvement = Comparison(delta, low, delta + (delta - low), 0.5, 10, 1, 89, 0.01)
    return Measured("accuracy", base, base + delta, incumbent, improvement, regression, 100, 0.95, False)


def gate(**changes: float) -> Gate:
    return Gate(**{"min_improvement": 0.1, "max_regression": 0.02, "min_score": None, **changes})


def test_a_clear_gain_is_promoted() -> None:
    assert decide(measured(0.3, 0.2), gate()).decision == "promoted"


def test_no_gain_is_rejected_with_its_numbers() -> None:
    verdict = decide(measured(0.01, -0.05), gate())
    assert verdict.decision == "rejected"
    assert "0.510 tuned against 0.500 base" in verdict.reason


def test_a_gain_that_could_be_chance_is_undecidable_and_says_how_many_rows_decide() -> None:
    verdict = decide(measured(0.15, 0.05), gate())
    assert verdict.decision == "undecidable"
    assert verdict.rows_needed is not None and verdict.rows_needed > 100
    assert str(verdict.rows_needed) in verdict.reason


def test_worse_than_what_serves_is_rejected_and_perhaps_worse_is_undecidable() -> None:
    assert decide(measured(0.3, 0.2, incumbent=0.9), gate()).decision == "rejected"
    assert decide(measured(0.3, 0.2, incumbent=0.8), gate()).decision == "undecidable"
    assert decide(measured(0.3, 0.2, incumbent=0.8, spread=0.01), gate()).decision == "promoted"


def test_a_floor_is_a_floor() -> None:
    assert decide(measured(0.3, 0.2), gate(min_score=0.9)).decision == "rejected"


ORDER = {"rejected": 0, "undecidable": 1, "promoted": 2}


@given(st.floats(-0.5, 0.5), st.floats(0, 0.3), st.floats(0, 0.3), st.floats(0, 0.3))
def test_a_stricter_gate_never_promotes_more(delta: float, spread: float, margin: float, more: float) -> None:
    found = measured(delta, delta - spread)
    lax = decide(found, gate(min_improvement=margin)).decision
    strict = decide(found, gate(min_improvement=margin + more)).decision
    assert ORDER[strict] <= ORDER[lax]
