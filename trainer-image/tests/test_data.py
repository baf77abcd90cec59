"""Reading, mapping, checking and splitting rows."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import MakeRun, rows
from hypothesis import given
from hypothesis import strategies as st

from tuneform_trainer.config import Run, Split
from tuneform_trainer.data.checks import check_rows, check_texts, drop_exact_duplicates, label_conflicts
from tuneform_trainer.data.formats import RowError, to_row
from tuneform_trainer.data.near_duplicates import near_duplicates
from tuneform_trainer.data.patterns import PERSONAL_DATA, SECRETS, kinds_in
from tuneform_trainer.data.split import SPLITS, split_of, take
from tuneform_trainer.data.tokens import fit

FORMATS: dict[str, dict[str, Any]] = {
    "fields": {"q": {"deep": "ask"}, "c": "context", "a": "yes"},
    "csv": {"q.deep": "ask", "c": "context", "a": "yes"},
    "alpaca": {"instruction": "ask", "input": "context", "output": "yes"},
    "chat": {
        "messages": [{"role": "user", "content": "ask\n\ncontext"}, {"role": "assistant", "content": "yes"}]
    },
    "sharegpt": {
        "conversations": [{"from": "human", "value": "ask\n\ncontext"}, {"from": "gpt", "value": "yes"}]
    },
    "prompt-completion": {"prompt": "ask\n\ncontext", "completion": "yes"},
}


def with_format(run: Run, kind: str) -> Run:
    fields = run.data.fields.model_copy(update={"question": "q.deep", "context": "c", "answer": "a"})
    return run.model_copy(update={"data": run.data.model_copy(update={"format": kind, "fields": fields})})


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_maps_to_the_same_row(make_run: MakeRun, kind: str) -> None:
    row = to_row(FORMATS[kind], with_format(make_run(), kind).data, "file:1")
    assert row["prompt"] == [
        {"role": "system", "content": "yes or no?"},
        {"role": "user", "content": "ask\n\ncontext"},
    ]
    assert row["completion"] == [{"role": "assistant", "content": "yes"}]
    assert row["label"] == "yes"


@pytest.mark.parametrize(
    "roles",
    [["assistant"], ["user"], ["user", "user"], ["system", "assistant"], ["user", "assistant", "user"]],
)
def test_bad_role_orders_are_refused(make_run: MakeRun, roles: list[str]) -> None:
    raw = {"messages": [{"role": role, "content": "yes"} for role in roles]}
    with pytest.raises(RowError, match="roles are"):
        to_row(raw, with_format(make_run(), "chat").data, "file:1")


def test_an_undeclared_label_is_named(make_run: MakeRun) -> None:
    with pytest.raises(RowError, match="'maybe' is not one of yes, no"):
        to_row({"text": "x", "label": "maybe"}, make_run().data, "file:1")


@given(st.text(), st.floats(0, 0.4), st.floats(0, 0.4))
def test_a_row_stays_in_its_split_whatever_else_is_there(key: str, validation: float, test: float) -> None:
    split = Split(validation=validation, test=test, seed="s")
    assert split_of(split, key) == split_of(split, key)
    assert split_of(split, key) in SPLITS
    if split_of(split, key) == "test":  # another validation share moves no test row
        assert split_of(split.model_copy(update={"validation": 0.0}), key) == "test"


@given(st.integers(1, 30), st.integers(1, 30))
def test_a_smaller_choice_of_rows_is_part_of_a_larger_one(few: int, many: int) -> None:
    few, many = sorted((few, many))
    given_rows: Any = [{"id": str(i)} for i in range(30)]
    small, large = (take(given_rows, count, "s") for count in (few, many))
    assert len(small) == few
    assert {r["id"] for r in small} <= {r["id"] for r in large}


@given(
    st.lists(st.integers(), max_size=60), st.lists(st.integers(), min_size=1, max_size=30), st.integers(1, 50)
)
def test_fitting_keeps_the_completion_before_the_prompt(
    prompt: list[int], completion: list[int], most: int
) -> None:
    kept_prompt, kept = fit(prompt, completion, most)
    assert len(kept_prompt) + len(kept) <= max(most, 0)
    assert kept == completion[: len(kept)]
    if len(completion) <= most:
        assert kept == completion


def mapped(run: Run, raws: list[dict[str, Any]]) -> list[Any]:
    return [to_row(raw, run.data, f"file:{i}") for i, raw in enumerate(raws)]


def test_row_errors_are_found(make_run: MakeRun) -> None:
    data_rows = mapped(
        make_run(), [{"id": "1", "text": " ", "label": "yes"}, {"id": "1", "text": "a\x00b", "label": "no"}]
    )
    assert {f.check for f in check_rows(data_rows)} == {"empty prompt", "duplicate ids", "control characters"}


def test_duplicates_and_conflicts_are_counted(make_run: MakeRun) -> None:
    run = make_run()
    data_rows = mapped(
        run, [{"id": str(i), "text": "same", "label": label} for i, label in enumerate(["yes", "yes", "no"])]
    )
    kept, found = drop_exact_duplicates(data_rows)
    assert len(kept) == 2 and found[0].rows == ["1"]
    assert label_conflicts(kept, run.data.thresholds)[0].level == "warning"


def test_near_duplicates_are_paired(make_run: MakeRun) -> None:
    text = " ".join(f"word{i}" for i in range(60))
    data_rows = mapped(
        make_run(),
        [
            {"text": text, "label": "yes"},
            {"text": f"{text} more", "label": "no"},
            {"text": "else", "label": "no"},
        ],
    )
    assert [(a is data_rows[1], b is data_rows[0]) for a, b in near_duplicates(data_rows)] == [(True, True)]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("write to jane.doe@example.org", "email address"),
        ("call +49 30 1234567 now", "phone number"),
        ("DE89 3704 0044 0532 0130 00", "IBAN"),
        ("4111 1111 1111 1111", "card number"),
        ("host 10.1.2.3", "IPv4 address"),
        ("123-45-6789", "US social security number"),
    ],
)
def test_personal_data_is_recognised_by_kind(text: str, kind: str) -> None:
    assert kinds_in(text, PERSONAL_DATA) == [kind]


def test_numbers_without_a_check_digit_are_no_card_numbers() -> None:
    assert kinds_in("order 4111 1111 1111 1112", PERSONAL_DATA) == []


def test_secrets_are_found_and_never_quoted(make_run: MakeRun) -> None:
    secret = "AKIA" + "A" * 16
    assert kinds_in(secret, SECRETS) == ["AWS access key"]
    run = make_run()
    found = check_texts(mapped(run, [{"id": "x", "text": secret, "label": "yes"}]), run.data.thresholds)
    assert [f.check for f in found] == ["secrets: AWS access key"]
    assert secret not in found[0].line()


def test_fixture_rows_are_learnable_and_shuffled_ones_are_not() -> None:
    agree = [(r["text"].startswith("aaaa")) == (r["label"] == "yes") for r in rows(200, shuffled=True)]
    assert 0.4 < sum(agree) / 200 < 0.6
