"""Evaluation, gate and publication of real (tiny) trained adapters."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import MakeRun, rows

from tuneform_trainer.base import load_tokenizer
from tuneform_trainer.chat import encode_row
from tuneform_trainer.config import Run
from tuneform_trainer.errors import ExitCode, StageError
from tuneform_trainer.evaluate import evaluate
from tuneform_trainer.evaluation.models import active, model_with_adapters
from tuneform_trainer.evaluation.scoring import Scorer
from tuneform_trainer.prepare import load_splits, prepare
from tuneform_trainer.publish import publish
from tuneform_trainer.publishing.contract import adapter_problems, max_lora_rank
from tuneform_trainer.train import train
from tuneform_trainer.workspace import Workspace


def to_verdict(run: Run, workspace: Workspace) -> dict[str, Any]:
    for stage in (prepare, train, evaluate):
        stage(run, workspace)
    verdict: dict[str, Any] = json.loads((workspace.run(run.run_id) / "verdict.json").read_text())
    return verdict


def test_a_learnable_task_is_promoted_published_and_found_done(
    make_run: MakeRun, workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make_run()
    verdict = to_verdict(run, workspace)
    assert verdict["decision"] == "promoted", verdict["reason"]
    publish(run, workspace)
    current = json.loads((workspace.registry(run.name) / "current.json").read_text())
    assert current["modelId"] == f"triage-{run.run_id}"
    contract = json.loads((workspace.run(run.run_id) / "contract.json").read_text())
    assert contract["vllm"] == {"maxLoraRank": 8, "serve": "adapter"}
    assert str(workspace.root) not in json.dumps(contract)
    card = (workspace.run(run.run_id) / "model-card.md").read_text()
    assert f"{verdict['score']['tuned']:.3f}" in card
    capsys.readouterr()
    for stage in (prepare, train, evaluate, publish):
        stage(run, workspace)
    assert capsys.readouterr().out.count("skipped") == 4


def test_an_evaluation_waits_for_the_training_beside_it(
    make_run: MakeRun, workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make_run()
    prepare(run, workspace)
    train(run, workspace)
    verdict = workspace.run(run.run_id) / "verdict.json"
    evaluation = threading.Thread(target=evaluate, args=(run, workspace))
    with workspace.compute_slot():
        evaluation.start()
        evaluation.join(timeout=3)
        assert evaluation.is_alive() and not verdict.exists()
        assert "waiting for another" in capsys.readouterr().out
    evaluation.join(timeout=120)
    assert verdict.exists()


def test_shuffled_labels_are_rejected_and_never_published(make_run: MakeRun, workspace: Workspace) -> None:
    run = make_run(rows(160, shuffled=True))
    verdict = to_verdict(run, workspace)
    assert verdict["decision"] in ("rejected", "undecidable")
    with pytest.raises(StageError) as caught:
        publish(run, workspace)
    assert caught.value.code in (ExitCode.REJECTED, ExitCode.UNDECIDABLE)
    assert verdict["reason"] in caught.value.message
    assert not workspace.registry(run.name).exists()
    assert verdict["reason"] in (workspace.run(run.run_id) / "report.html").read_text()


def test_a_changed_gate_judges_again_without_scoring_or_training(
    make_run: MakeRun, workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make_run()
    to_verdict(run, workspace)
    strict = run.model_copy(update={"gate": run.gate.model_copy(update={"min_improvement": 0.9})})
    capsys.readouterr()
    assert to_verdict(strict, workspace)["decision"] == "rejected"
    output = capsys.readouterr().out
    assert "train: skipped" in output
    assert "evaluate base" not in output


def test_the_incumbent_is_scored_on_the_new_rows(make_run: MakeRun, workspace: Workspace) -> None:
    first = make_run()
    to_verdict(first, workspace)
    publish(first, workspace)
    second = make_run(rows(200)).model_copy(update={"run_id": "ba9876543210"})
    verdict = to_verdict(second, workspace)
    assert verdict["incumbent"] == first.run_id
    assert verdict["score"]["incumbent"] is not None
    assert verdict["regression"] is not None


def test_label_probabilities_are_those_of_a_plain_forward(make_run: MakeRun, workspace: Workspace) -> None:
    run = make_run()
    prepare(run, workspace)
    train(run, workspace)
    model = model_with_adapters(run.base, run.evaluate.dtype, {"tuned": workspace.adapter(run)})
    tokenizer = load_tokenizer(run.base)
    test_rows = load_splits(workspace.dataset(run.data.digest))["test"][:8]
    with active(model, "tuned"):
        answers = Scorer(run, model, tokenizer).score(test_rows, "tuned")
    for row, answer in zip(test_rows, answers, strict=True):
        prompt, completion = encode_row(tokenizer, row["prompt"], row["completion"])
        with torch.inference_mode():
            logits = model(input_ids=torch.tensor([prompt + completion])).logits[0].log_softmax(-1)
        plain = -sum(float(logits[len(prompt) + i - 1, t]) for i, t in enumerate(completion)) / len(
            completion
        )
        assert answer.nll == pytest.approx(plain, abs=1e-3)


@pytest.mark.parametrize(("rank", "allowed"), [(1, 1), (2, 8), (16, 16), (17, 32), (300, 320), (512, 512)])
def test_ranks_are_rounded_up_to_those_vllm_knows(rank: int, allowed: int) -> None:
    assert max_lora_rank(rank) == allowed


def test_adapters_that_vllm_refuses_are_named(tmp_path: Path) -> None:
    import numpy as np
    from safetensors.numpy import save_file

    config = {"r": 600, "bias": "all", "use_dora": True, "modules_to_save": ["lm_head"]}
    (tmp_path / "adapter_config.json").write_text(json.dumps(config))
    save_file({"lm_head.weight": np.zeros(1)}, tmp_path / "adapter_model.safetensors")
    problems = "\n".join(adapter_problems(tmp_path))
    for word in ("modules_to_save", "use_dora", "bias", "rank 600", "lm_head.weight"):
        assert word in problems
