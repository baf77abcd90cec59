"""One base in memory, with every adapter that is to be scored."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tuneform_trainer.base import base_facts, load_model
from tuneform_trainer.chat import family
from tuneform_trainer.config import Run


def models_with_adapters(run: Run, adapters: dict[str, Path]) -> Any:
    """A PeftModel on the weights in the type that is served, with an adapter for each name."""
    from peft import PeftModel

    attention = family(base_facts(run.base)["model_type"]).attention
    model: Any = load_model(run.base, run.evaluate.dtype, attention=attention)
    for name, folder in adapters.items():
        if isinstance(model, PeftModel):
            model.load_adapter(str(folder), adapter_name=name, autocast_adapter_dtype=False)
        else:
            model = PeftModel.from_pretrained(
                model, str(folder), adapter_name=name, autocast_adapter_dtype=False
            )
    return model


@contextlib.contextmanager
def active(model: Any, who: str) -> Iterator[None]:
    """Within it the model answers as `who`: an adapter's name, or "base"."""
    if who == "base":
        with model.disable_adapter():
            yield
        return
    model.set_adapter(who)
    yield
