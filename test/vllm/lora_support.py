"""Whether vLLM has LoRA for families: reads `model_type`s as JSON, writes `{type: true | false | null}`.

null: vLLM has no class of its own for the family.
"""

from __future__ import annotations

import contextlib
import json
import sys


def architecture(model_type: str) -> str:
    """Name of the class that checkpoints of the family say they are of."""
    from transformers.models.auto import modeling_auto as auto

    seeing: dict[str, str] = auto.MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES
    writing: dict[str, str] = auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
    return seeing.get(model_type) or writing[model_type]


def has_lora(model_type: str) -> bool | None:
    from vllm.model_executor.models.interfaces import supports_lora
    from vllm.model_executor.models.registry import ModelRegistry

    model = ModelRegistry._try_load_model_cls(architecture(model_type))
    return None if model is None else bool(supports_lora(model))


if __name__ == "__main__":
    with contextlib.redirect_stdout(sys.stderr):  # vLLM logs to stdout
        answer = {model_type: has_lora(model_type) for model_type in json.load(sys.stdin)}
    json.dump(answer, sys.stdout)
