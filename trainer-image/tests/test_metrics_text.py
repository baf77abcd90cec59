"""Metrics of written answers: any script, and JSON by its value."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from tuneform_trainer.evaluation.metrics import METRICS, Scored

ascii_text = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60)


def score(metric: str, reference: str, answer: str, schema: dict[str, object] | None = None) -> float:
    row = METRICS[metric].row
    assert row is not None
    return row(Scored("1", reference, answer, answer, 0.0), schema)


@given(ascii_text, ascii_text)
def test_rouge_l_is_that_of_rouge_score_on_ascii(reference: str, answer: str) -> None:
    theirs = RougeScorer(["rougeL"], use_stemmer=True).score(reference, answer)["rougeL"].fmeasure
    assert score("rouge-l", reference, answer) == pytest.approx(theirs)


@pytest.mark.parametrize("text", ["Größe überprüfen", "Καλημέρα κόσμε", "機械学習のモデル", "نموذج لغوي"])
def test_a_perfect_answer_scores_one_in_any_script(text: str) -> None:
    assert score("rouge-l", text, text) == 1
    assert score("exact-match", text, f" {text}. ") == 1


def test_characters_are_the_words_of_scripts_without_spaces() -> None:
    assert score("rouge-l", "機械学習", "機械翻訳") == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("reference", "answer", "equal"),
    [
        ('{"a": 1, "b": [2]}', '{"b":[2],"a":1.0}', 1),
        ('{"a": 1}', '```json\n{"a": 1}\n```', 1),
        ('{"a": 1}', '{"a": true}', 0),
        ('{"a": null}', "{}", 0),
        ('{"a": "X"}', '{"a": "x"}', 0),
    ],
)
def test_objects_are_compared_by_their_value(reference: str, answer: str, equal: int) -> None:
    assert score("exact-match", reference, answer) == equal
    assert score("field-accuracy", reference, answer) == equal


@pytest.mark.parametrize("answer", ["NaN", "{", "[" * 100_000, ""])
def test_what_is_no_json_is_no_json(answer: str) -> None:
    assert score("json-valid", "{}", answer) == 0
    assert score("schema-valid", "{}", answer, {}) == 0


def test_null_is_json() -> None:
    assert score("json-valid", "null", "null") == 1


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_of_the_table_is_one_for_the_reference_itself(name: str) -> None:
    answer = '{"a": 1}' if "extraction" in METRICS[name].tasks else "spam"
    rows = [Scored("1", answer, answer, answer, 0.0)]
    import numpy as np

    assert METRICS[name].over(rows, np.ones((1, 1)), {})[0] == 1
