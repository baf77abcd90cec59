"""The second stage: LoRA or QLoRA by TRL, PEFT and bitsandbytes, resumable at any moment."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tuneform_trainer import progress
from tuneform_trainer.config import Run
from tuneform_trainer.errors import ExitCode, StageError, is_out_of_memory
from tuneform_trainer.prepare import load_splits
from tuneform_trainer.workspace import Workspace, adapter_sha256, read_json, storage_errors, write_json


def train(run: Run, workspace: Workspace) -> None:
    """Make runs/<id>/adapter and training.json, or find them whole."""
    folder = workspace.run(run.run_id)
    done = read_json(folder / "training.json")
    if done is not None and adapter_sha256(workspace.adapter(run)) == done["adapterSha256"]:
        progress.stage("train", "skipped")
        return
    with workspace.compute_slot(), storage_errors(folder):
        progress.stage("train", "start")
        summary = _train(run, workspace)
    write_json(folder / "training.json", summary)
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    progress.stage(
        "train",
        "done",
        f"{summary['steps']} steps in {summary['seconds']:.0f} s, {summary['tokensPerSecond']:.0f} "
        f"tokens/s, peak {summary['peakBytes'] / 1e9:.1f} GB",
    )


def _identity(run: Run) -> str:
    """A checkpoint of other settings (a changed micro-batch, say) must not be resumed."""
    settings = [run.run_id, run.data.digest, run.train.model_dump(mode="json")]
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()


def _train(run: Run, workspace: Workspace) -> dict[str, Any]:
    from tuneform_trainer.base import load_tokenizer
    from tuneform_trainer.training.adapter import adapted_model
    from tuneform_trainer.training.callbacks import (
        CompleteCheckpoints,
        Reporter,
        StopOnSignal,
        Validation,
        validation_losses,
    )
    from tuneform_trainer.training.checkpoints import last_complete, step_of
    from tuneform_trainer.training.loop import make_trainer

    folder = workspace.run(run.run_id)
    checkpoints, best = folder / "checkpoints", folder / "checkpoints" / "best"
    reporter = Reporter(folder / "metrics.jsonl")
    _require_reporting(run)
    _quiet_libraries()
    resume = last_complete(checkpoints, _identity(run))
    tokenizer = load_tokenizer(run.base)
    model, modules = adapted_model(run)
    rows = load_splits(workspace.dataset(run.data.digest))
    with StopOnSignal() as stop:
        callbacks = [
            stop,
            CompleteCheckpoints(checkpoints, _identity(run)),
            Validation(best, run.train.early_stop_patience),
            reporter,
        ]
        trainer = make_trainer(run, model, tokenizer, rows, checkpoints, callbacks, reporter)
        if resume is not None:
            progress.log(f"resuming from step {step_of(resume)}")
        _fit(trainer, resume)
    if stop.received is not None:
        message = f"stopped at step {trainer.state.global_step}; the checkpoint is saved"
        raise StageError(stop.exit_code(), message)
    losses = validation_losses(trainer.state)
    chosen = read_json(best / "best.json") if losses else None
    _write_adapter(run, workspace, trainer, best if chosen else None)
    return _summary(run, workspace, trainer, reporter, modules, resume, chosen)


def _fit(trainer: Any, resume: Path | None) -> None:
    import torch

    try:
        trainer.train(resume_from_checkpoint=str(resume) if resume else None)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        message = f"out of memory: {error}"
        if isinstance(error, torch.cuda.OutOfMemoryError):
            message = "out of GPU memory; lower train.maxLength or train.effectiveBatch, or choose "
            message += "train.method: qlora"
        raise StageError(ExitCode.OUT_OF_MEMORY, message) from error


def _write_adapter(run: Run, workspace: Workspace, trainer: Any, best: Path | None) -> None:
    """adapter/ appears whole; it names its base by id, not by a path of this machine."""
    target = workspace.adapter(run)
    scratch = target.with_name(".adapter.part")
    shutil.rmtree(scratch, ignore_errors=True)
    if best is not None:
        shutil.copytree(best, scratch, ignore=shutil.ignore_patterns("best.json", "README.md"))
    else:
        trainer.model.save_pretrained(scratch)
        (scratch / "README.md").unlink(missing_ok=True)
    config = read_json(scratch / "adapter_config.json") or {}
    config["base_model_name_or_path"] = run.base.hub_id or run.base.id
    config["revision"] = run.base.revision
    write_json(scratch / "adapter_config.json", config)
    trainer.processing_class.save_pretrained(scratch)
    shutil.rmtree(target, ignore_errors=True)
    scratch.rename(target)


def _summary(  # noqa: PLR0913, PLR0917 - one fact each
    run: Run,
    workspace: Workspace,
    trainer: Any,
    reporter: Any,
    modules: int,
    resume: Path | None,
    chosen: dict[str, Any] | None,
) -> dict[str, Any]:
    from tuneform_trainer.training.callbacks import validation_losses
    from tuneform_trainer.training.checkpoints import step_of
    from tuneform_trainer.training.device import device_name, peak_bytes

    losses = [e["loss"] for e in trainer.state.log_history if "loss" in e]
    validation = [{"step": s, "loss": v} for s, v in validation_losses(trainer.state)]
    best_step = chosen["step"] if chosen else trainer.state.global_step
    stopped = trainer.state.global_step < trainer.state.max_steps
    return {
        "schemaVersion": 1,
        "steps": trainer.state.global_step,
        "epochs": round(trainer.state.epoch or 0, 3),
        "bestStep": best_step,
        "stoppedEarly": stopped,
        "overfitted": any(entry["step"] > best_step for entry in validation),
        "tokens": reporter.tokens,
        "trainedTokens": reporter.trained_tokens,
        "seconds": round(reporter.seconds, 2),
        "tokensPerSecond": round(reporter.tokens / max(1e-9, reporter.seconds), 1),
        "peakBytes": peak_bytes(),
        "device": device_name(),
        "firstLoss": losses[0] if losses else None,
        "lastLoss": losses[-1] if losses else None,
        "validation": validation,
        "adapterSha256": adapter_sha256(workspace.adapter(run)),
        "adaptedModules": modules,
        "trainableParameters": trainer.model.get_nb_trainable_parameters()[0],
        "resumedFrom": step_of(resume) if resume else None,
        "finishedAt": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "versions": {
            "python": sys.version.split()[0],
            **{n: version(n) for n in ("torch", "transformers", "trl", "peft", "bitsandbytes")},
        },
    }


def _require_reporting(run: Run) -> None:
    """Reporting is asked for by the spec and lives in packages that are not installed by default."""
    wanted = run.train.report_to
    if wanted == "none":
        return
    if importlib.util.find_spec(wanted) is None:
        message = (
            f"train.reportTo: {wanted} needs the Python package {wanted}, which the trainer's environment "
            f"lacks; install it there (uv pip install {wanted}), or set train.reportTo: none"
        )
        raise StageError(ExitCode.ENVIRONMENT, message)
    os.environ.setdefault("WANDB_PROJECT", "tuneform")
    os.environ.setdefault("MLFLOW_EXPERIMENT_NAME", "tuneform")


def _quiet_libraries() -> None:
    """Their bars and notes would tear our own progress lines."""
    import warnings

    from datasets.utils.logging import disable_progress_bar
    from transformers.utils import logging

    os.environ["TQDM_DISABLE"] = "1"
    disable_progress_bar()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    warnings.filterwarnings("ignore", category=FutureWarning)
    warnings.filterwarnings("ignore", category=UserWarning, module="torch|trl|peft|transformers")
