"""What an application and a server may rely on, and whether vLLM can serve the adapter."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from tuneform_trainer.base import base_facts, load_tokenizer, model_folder
from tuneform_trainer.chat import family, stop_token_ids
from tuneform_trainer.config import Run
from tuneform_trainer.errors import ExitCode, StageError
from tuneform_trainer.workspace import Workspace, read_json

CONTRACT_VERSION = 1
VLLM_RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)  # values of --max-lora-rank


def max_lora_rank(rank: int) -> int:
    """The value of vLLM's --max-lora-rank that an adapter of this rank needs."""
    return next(allowed for allowed in VLLM_RANKS if allowed >= rank)


def adapter_problems(adapter: Path) -> list[str]:
    """What vLLM would refuse, or serve wrongly without a word (rank and alpha patterns)."""
    from safetensors import safe_open

    config: dict[str, Any] = read_json(adapter / "adapter_config.json") or {}
    problems = [
        f"adapter_config.json: {name} is set, which vLLM refuses or ignores"
        for name in ("modules_to_save", "use_dora", "rank_pattern", "alpha_pattern")
        if config.get(name)
    ]
    if config.get("bias", "none") != "none":
        problems.append("adapter_config.json: bias is trained, which vLLM refuses")
    if not 1 <= config.get("r", 0) <= VLLM_RANKS[-1]:
        problems.append(f"adapter_config.json: rank {config.get('r')} is above {VLLM_RANKS[-1]}")
    with safe_open(adapter / "adapter_model.safetensors", framework="np") as weights:
        strange = [k for k in weights.keys() if ".lora_A." not in k and ".lora_B." not in k]  # noqa: SIM118
    problems += [f"adapter_model.safetensors holds {name}, which is no LoRA matrix" for name in strange[:5]]
    return problems


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
        "tokenizerSha256": _sha256((model_folder(run.base) / "tokenizer.json").read_bytes()),
        "chatTemplateSha256": _sha256(str(tokenizer.chat_template).encode()),
        "stopTokens": [tokenizer.convert_ids_to_tokens(i) for i in stops],
        "stopTokenIds": stops,
        "systemPrompt": run.data.system_prompt,
        "labels": run.data.labels,
        "maxLength": run.serve.max_length,
        "adapter": {
            "sha256": _sha256((adapter / "adapter_model.safetensors").read_bytes()),
            "rank": config["r"],
            "alpha": config["lora_alpha"],
            "targetModules": sorted(config["target_modules"]),
        },
        "vllm": {
            "maxLoraRank": max_lora_rank(config["r"]),
            "serve": "adapter" if traits.vllm_lora else "merged",
        },
    }


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
