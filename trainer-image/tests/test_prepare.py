"""The data firewall as a stage."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import MakeRun, rows

from tuneform_trainer.errors import ExitCode, StageError
from tuneform_trainer.prepare import load_splits, prepare
from tuneform_trainer.workspace import Workspace


def test_a_dataset_is_split_without_leaks_and_found_again(
    make_run: MakeRun, workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make_run()
    prepare(run, workspace)
    splits = load_splits(workspace.dataset(run.data.digest))
    prompts = {name: {r["prompt"][-1]["content"] for r in found} for name, found in splits.items()}
    assert not prompts["train"] & prompts["test"]
    assert sum(len(found) for found in splits.values()) == 160
    tokens = json.loads((workspace.run(run.run_id) / "tokens.json").read_text())
    assert tokens["splits"]["train"]["rows"] == len(splits["train"])
    capsys.readouterr()
    prepare(run, workspace)
    assert "skipped" in capsys.readouterr().out


def test_another_run_on_the_same_data_reuses_it(make_run: MakeRun, workspace: Workspace) -> None:
    run = make_run()
    prepare(run, workspace)
    before = (workspace.dataset(run.data.digest) / "train.jsonl").stat().st_mtime_ns
    other = run.model_copy(update={"run_id": "ffffffffffff"})
    prepare(other, workspace)
    assert (workspace.dataset(run.data.digest) / "train.jsonl").stat().st_mtime_ns == before
    assert (workspace.run("ffffffffffff") / "tokens.json").is_file()


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ([{"id": "a", "text": "", "label": "yes"}], "empty prompt"),
        ([{"id": "a", "text": "x", "label": "maybe"}], "'maybe' is not one of"),
        ([{"id": "row-1", "text": "x", "label": "yes"}], "duplicate ids"),
        ([{"id": "a", "text": "a\x07b", "label": "yes"}], "control characters"),
    ],
)
def test_errors_stop_and_leave_nothing(
    make_run: MakeRun, workspace: Workspace, bad: list[dict[str, str]], words: str
) -> None:
    run = make_run([*rows(160), *bad])
    with pytest.raises(StageError) as caught:
        prepare(run, workspace)
    assert caught.value.code == ExitCode.DATA
    assert words in "\n".join(caught.value.problems)
    assert not workspace.dataset(run.data.digest).exists()


def test_one_label_and_too_few_rows_are_errors(make_run: MakeRun, workspace: Workspace) -> None:
    few = [{**row, "label": "yes"} for row in rows(20)]
    with pytest.raises(StageError) as caught:
        prepare(make_run(few), workspace)
    problems = "\n".join(caught.value.problems)
    assert "all training rows have the label 'yes'" in problems
    assert "fewer than" in problems


def test_an_explicit_test_row_that_is_in_train_is_an_error(make_run: MakeRun, workspace: Workspace) -> None:
    run = make_run()
    source = run.data.sources[0]
    sources = [source.model_copy(update={"split": "train"}), source.model_copy(update={"split": "test"})]
    leaky = run.model_copy(update={"data": run.data.model_copy(update={"sources": sources})})
    with pytest.raises(StageError) as caught:
        prepare(leaky, workspace)
    assert "duplicate ids" in "\n".join(caught.value.problems)


def test_data_that_changed_after_planning_is_refused(make_run: MakeRun, workspace: Workspace) -> None:
    run = make_run()
    with Path(run.data.sources[0].path).open("a", encoding="utf-8") as file:
        file.write("{}\n")
    with pytest.raises(StageError, match="changed since the plan"):
        prepare(run, workspace)


def test_an_answer_that_fills_the_length_is_an_error(make_run: MakeRun, workspace: Workspace) -> None:
    run = make_run(train={"maxLength": 3})
    with pytest.raises(StageError) as caught:
        prepare(run, workspace)
    assert "fills train.maxLength" in "\n".join(caught.value.problems)
