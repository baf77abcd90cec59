"""Weights with an adapter in them, for bases that vLLM has no LoRA for.

Why they are judged and served as a model of their own: docs/decisions/013-merged-weights.md.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from tuneform_trainer import progress
from tuneform_trainer.base import DONE, TOKENIZER_FILES, base_facts, load_model, model_folder
from tuneform_trainer.chat import family
from tuneform_trainer.config import Base, FolderWeights, Run
from tuneform_trainer.errors import ExitCode, StageError, memory_errors
from tuneform_trainer.workspace import (
    Workspace,
    adapter_sha256,
    folder_digest,
    read_json,
    storage_errors,
    write_json,
)

MARKER = "merged.json"  # written last: a folder without it is half there


def merge(base: Base, name: str, run_id: str, dtype: str, workspace: Workspace) -> Base:
    """The adapter of a run within the weights of `base`, in `dtype`, as a base model of its own.

    Made on first use, again when the adapter or the type changed, and never half there. Raises
    StageError(USAGE) for a run without an adapter, StageError(STORAGE) on a full disk,
    StageError(OUT_OF_MEMORY), StageError(NOT_FINITE) where a merged weight is no number.
    """
    adapter = workspace.run(run_id) / "adapter"
    source = {"schemaVersion": 1, "adapterSha256": adapter_sha256(adapter), "dtype": dtype}
    if source["adapterSha256"] is None:
        raise StageError(ExitCode.USAGE, f"run {run_id} has no adapter yet: train it first")
    folder = workspace.merged(run_id)
    marker = _whole(folder)
    if marker is None or {key: marker.get(key) for key in source} != source:
        progress.log(f"merging the adapter of run {run_id} into the weights of {base.id}")
        with storage_errors(folder), memory_errors("merging; take a larger machine or a smaller base"):
            marker = _make(base, adapter, dtype, folder, source)
    weights = FolderWeights(kind="folder", path=str(folder), digest=marker["sha256"])
    return base.model_copy(update={"id": f"{name}-{run_id}", "weights": weights})


def weights_there(run: Run, workspace: Workspace) -> dict[str, str | None]:
    """Digests of what a server loads for this run: of its adapter, of merged weights where it takes them."""
    marker = _whole(workspace.merged(run.run_id)) if run.serve.weights == "merged" else None
    return {
        "adapterSha256": adapter_sha256(workspace.adapter(run)),
        "mergedSha256": None if marker is None else marker["sha256"],
    }


def judged_weights(document: dict[str, Any]) -> dict[str, str | None]:
    """The same of a verdict or registry entry."""
    return {name: document.get(name) for name in ("adapterSha256", "mergedSha256")}


def _whole(folder: Path) -> dict[str, Any] | None:
    """The marker of a folder in which every file is as long as it was. Gigabytes are hashed only once."""
    marker: dict[str, Any] | None = read_json(folder / MARKER)
    if marker is None or any(_size(folder / name) != size for name, size in marker["files"].items()):
        return None
    return marker


def _size(file: Path) -> int | None:
    return file.stat().st_size if file.is_file() else None


def _make(base: Base, adapter: Path, dtype: str, folder: Path, source: dict[str, Any]) -> dict[str, Any]:
    scratch = folder.with_name(f".{folder.name}")
    shutil.rmtree(scratch, ignore_errors=True)  # of a process that was killed
    model = _add(base, adapter, dtype)
    # Pieces of 2 GB: each goes through main memory as a whole.
    model.save_pretrained(scratch, max_shard_size="2GB")
    for file in sorted(model_folder(base).iterdir()):
        # The tokenizer byte for byte: what is saved anew may split a text otherwise.
        if _goes_along(file.name):
            shutil.copyfile(file, scratch / file.name)
    files = sorted(file for file in scratch.iterdir() if file.is_file())
    marker = {**source, "sha256": folder_digest(files), "files": {f.name: f.stat().st_size for f in files}}
    write_json(scratch / MARKER, marker)
    shutil.rmtree(folder, ignore_errors=True)
    scratch.rename(folder)
    return marker


def _goes_along(name: str) -> bool:
    """Not the config, which tells another type, nor the index of the base's own shards."""
    of_the_base = name in (DONE, "config.json") or name.endswith(".index.json")
    return name.endswith(TOKENIZER_FILES) and not of_the_base


def _add(base: Base, adapter: Path, dtype: str) -> Any:
    """Layer by layer in float32 and rounded once, so that it takes the memory of the base and one layer.

    peft's own merge rounds the product of the adapter's matrices first and the sum again.
    """
    import torch
    from peft import PeftModel
    from peft.tuners.lora import Linear

    attention = family(base_facts(base)["model_type"]).attention
    model = PeftModel.from_pretrained(load_model(base, dtype, attention=attention), str(adapter))
    with torch.no_grad():
        for name, layer in model.named_modules():
            if isinstance(layer, Linear):
                weight: Any = layer.get_base_layer().weight
                total = weight.float() + layer.get_delta_weight("default").float()
                if not torch.isfinite(total).all():
                    message = f"merging: {name} holds a number that is not finite; train it again"
                    raise StageError(ExitCode.NOT_FINITE, message)
                weight.copy_(total)
    return model.unload()
