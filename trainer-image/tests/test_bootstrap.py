"""The paired bootstrap against its definition, and under load."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from tuneform_trainer.evaluation import bootstrap
from tuneform_trainer.evaluation.bootstrap import compare, resample_weights
from tuneform_trainer.evaluation.metrics import METRICS, Scored

LABELS = ["a", "b", "c"]
label = st.sampled_from(LABELS)
triples = st.lists(st.tuples(label, label, label), min_size=3, max_size=30)


def scored(references: list[str], predictions: list[str]) -> list[Scored]:
    pairs = zip(references, predictions, strict=True)
    return [Scored(str(i), reference, said, said, 0.0) for i, (reference, said) in enumerate(pairs)]


@given(triples)
@settings(max_examples=15)
def test_macro_f1_of_a_resample_is_that_of_the_rows_it_drew(rows: list[tuple[str, str, str]]) -> None:
    references, predictions, _ = map(list, zip(*rows, strict=True))
    weights = next(resample_weights(len(rows), 5, seed=3))
    mine = METRICS["macro-f1"].over(scored(references, predictions), weights, None)
    for drawn, value in zip(weights.astype(int), mine, strict=True):
        said, was = np.repeat(predictions, drawn), np.repeat(references, drawn)
        plain = f1_score(was, said, labels=sorted(set(was)), average="macro", zero_division=0)
        assert value == pytest.approx(plain)


@pytest.mark.parametrize("metric", ["accuracy", "macro-f1"])
def test_blocks_change_nothing_but_memory(metric: str, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(1)
    references, one, two = (list(generator.choice(LABELS, 40)) for _ in range(3))

    def result() -> object:
        left, right = scored(references, one), scored(references, two)
        return compare(left, right, METRICS[metric], None, 300, 0.95, 7)

    whole = result()
    monkeypatch.setattr(bootstrap, "BLOCK_NUMBERS", 40 * 7)
    assert result() == whole


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    """200 experiments of 120 rows in which the tuned model is truly 0.2 better."""
    generator, covered = np.random.default_rng(5), 0
    for experiment in range(200):
        base = generator.random(120) < 0.6
        better = base | (generator.random(120) < 0.5)  # of the 40 % wrong, half become right
        left = scored(["a"] * 120, ["a" if right else "b" for right in better])
        right = scored(["a"] * 120, ["a" if right else "b" for right in base])
        found = compare(left, right, METRICS["accuracy"], None, 300, 0.95, experiment)
        covered += found.low <= 0.2 <= found.high
    assert 180 <= covered <= 199


def test_other_rows_or_another_order_are_refused() -> None:
    rows = scored(["a", "b"], ["a", "a"])
    with pytest.raises(ValueError, match="same rows"):
        compare(rows, rows[::-1], METRICS["accuracy"], None, 10, 0.95, 1)
