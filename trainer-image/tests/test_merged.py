"""Merged weights: judged, published and kept as what a server without LoRA loads."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import MakeRun, rows
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from tuneform_trainer.base import load_model
from tuneform_trainer.config import Run
from tuneform_trainer.errors import ExitCode, StageError
from tuneform_trainer.evaluate import evaluate
from tuneform_trainer.merged import merge
from tuneform_trainer.prepare import prepare
from tuneform_trainer.publish import publish
from tuneform_trainer.workspace import Workspace, adapter_sha256, read_json, write_json

torch.set_num_threads(1)

MERGED = {"weights": "merged"}
LENIENT = {"minImprovement": -1, "maxRegression": 1, "minScore": None}
STRICT = {"minImprovement": 1, "maxRegression": 0, "minScore": None}


FEW = {"maxRows": 16, "maxNewTokens": 2, "bootstrapSamples": 200}


def with_adapter(run: Run, workspace: Workspace, seed: int = 1) -> Run:
    """The run with an adapter of random matrices, and its own rank and alpha."""
    torch.manual_seed(seed)
    settings = {"r": run.train.rank, "lora_alpha": run.train.alpha, "target_modules": "all-linear"}
    config = LoraConfig(**settings, init_lora_weights=False)
    get_peft_model(load_model(run.base, "float32"), config).save_pretrained(workspace.adapter(run))
    write_json(workspace.run(run.run_id) / "run.json", run.model_dump(mode="json", by_alias=True))
    return run


def judged(run: Run, workspace: Workspace, seed: int = 1) -> dict[str, Any]:
    prepare(run, workspace)
    evaluate(with_adapter(run, workspace, seed), workspace)
    verdict: dict[str, Any] = read_json(workspace.run(run.run_id) / "verdict.json") or {}
    return verdict


@pytest.fixture
def trained(make_run: MakeRun, workspace: Workspace) -> Run:
    return with_adapter(make_run(family="stablelm", serve=MERGED), workspace)


def expected_weights(run: Run, workspace: Workspace) -> dict[str, torch.Tensor]:
    """W + alpha/r · B·A of every adapted layer, written out, in float64."""
    base = load_file(Path(run.base.weights.path) / "model.safetensors")  # type: ignore[union-attr]
    adapter = load_file(workspace.adapter(run) / "adapter_model.safetensors")
    scale = run.train.alpha / run.train.rank
    wanted = {name: tensor.double() for name, tensor in base.items()}
    for name, a in adapter.items():
        if ".lora_A." in name:
            layer = name.removeprefix("base_model.model.").replace(".lora_A", "")
            b = adapter[name.replace(".lora_A.", ".lora_B.")]
            wanted[layer] += scale * b.double() @ a.double()
    return wanted


def test_every_weight_is_the_base_and_the_adapter_added_and_rounded_once(
    trained: Run, workspace: Workspace
) -> None:
    wanted = expected_weights(trained, workspace)
    for dtype in ("float32", "bfloat16"):
        merge(trained.base, trained.name, trained.run_id, dtype, workspace)
        found = load_file(workspace.merged(trained.run_id) / "model.safetensors")
        assert found.keys() == wanted.keys()
        exact = getattr(torch, dtype)
        base = load_file(Path(trained.base.weights.path) / "model.safetensors")  # type: ignore[union-attr]
        changed = 0
        for name, tensor in wanted.items():
            assert found[name].dtype == exact
            if torch.equal(tensor, base[name].double()):  # not adapted
                assert torch.equal(found[name], base[name].to(exact)), name
                continue
            changed += 1
            # The base is rounded to the served type as it is loaded; what is added to it is not.
            start = base[name].to(exact).double()
            total = start + (tensor - base[name].double())
            step = torch.finfo(exact).eps
            assert torch.allclose(found[name].double(), total, rtol=step / 2 * 1.01, atol=1e-6), name
        assert changed == 14  # seven linear layers in each of two


def test_a_merged_run_is_judged_by_its_merged_weights_published_and_found_done(
    make_run: MakeRun, workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    as_adapter = make_run(family="stablelm", evaluate=FEW, gate=LENIENT)
    judged(as_adapter, workspace)
    folder = workspace.run(as_adapter.run_id)
    by_adapter = read_json(folder / "evaluation.json") or {}
    run = make_run(family="stablelm", evaluate=FEW, serve=MERGED, gate=LENIENT)
    capsys.readouterr()
    verdict = judged(run, workspace)
    assert "evaluate base" not in capsys.readouterr().out, "the base's scores are kept"
    evaluation = read_json(folder / "evaluation.json") or {}
    # In float32 both compute the same, but in another order.
    assert evaluation["nll"]["tuned"] == pytest.approx(by_adapter["nll"]["tuned"], abs=1e-5)
    assert evaluation["nll"]["tuned"] != evaluation["nll"]["base"]
    marker = read_json(workspace.merged(run.run_id) / "merged.json") or {}
    assert verdict["mergedSha256"] == marker["sha256"]
    publish(run, workspace)
    contract = read_json(folder / "contract.json") or {}
    assert contract["vllm"] == {
        "maxLoraRank": 8,
        "serve": "merged",
        "mergedSha256": marker["sha256"],
        "dtype": "float32",
    }
    capsys.readouterr()
    for stage in (prepare, evaluate, publish):
        stage(run, workspace)
    output = capsys.readouterr().out
    assert output.count("skipped") == 3
    assert "merging" not in output


def test_a_server_loads_them_without_the_base_and_without_peft(trained: Run, workspace: Workspace) -> None:
    merge(trained.base, trained.name, trained.run_id, "float32", workspace)
    folder = workspace.merged(trained.run_id)
    base = Path(trained.base.weights.path)  # type: ignore[union-attr]
    model = AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=False)
    assert type(model).__name__ == "StableLmForCausalLM"
    for file in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        assert (folder / file).read_bytes() == (base / file).read_bytes()
    assert not list(folder.glob("adapter*"))


def test_the_incumbent_is_merged_too_and_compared_as_it_serves(
    make_run: MakeRun, workspace: Workspace
) -> None:
    first = make_run(
        family="stablelm", evaluate=FEW, gate=LENIENT
    )  # promoted as an adapter, before vLLM served it
    judged(first, workspace)
    publish(first, workspace)
    second = make_run(rows(200), family="stablelm", evaluate=FEW, serve=MERGED, gate=LENIENT)
    second = second.model_copy(update={"run_id": "ba9876543210"})
    verdict = judged(second, workspace, seed=2)
    assert verdict["incumbent"] == first.run_id
    assert verdict["score"]["incumbent"] is not None
    assert (workspace.merged(first.run_id) / "merged.json").is_file()


def test_a_broken_merge_is_made_again_with_the_same_digest(
    trained: Run, workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = workspace.merged(trained.run_id)

    def digest() -> str:
        merged = merge(trained.base, trained.name, trained.run_id, "float32", workspace)
        return merged.weights.digest  # type: ignore[union-attr]

    made = digest()
    with (folder / "model.safetensors").open("r+b") as file:
        file.truncate(100)
    (folder.with_name(".merged")).mkdir()  # what kill -9 leaves
    assert digest() == made
    shutil.rmtree(folder)
    assert digest() == made
    capsys.readouterr()
    assert digest() == made
    assert "merging" not in capsys.readouterr().out
    assert not folder.with_name(".merged").exists()


def test_a_refused_run_leaves_no_merged_weights_but_its_adapter(
    make_run: MakeRun, workspace: Workspace
) -> None:
    run = make_run(family="stablelm", evaluate=FEW, serve=MERGED, gate=STRICT)
    assert judged(run, workspace)["decision"] == "rejected"
    assert workspace.merged(run.run_id).is_dir()
    with pytest.raises(StageError) as caught:
        publish(run, workspace)
    assert caught.value.code == ExitCode.REJECTED
    assert not workspace.merged(run.run_id).exists()
    assert adapter_sha256(workspace.adapter(run)) is not None


def test_a_run_that_serves_keeps_them_when_a_stricter_gate_refuses_it(
    make_run: MakeRun, workspace: Workspace
) -> None:
    run = make_run(family="stablelm", evaluate=FEW, serve=MERGED, gate=LENIENT)
    judged(run, workspace)
    publish(run, workspace)
    strict = make_run(family="stablelm", evaluate=FEW, serve=MERGED, gate=STRICT)
    assert judged(strict, workspace)["decision"] == "rejected"
    with pytest.raises(StageError):
        publish(strict, workspace)
    assert workspace.merged(run.run_id).is_dir()


def test_weights_that_were_not_evaluated_are_not_published(make_run: MakeRun, workspace: Workspace) -> None:
    run = make_run(family="stablelm", evaluate=FEW, serve=MERGED, gate=LENIENT)
    judged(run, workspace)
    shutil.rmtree(workspace.merged(run.run_id))
    with pytest.raises(StageError, match="evaluate it again") as caught:
        publish(run, workspace)
    assert caught.value.code == ExitCode.USAGE
    evaluate(run, workspace)
    publish(run, workspace)


def test_going_back_to_a_promoted_run_is_a_rollback_unless_it_was_promoted_as_an_adapter(
    make_run: MakeRun, workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    first = make_run(family="stablelm", evaluate=FEW, serve=MERGED, gate=LENIENT)
    judged(first, workspace)
    publish(first, workspace)
    second = make_run(family="stablelm", evaluate=FEW, serve=MERGED, gate=LENIENT)
    second = second.model_copy(update={"run_id": "ba9876543210"})
    judged(second, workspace, seed=2)
    publish(second, workspace)
    shutil.rmtree(workspace.merged(first.run_id))  # somebody made room: they come back with the rollback
    evaluate(first, workspace)
    publish(first, workspace)
    assert "rollback" in (read_json(workspace.run(first.run_id) / "verdict.json") or {})["reason"]
    assert workspace.merged(first.run_id).is_dir()
    as_adapter = make_run(family="stablelm", evaluate=FEW, gate=LENIENT)
    as_adapter = as_adapter.model_copy(update={"run_id": "ba9876543210"})
    capsys.readouterr()
    evaluate(as_adapter, workspace)
    assert "evaluate tuned" in capsys.readouterr().out, "what will serve was never judged"


def test_an_adapter_that_is_no_number_is_told_before_it_serves(trained: Run, workspace: Workspace) -> None:
    file = workspace.adapter(trained) / "adapter_model.safetensors"
    weights = load_file(file)
    first = next(iter(weights))
    weights[first] = torch.full_like(weights[first], float("nan"))
    save_file(weights, file)
    with pytest.raises(StageError, match="not finite") as caught:
        merge(trained.base, trained.name, trained.run_id, "float32", workspace)
    assert caught.value.code == ExitCode.NOT_FINITE
    assert not workspace.merged(trained.run_id).exists()
