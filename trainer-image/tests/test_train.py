"""Training: every family's quirks, NF4 on a CPU, and what is left after a kill."""

from __future__ import annotations

import importlib.util
import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from multiprocessing.process import BaseProcess as Process
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import MakeRun
from tiny import CONFIGS

from tuneform_trainer.base import load_model
from tuneform_trainer.chat import FAMILIES
from tuneform_trainer.config import Run, load_run
from tuneform_trainer.errors import ExitCode, StageError
from tuneform_trainer.prepare import prepare
from tuneform_trainer.train import train
from tuneform_trainer.training.adapter import adapted_model
from tuneform_trainer.training.checkpoints import last_complete, mark_complete
from tuneform_trainer.workspace import Workspace

torch.set_num_threads(2)


@pytest.mark.parametrize("family", CONFIGS)
@pytest.mark.parametrize("method", ["lora", "qlora"])
def test_every_family_is_adapted_in_all_its_linear_layers(
    make_run: MakeRun, family: str, method: str
) -> None:
    run = make_run(family=family, train={"method": method})
    model, modules = adapted_model(run)
    traits = FAMILIES[family]
    names = {*traits.attention_modules, *traits.feed_forward_modules}
    assert modules == 2 * len(names)
    trained = [name for name, p in model.named_parameters() if p.requires_grad]
    assert {name.split(".lora_")[0].rsplit(".", 1)[1] for name in trained} == names
    ids = torch.randint(7, 200, (2, 12))
    loss = model(input_ids=ids, labels=ids).loss
    loss.backward()
    gradients = [p.grad for name, p in model.named_parameters() if name.endswith("lora_B.default.weight")]
    assert all(g is not None and torch.isfinite(g).all() and g.abs().sum() > 0 for g in gradients)


def test_only_the_last_layers_are_adapted_when_asked(make_run: MakeRun) -> None:
    model, modules = adapted_model(make_run(train={"lastLayers": 1, "targets": "attention"}))
    assert modules == 4
    assert all(".layers.1." in name for name, p in model.named_parameters() if p.requires_grad)


def _input_gradient(model: Any, hidden: torch.Tensor) -> torch.Tensor:
    given = hidden.clone().requires_grad_(True)
    model.train()
    model(inputs_embeds=given).logits.float().pow(2).mean().backward()
    assert given.grad is not None
    return given.grad.clone()


