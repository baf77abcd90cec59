"""Scores are those of a plain forward pass, for every family, however the work is cut."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import MakeRun, rows
from peft import LoraConfig, get_peft_model
from tiny import CONFIGS

from tuneform_trainer.base import load_model, load_tokenizer
from tuneform_trainer.chat import encode_prompt, encode_row, stop_token_ids
from tuneform_trainer.config import Run
from tuneform_trainer.errors import ExitCode, StageError
from tuneform_trainer.evaluation import scoring
from tuneform_trainer.evaluation.contestants import contestants, score_all
from tuneform_trainer.evaluation.models import active, model_with_adapters
from tuneform_trainer.evaluation.partial import PartialScores
from tuneform_trainer.evaluation.scoring import Scorer
from tuneform_trainer.workspace import Workspace

torch.set_num_threads(1)


def save_adapter(run: Run, folder: Path, seed: int = 1) -> None:
    """An adapter with random matrices: it changes answers without a training."""
    torch.manual_seed(seed)
    config = LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", init_lora_weights=False)
    get_peft_model(load_model(run.base, "float32", attention="eager"), config).save_pretrained(folder)


def six_rows() -> list[Any]:
    return [
        {
            "id": row["id"],
            "group": row["id"],
            "prompt": [
                {"role": "system", "content": "yes or no?"},
                {"role": "user", "content": row["text"] * (1 + i % 3)},
            ],
            "completion": [{"role": "assistant", "content": row["label"]}],
        }
        for i, row in enumerate(rows(6))
    ]


def plain_log_probability(model: Any, tokenizer: Any, row: Any, answer: str) -> float:
    prompt, completion = encode_row(tokenizer, row["prompt"], [{"role": "assistant", "content": answer}])
    with torch.inference_mode():
        logits = model(input_ids=torch.tensor([prompt + completion])).logits[0].log_softmax(-1)
    return sum(float(logits[len(prompt) + i - 1, token]) for i, token in enumerate(completion))


def plain_greedy(model: Any, tokenizer: Any, row: Any, most: int) -> str:
    prompt = encode_prompt(tokenizer, row["prompt"])
    ids, stops = list(prompt), stop_token_ids(tokenizer)
    with torch.inference_mode():
        while len(ids) < len(prompt) + most:
            token = int(model(input_ids=torch.tensor([ids]), use_cache=False).logits[0, -1].argmax())
            if token in stops:
                break
            ids.append(token)
    return str(tokenizer.decode(ids[len(prompt) :], skip_special_tokens=True)).strip()


@pytest.mark.parametrize("family", CONFIGS)
def test_padding_cache_and_slices_change_no_score(
    family: str, make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(family=family, evaluate={"batchRows": 4})
    save_adapter(run, tmp_path / "adapter")
    monkeypatch.setattr(scoring, "LOGITS_BYTES", 1)  # one column at a time
    model = model_with_adapters(run.base, "float32", {"tuned": tmp_path / "adapter"})
    tokenizer, data = load_tokenizer(run.base), six_rows()
    answered = {}
    for adapter in (None, "tuned"):
        with active(model, adapter):
            answered[adapter] = Scorer(run, model, tokenizer).score(data, "any")
            for row, found in zip(data, answered[adapter], strict=True):
                chances = {w: plain_log_probability(model, tokenizer, row, w) for w in ("yes", "no")}
                assert found.prediction == max(chances, key=lambda label: chances[label])
                tokens = len(encode_row(tokenizer, row["prompt"], row["completion"])[1])
                assert found.nll == pytest.approx(-chances[found.reference] / tokens, abs=1e-3)
                assert found.generated == plain_greedy(model, tokenizer, row, run.evaluate.max_new_tokens)
    assert [r.nll for r in answered[None]] != [r.nll for r in answered["tuned"]]


def test_the_base_is_the_one_without_any_adapter(make_run: MakeRun, tmp_path: Path) -> None:
    run, data = make_run(), six_rows()
    save_adapter(run, tmp_path / "adapter")
    tokenizer = load_tokenizer(run.base)
    with_adapter = model_with_adapters(run.base, "float32", {"tuned": tmp_path / "adapter"})
    with active(with_adapter, None):
        disabled = Scorer(run, with_adapter, tokenizer).score(data, "base")
    assert disabled == Scorer(run, model_with_adapters(run.base, "float32", {}), tokenizer).score(
        data, "base"
    )


def test_sampling_settings_of_the_base_model_are_not_inherited(make_run: MakeRun) -> None:
    run, data = make_run(), six_rows()
    tokenizer = load_tokenizer(run.base)
    model = model_with_adapters(run.base, "float32", {})
    before = Scorer(run, model, tokenizer).score(data, "base")
    model.generation_config.update(do_sample=True, temperature=5.0, repetition_penalty=3.0)
    assert Scorer(run, model, tokenizer).score(data, "base") == before


def test_prompts_that_leave_no_room_are_cut_and_counted(make_run: MakeRun) -> None:
    run = make_run(serve={"maxLength": 60})
    model, tokenizer = model_with_adapters(run.base, "float32", {}), load_tokenizer(run.base)
    scorer = Scorer(run, model, tokenizer)
    assert len(scorer.score(six_rows(), "base")) == 6
    too_long = [row for row in six_rows() if len(encode_prompt(tokenizer, row["prompt"])) > 60 - 8]
    assert scorer.shortened == len(too_long) > 0
    with pytest.raises(StageError, match=r"maxNewTokens 8 leaves no room .* serve.maxLength 8") as caught:
        Scorer(make_run(serve={"maxLength": 8}), model, tokenizer)
    assert caught.value.code == ExitCode.USAGE


class Killed(BaseException):
    """Stands for kill -9: nothing handles it."""


@pytest.fixture
def trained(make_run: MakeRun, workspace: Workspace) -> Run:
    run = make_run(evaluate={"batchRows": 2})
    save_adapter(run, workspace.adapter(run))
    return run


def all_scores_of(run: Run, workspace: Workspace) -> Any:
    return score_all(run, workspace, six_rows(), contestants(run, workspace, None))


def limit_batches(monkeypatch: pytest.MonkeyPatch, most: int) -> list[int]:
    """Let `most` batches through, then die; the list grows by one for each batch scored."""
    scored: list[int] = []
    whole = Scorer._batch

    def limited(self: Scorer, batch: Any) -> Any:
        if len(scored) == most:
            raise Killed
        scored.append(len(batch))
        return whole(self, batch)

    monkeypatch.setattr(Scorer, "_batch", limited)
    return scored


@pytest.mark.parametrize("survived", [0, 1, 2, 4])
def test_a_kill_loses_one_batch_at_most_and_changes_no_score(
    survived: int, trained: Run, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    undisturbed = all_scores_of(trained, workspace)
    for file in (workspace.dataset(trained.data.digest) / "scores").iterdir():
        file.unlink()
    with monkeypatch.context() as patch:
        limit_batches(patch, survived)
        with pytest.raises(Killed):
            all_scores_of(trained, workspace)
    for file in workspace.run(trained.run_id).glob(".*.rows.jsonl"):
        with file.open("a") as torn:
            torn.write('{"id": "row-9", "refer')
    again = limit_batches(monkeypatch, 100)
    assert all_scores_of(trained, workspace) == undisturbed
    assert len(again) == 6 - survived  # three batches for the base, three for the tuned model
    assert not list(workspace.run(trained.run_id).glob(".*.rows.jsonl"))


def test_a_new_adapter_under_the_same_run_is_scored_anew(trained: Run, workspace: Workspace) -> None:
    before = all_scores_of(trained, workspace)
    save_adapter(trained, workspace.adapter(trained), seed=2)
    after = all_scores_of(trained, workspace)
    assert after["base"] == before["base"]
    assert after["tuned"] != before["tuned"]


def test_a_torn_line_is_dropped(tmp_path: Path) -> None:
    partial = PartialScores(tmp_path / "rows.jsonl")
    answers = [scoring.Scored(str(i), "yes", "no", "no", 0.5) for i in range(3)]
    partial.add(answers[:2])
    with partial.path.open("a") as file:
        file.write('{"id": "2"')
    assert list(partial.read()) == ["0", "1"]
    partial.add(answers[2:])
    assert list(partial.read().values()) == answers


def test_without_an_adapter_the_message_says_train_first(make_run: MakeRun, workspace: Workspace) -> None:
    with pytest.raises(StageError, match="train it first"):
        contestants(make_run(), workspace, None)
