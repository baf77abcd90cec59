"""Progress as a person reads it in a pod's log."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tuneform_trainer.errors import ExitCode, StageError
from tuneform_trainer.training.callbacks import Reporter


def log_steps(folder: Path, steps: int) -> None:
    reporter = Reporter(folder / "metrics.jsonl")
    reporter.tokens = 1000
    for step in range(1, steps + 1):
        state: Any = SimpleNamespace(global_step=step, max_steps=steps, epoch=step / steps)
        nothing: Any = None
        reporter.on_log(nothing, state, nothing, logs={"loss": 1.25, "grad_norm": 0.1})


def test_a_line_tells_step_loss_speed_and_time_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TUNEFORM_PROGRESS_SECONDS", "0")
    log_steps(tmp_path, 3)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" · ")[:2] for line in lines] == [
        [f"train: {step}/3", "loss 1.250"] for step in (1, 2, 3)
    ]
    assert all(line.split(" · ")[2].endswith(" tokens/s") for line in lines)
    assert all(line.endswith(" s left") for line in lines)


def test_lines_keep_their_distance_but_the_last_is_always_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TUNEFORM_PROGRESS_SECONDS", "1000000")
    log_steps(tmp_path, 50)
    assert [line.split(" ")[1] for line in capsys.readouterr().out.splitlines()][-1] == "50/50"
    assert len((tmp_path / "metrics.jsonl").read_text().splitlines()) == 50  # these are all kept
    monkeypatch.setenv("TUNEFORM_PROGRESS_SECONDS", "ten")
    with pytest.raises(StageError, match="'ten'") as caught:
        log_steps(tmp_path, 1)
    assert caught.value.code == ExitCode.USAGE