def test_a_validation_leaves_4_bit_weights_as_they_are(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where bitsandbytes has a layout of its own for inference, which gives no gradients."""
    monkeypatch.setattr("bitsandbytes.nn.modules.has_avx512bf16", lambda: True)
    model: Any = load_model(make_run().base, "float32", nf4=True)
    layer = model.model.layers[0].mlp.up_proj
    before = layer.weight.data.clone()
    with torch.no_grad():
        model.eval()(input_ids=torch.randint(7, 200, (2, 12)))
    assert torch.equal(layer.weight.data, before)
    assert _input_gradient(model, torch.randn(2, 12, model.config.hidden_size)).abs().sum() > 0


def test_nf4_gradients_agree_with_the_dequantised_weights(make_run: MakeRun) -> None:
    from bitsandbytes.functional import dequantize_4bit

    run = make_run()
    quantised: Any = load_model(run.base, "float32", nf4=True)
    exact: Any = load_model(run.base, "float32")
    for name, module in exact.named_modules():
        packed = quantised.get_submodule(name)
        if type(packed).__name__ == "Linear4bit":
            module.weight.data = dequantize_4bit(packed.weight.data, packed.weight.quant_state).float()
    hidden = torch.randn(2, 9, 32, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(
        _input_gradient(quantised, hidden), _input_gradient(exact, hidden), rtol=1e-3, atol=1e-6
    )


def test_qlora_still_learns_after_its_validations(make_run: MakeRun, workspace: Workspace) -> None:
    """A validation in eval mode would end the gradients: the loss would stay where it is."""
    run = make_run(train={"method": "qlora", "epochs": 3})
    prepare(run, workspace)
    train(run, workspace)
    result = json.loads((workspace.run(run.run_id) / "training.json").read_text())
    first, last = result["validation"][0]["loss"], result["validation"][-1]["loss"]
    assert len(result["validation"]) == 3
    assert last < 0.9 * first


def test_a_half_written_checkpoint_is_stepped_over(tmp_path: Path) -> None:
    for step, content in ((5, "whole"), (10, "whole")):
        folder = tmp_path / f"checkpoint-{step}"
        folder.mkdir()
        (folder / "weights").write_text(content)
        mark_complete(folder, "this run")
    (tmp_path / "checkpoint-10" / "weights").write_text("wh")
    (tmp_path / "checkpoint-15").mkdir()
    found = last_complete(tmp_path, "this run")
    assert found is not None and found.name == "checkpoint-5"
    assert last_complete(tmp_path, "another run") is None


def test_a_loss_that_is_no_number_stops_and_keeps_the_checkpoint(
    make_run: MakeRun, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tuneform_trainer.training.loop import CompletionTrainer

    run = make_run()
    prepare(run, workspace)
    whole = CompletionTrainer.compute_loss

    def broken(self: Any, *args: Any, **kwargs: Any) -> Any:
        loss = whole(self, *args, **kwargs)
        return loss * float("nan") if self.state.global_step == 7 and self.model.training else loss

    monkeypatch.setattr(CompletionTrainer, "compute_loss", broken)
    with pytest.raises(StageError) as caught:
        train(run, workspace)
    assert caught.value.code == ExitCode.NOT_FINITE
    assert (workspace.run(run.run_id) / "checkpoints" / "checkpoint-5" / "complete.json").is_file()


FORKS = multiprocessing.get_context("forkserver")
# Imports are paid once: children are forked from a process that has them, and are real processes.
FORKS.set_forkserver_preload(["bitsandbytes", "datasets", "peft", "tuneform_trainer.training.loop"])


def _train_and_exit(run_file: Path, root: Path) -> None:
    """What the command does, with its exit codes."""
    torch.set_num_threads(1)
    try:
        train(load_run(run_file), Workspace(root))
    except StageError as error:
        sys.exit(error.code)


def _start(run_file: Path, workspace: Workspace) -> Process:
    process = FORKS.Process(target=_train_and_exit, args=(run_file, workspace.root))
    process.start()
    return process


def _end(process: Process) -> int | None:
    process.join(timeout=120)
    return process.exitcode


def _wait_for_step(process: Process, metrics: Path, step: int) -> None:
    """Until the training has logged this step, or ended."""
    while process.is_alive():
        lines = metrics.read_text().splitlines() if metrics.exists() else []
        if any(line.endswith("}") and json.loads(line)["step"] >= step for line in lines):
            return
        time.sleep(0.01)


@pytest.fixture
def long_run(make_run: MakeRun) -> Run:
    return make_run(train={"epochs": 8, "checkpointEverySteps": 4})


def _adapter_digest(workspace: Workspace, run: Run) -> str:
    result: str = json.loads((workspace.run(run.run_id) / "training.json").read_text())["adapterSha256"]
    return result


def test_ten_kills_at_random_moments_leave_the_same_adapter(
    long_run: Run, tmp_path: Path, run_file: Callable[[Run], Path]
) -> None:
    path = run_file(long_run)
    undisturbed, disturbed = Workspace(tmp_path / "a"), Workspace(tmp_path / "b")
    for workspace in (undisturbed, disturbed):
        prepare(long_run, workspace)
    assert _end(_start(path, undisturbed)) == 0
    chance = random.Random(7)
    metrics = disturbed.run(long_run.run_id) / "metrics.jsonl"
    for kill in range(1, 11):
        process = _start(path, disturbed)
        _wait_for_step(process, metrics, chance.randint(8 * kill - 8, 8 * kill))
        time.sleep(chance.random() * 0.3)
        process.kill()
        process.join()
    assert _end(_start(path, disturbed)) == 0
    assert _adapter_digest(disturbed, long_run) == _adapter_digest(undisturbed, long_run)


def _stored_types(workspace: Workspace, run: Run) -> set[str]:
    """Types of the matrices in the adapter's file, by its header."""
    content = (workspace.adapter(run) / "adapter_model.safetensors").read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    return {entry["dtype"] for name, entry in header.items() if name != "__metadata__"}


def test_an_adapter_on_4_bit_weights_keeps_its_type(make_run: MakeRun, workspace: Workspace) -> None:
    """TRL makes it bf16 whatever was asked for."""
    run = make_run(train={"method": "qlora", "adapterDtype": "float32"})
    prepare(run, workspace)
    train(run, workspace)
    assert _stored_types(workspace, run) == {"F32"}


@pytest.mark.parametrize(("type_", "stored"), [("float32", "F32"), ("bfloat16", "BF16")])
def test_sigterm_saves_a_checkpoint_and_the_next_start_resumes(
    make_run: MakeRun, workspace: Workspace, run_file: Callable[[Run], Path], type_: str, stored: str
) -> None:
    """In the same type, which PEFT changes when it loads an adapter."""
    types = {"computeDtype": type_, "adapterDtype": type_}
    long_run = make_run(train={"epochs": 8, "checkpointEverySteps": 4, **types})
    path = run_file(long_run)
    prepare(long_run, workspace)
    process = _start(path, workspace)
    _wait_for_step(process, workspace.run(long_run.run_id) / "metrics.jsonl", 9)
    process.terminate()
    assert _end(process) == ExitCode.PREEMPTED
    assert _end(_start(path, workspace)) == 0
    result = json.loads((workspace.run(long_run.run_id) / "training.json").read_text())
    assert result["resumedFrom"] >= 9
    assert _stored_types(workspace, long_run) == {stored}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small-disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", folder], check=False, capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip("SKIPPED LOUDLY: a disk of its own can only be mounted by root")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk_ends_the_training_and_room_lets_it_go_on(
    make_run: MakeRun, small_disk: Path, tmp_path: Path, run_file: Callable[[Run], Path]
) -> None:
    run = make_run(train={"checkpointEverySteps": 4})
    full, roomy = Workspace(small_disk / "workspace"), Workspace(tmp_path / "workspace")
    for workspace in (full, roomy):
        prepare(run, workspace)
    ballast = small_disk / "ballast"
    with pytest.raises(OSError, match="No space left"):
        ballast.write_bytes(bytes(64 * 2**20))
    os.truncate(ballast, ballast.stat().st_size - 200_000)
    assert _end(_start(run_file(run), full)) == ExitCode.STORAGE
    ballast.unlink()
    assert _end(_start(run_file(run), full)) == 0
    assert _end(_start(run_file(run), roomy)) == 0
    assert _adapter_digest(full, run) == _adapter_digest(roomy, run)


def test_signals_are_nobodys_business_after_the_training(make_run: MakeRun, workspace: Workspace) -> None:
    """Evaluation follows in the same process, and a Ctrl-C has to end it."""
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    run = make_run(train={"epochs": 1})
    prepare(run, workspace)
    train(run, workspace)
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


@pytest.mark.parametrize("service", ["wandb", "mlflow"])
def test_reporting_to_a_service_without_its_package_says_what_to_install(
    make_run: MakeRun, workspace: Workspace, service: str
) -> None:
    if importlib.util.find_spec(service) is not None:
        pytest.skip(f"SKIPPED LOUDLY: {service} is installed here")
    run = make_run(train={"reportTo": service})
    prepare(run, workspace)
    with pytest.raises(StageError, match=f"needs the Python package {service}") as caught:
        train(run, workspace)
    assert caught.value.code == ExitCode.ENVIRONMENT
