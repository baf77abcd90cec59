"""What watches a training: progress, checkpoints, validation, and requests to stop."""

from __future__ import annotations

import json
import math
import signal
import time
from pathlib import Path
from types import FrameType
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from tuneform_trainer import progress
from tuneform_trainer.errors import ExitCode, StageError
from tuneform_trainer.training.checkpoints import PREFIX, keep_last, mark_complete
from tuneform_trainer.training.device import peak_bytes
from tuneform_trainer.workspace import write_json

KEPT_CHECKPOINTS = 2


class StopOnSignal(TrainerCallback):
    """SIGTERM or SIGINT while it is entered: save at the next step boundary and end."""

    def __init__(self) -> None:
        self.received: int | None = None
        self._former: dict[int, Any] = {}

    def __enter__(self) -> StopOnSignal:
        for number in (signal.SIGTERM, signal.SIGINT):
            self._former[number] = signal.signal(number, self._remember)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._former.items():
            signal.signal(number, handler)

    def _remember(self, number: int, _frame: FrameType | None) -> None:
        self.received = number

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if self.received is not None:
            control.should_save = True
            control.should_training_stop = True

    def exit_code(self) -> ExitCode:
        return ExitCode.INTERRUPTED if self.received == signal.SIGINT else ExitCode.PREEMPTED


class CompleteCheckpoints(TrainerCallback):
    """Marks what the trainer has written, then removes what it replaces."""

    def __init__(self, folder: Path, identity: str) -> None:
        self.folder = folder
        self.identity = identity

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        mark_complete(self.folder / f"{PREFIX}{state.global_step}", self.identity)
        keep_last(self.folder, KEPT_CHECKPOINTS)


class Validation(TrainerCallback):
    """Keeps the adapter of the best validation, and stops when it has turned for good."""

    def __init__(self, best: Path, patience: int | None) -> None:
        self.best = best
        self.patience = patience

    def on_evaluate(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        model: Any = None,
        **kwargs: Any,
    ) -> None:
        losses = validation_losses(state)
        step, loss = min(losses, key=lambda entry: entry[1])
        progress.log(f"validation loss {losses[-1][1]:.4f} at step {losses[-1][0]}")
        if step == state.global_step:
            model.save_pretrained(self.best)
            write_json(self.best / "best.json", {"schemaVersion": 1, "step": step, "loss": loss})
        since_best = sum(1 for at, _ in losses if at > step)
        if self.patience is not None and since_best >= self.patience:
            progress.log(f"validation turned at step {step}; stopping early")
            control.should_training_stop = True


def validation_losses(state: TrainerState) -> list[tuple[int, float]]:
    """(step, loss) of every validation so far; survives a resume because the state does."""
    return [(int(e["step"]), e["eval_loss"]) for e in state.log_history if "eval_loss" in e]


class Reporter(TrainerCallback):
    """metrics.jsonl, progress, and an end to losses that are no numbers."""

    def __init__(self, metrics: Path) -> None:
        self.metrics = metrics
        self.tokens = 0
        self.trained_tokens = 0
        self.began = time.monotonic()
        self.first_step = 0
        self._shown = 0.0
        self._interval = progress.interval_seconds()

    def count(self, inputs: dict[str, Any]) -> None:
        """Called with every micro-batch."""
        self.tokens += int(inputs["attention_mask"].sum())
        self.trained_tokens += int((inputs["labels"] >= 0).sum())

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self.began = time.monotonic()
        self.first_step = state.global_step

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        entry = self._entry(state, logs or {})
        if entry is None:
            return
        with self.metrics.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")
        for name in ("loss", "gradNorm"):
            if name in entry and not math.isfinite(entry[name]):
                message = (
                    f"{name} is {entry[name]} at step {state.global_step}; the last checkpoint is "
                    "kept. Lower train.learningRate, or look at the rows of this batch"
                )
                raise StageError(ExitCode.NOT_FINITE, message)
        self._show(state, entry)

    def _entry(self, state: TrainerState, logs: dict[str, float]) -> dict[str, Any] | None:
        common = {"step": state.global_step, "epoch": round(state.epoch or 0, 4)}
        if "eval_loss" in logs:
            return {**common, "validationLoss": logs["eval_loss"]}
        if "loss" not in logs:
            return None
        return {
            **common,
            "loss": logs["loss"],
            "learningRate": logs.get("learning_rate"),
            "gradNorm": logs.get("grad_norm", 0.0),
            "tokens": self.tokens,
            "trainedTokens": self.trained_tokens,
            "tokensPerSecond": round(self.tokens / max(1e-9, self.seconds), 1),
            "peakBytes": peak_bytes(),
        }

    def _show(self, state: TrainerState, entry: dict[str, Any]) -> None:
        last = state.global_step >= state.max_steps
        if "loss" not in entry or (time.monotonic() - self._shown < self._interval and not last):
            return
        self._shown = time.monotonic()
        done = max(1, state.global_step - self.first_step)
        progress.step(
            "train",
            state.global_step,
            state.max_steps,
            loss=entry["loss"],
            tokens_per_second=entry["tokensPerSecond"],
            eta_seconds=self.seconds / done * (state.max_steps - state.global_step),
        )
