"""A stage as the first process of its container, which the kernel gives no default for SIGTERM."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import MakeRun, default_run

from tuneform_trainer.config import Run
from tuneform_trainer.errors import ExitCode
from tuneform_trainer.prepare import prepare
from tuneform_trainer.workspace import Workspace

FIRST = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]


@pytest.fixture(autouse=True)
def namespaces() -> None:
    if shutil.which("unshare") is None or subprocess.run([*FIRST, "true"], check=False).returncode != 0:
        pytest.skip("SKIPPED LOUDLY: processes of their own namespace need unshare and its right")


def start(stage: str, run: Path, workspace: Workspace, log: Path) -> subprocess.Popen[bytes]:
    options = [stage, "--run", str(run), "--workspace", str(workspace.root)]
    with log.open("a") as file:
        env = {**os.environ, "OMP_NUM_THREADS": "1", "TUNEFORM_PROGRESS_SECONDS": "0"}
        command = [*FIRST, sys.executable, "-m", "tuneform_trainer.cli", *options]
        return subprocess.Popen(command, stdout=file, stderr=file, env=env)


def wait_for(words: str, log: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 300
    while words not in log.read_text():
        assert process.poll() is None and time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)


def terminate(process: subprocess.Popen[bytes]) -> int:
    """SIGTERM to the process within, as the kubelet sends it; its exit code, which unshare hands on."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    assert len(children) == 1
    os.kill(int(children[0]), signal.SIGTERM)
    return process.wait(timeout=60)


def test_a_training_saves_a_checkpoint_and_ends_as_preempted(
    make_run: MakeRun, workspace: Workspace, run_file: Callable[[Run], Path], tmp_path: Path
) -> None:
    run = make_run(train={"epochs": 500, "checkpointEverySteps": 100_000})
    prepare(run, workspace)
    log = tmp_path / "log"
    process = start("train", run_file(run), workspace, log)
    wait_for("train: 3/", log, process)
    assert terminate(process) == ExitCode.PREEMPTED
    (marker,) = workspace.run(run.run_id).glob("checkpoints/checkpoint-*/complete.json")
    step = marker.parent.name.removeprefix("checkpoint-")
    assert json.loads(marker.read_text())["files"]
    assert f"stopped at step {step}; the checkpoint is saved" in log.read_text()


def test_a_stage_that_waits_ends_as_preempted(
    workspace: Workspace, run_file: Callable[[Run], Path], tmp_path: Path
) -> None:
    """Here for another process on its run; the handler is there from the start, in every stage."""
    run = Run.model_validate(default_run(tmp_path / "data.jsonl", "0" * 64, tmp_path))
    log = tmp_path / "log"
    with workspace.run_lock(run.run_id):
        process = start("stage", run_file(run), workspace, log)
        wait_for("is in use by another process", log, process)
        assert terminate(process) == ExitCode.PREEMPTED
