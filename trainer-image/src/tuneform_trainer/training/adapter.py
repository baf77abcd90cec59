"""The base model with a fresh LoRA adapter in it."""

from __future__ import annotations

from typing import Any

from tuneform_trainer.base import base_facts, load_model
from tuneform_trainer.chat import Family, family
from tuneform_trainer.config import Run
from tuneform_trainer.errors import ExitCode, StageError


def target_modules(traits: Family, targets: str) -> list[str]:
    """Names of the linear layers to adapt; fused ones have their own names (Phi-3)."""
    feed_forward = traits.feed_forward_modules if targets == "all-linear" else ()
    return [*traits.attention_modules, *feed_forward]


def adapted_model(run: Run) -> tuple[Any, int]:
    """A PeftModel, its adapter in the type of the base, and how many modules it adapts.

    Raises StageError(BASE_MODEL) when a layer has fewer adapted modules than its family should have:
    a name that matches nothing would silently train less.
    """
    from peft import LoraConfig, get_peft_model
    from transformers import set_seed

    train, facts = run.train, base_facts(run.base)
    traits = family(facts["model_type"])
    names = target_modules(traits, train.targets)
    layers = int(facts["num_hidden_layers"])
    chosen = list(range(max(0, layers - train.last_layers), layers)) if train.last_layers else None
    model = load_model(run.base, train.compute_dtype, nf4=train.method == "qlora", attention=traits.attention)
    model.requires_grad_(False)
    set_seed(train.seed)
    config = LoraConfig(
        r=train.rank,
        lora_alpha=train.alpha,
        lora_dropout=train.dropout,
        use_rslora=train.rslora,
        target_modules=names,
        layers_to_transform=chosen,
        bias="none",
        task_type="CAUSAL_LM",
    )
    adapted = get_peft_model(model, config, autocast_adapter_dtype=False)
    count = sum(1 for name, _ in adapted.named_modules() if name.endswith(".lora_A"))
    expected = len(names) * (len(chosen) if chosen is not None else layers)
    if count != expected:
        message = f"{run.base.id}: {count} modules are adapted, its family should have {expected}"
        raise StageError(ExitCode.BASE_MODEL, f"{message} ({', '.join(names)})")
    return adapted, count
