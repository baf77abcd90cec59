"""What an application and a server may rely on, and whether vLLM can serve the adapter."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from tuneform_trainer.base import base_facts, load_tokenizer, model_folder
from tuneform_trainer.chat import family, stop_token_ids
from tuneform_trainer.config import Run
from tuneform_trainer.errors import ExitCode, StageError
from tuneform_trainer.merged import weights_there
from tuneform_trainer.workspace import WEIGHTS, Workspace, adapter_sha256, read_json

CONTRACT_VERSION = 1
VLLM_RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)  # values of --max-lora-rank


def max_lora_rank(rank: int) -> int:
    """The value of vLLM's --max-lora-rank that an adapter of this rank needs."""
    return next(allowed for allowed in VLLM_RANKS if allowed >= rank)


def adapter_problems(adapter: Path) -> list[str]:
    """What vLLM would refuse, or serve wrongly without a word (rank and alpha patterns)."""
    config: dict[str, Any] | None = read_json(adapter / "adapter_config.json")
    if config is None:
        return [f"{adapter / 'adapter_config.json'} is absent or no JSON"]
    problems = [
        f"adapter_config.json: {name} is set, which vLLM refuses or ignores"
        for name in ("modules_to_save", "use_dora", "rank_pattern", "alpha_pattern")
        if config.get(name)
    ]
    if config.get("peft_type", "LORA") != "LORA":
        problems.append(f"adapter_config.json: peft_type {config['peft_type']} is not LORA")
    if config.get("bias", "none") != "none":
        problems.append("adapter_config.json: bias is trained, which vLLM refuses")
    rank = config.get("r", 0)
    if not 1 <= rank <= VLLM_RANKS[-1]:
        problems.append(f"adapter_config.json: rank {rank} is outside 1 to {VLLM_RANKS[-1]}")
    return problems + _tensor_problems(adapter / WEIGHTS, rank)


def _tensor_problems(file: Path, rank: int) -> list[str]:
    """Only LoRA matrices of linear layers, all of the declared rank."""
    from safetensors import SafetensorError, safe_open

    if not file.is_file():
        return [f"{file.name} is absent; other formats can hold code and are not served"]
    strange, wrong_rank = [], []
    try:
        with safe_open(file, framework="pt") as weights:
            for name in weights.keys():  # noqa: SIM118 - no mapping
                side = 0 if ".lora_A." in name else 1 if ".lora_B." in name else None
                if side is None or "lm_head" in name or "embed" in name:
                    strange.append(name)
                elif weights.get_slice(name).get_shape()[side] != rank:
                    wrong_rank.append(name)
    except SafetensorError as error:
        return [f"{file.name} is damaged: {error}"]
    return [
        *(f"{file.name} holds {name}, which is no LoRA matrix of a linear layer" for name in strange[:5]),
        *(f"{file.name}: {name} is not of rank {rank}" for name in wrong_rank[:5]),
    ]


def contract(run: Run, workspace: Workspace) -> dict[str, Any]:
    """Raises StageError(BASE_MODEL) when the adapter could not be served as declared."""
    adapter = workspace.adapter(run)
    problems = adapter_problems(adapter)
    if problems:
        raise StageError(ExitCode.BASE_MODEL, "the adapter cannot be served by vLLM", problems)
    config = read_json(adapter / "adapter_config.json") or {}
    tokenizer = load_tokenizer(run.base)
    traits = family(base_facts(run.base)["model_type"])
    stops = stop_token_ids(tokenizer)
    return {
        "contractVersion": CONTRACT_VERSION,
        "modelId": run.model_id,
        "alias": run.name,
        "base": {
            "id": run.base.id,
            "hubId": run.base.hub_id,
            "revision": run.base.revision,
            "weights": run.base.weights.model_dump(mode="json", exclude={"path"}),
            "licence": run.base.licence,
        },
        "tokenizerSha256": _tokenizer_sha256(model_folder(run.base)),
        "chatTemplateSha256": _sha256(str(tokenizer.chat_template).encode()),
        "stopTokens": [tokenizer.convert_ids_to_tokens(i) for i in stops],
        "stopTokenIds": stops,
        "systemPrompt": run.data.system_prompt,
        "labels": run.data.labels,
        "maxLength": run.serve.max_length,
        "adapter": {
            "sha256": adapter_sha256(adapter),
            "rank": config["r"],
            "alpha": config["lora_alpha"],
            "targetModules": _targets(config["target_modules"]),
        },
        "vllm": {
            "maxLoraRank": max_lora_rank(config["r"]),
            "serve": "adapter" if traits.vllm_lora else "merged",
            **_merged(run, workspace),
        },
    }


def _merged(run: Run, workspace: Workspace) -> dict[str, Any]:
    digest = weights_there(run, workspace)["mergedSha256"]
    return {} if digest is None else {"mergedSha256": digest, "dtype": run.serve.dtype}


def _targets(targets: list[str] | str) -> list[str]:
    """peft allows one pattern instead of a list of names."""
    return [targets] if isinstance(targets, str) else sorted(targets)


def _tokenizer_sha256(folder: Path) -> str:
    """Of the vocabulary file that is there, the newer format first."""
    names = ("tokenizer.json", "tokenizer.model", "vocab.json")
    file = next((folder / name for name in names if (folder / name).is_file()), None)
    if file is None:
        raise StageError(ExitCode.BASE_MODEL, f"{folder}: no {', '.join(names)}")
    return _sha256(file.read_bytes())


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
