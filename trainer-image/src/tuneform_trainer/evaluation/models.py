"""One base in memory, with every adapter that is to be scored on it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tuneform_trainer.base import base_facts, load_model
from tuneform_trainer.chat import family
from tuneform_trainer.config import Base


def model_with_adapters(base: Base, dtype: str, adapters: dict[str, Path]) -> Any:
    """The base in the type that is served, with an adapter for each name, each in its own type.

    A plain model where there are no adapters, else a PeftModel.
    """
    from peft import PeftModel

    attention = family(base_facts(base)["model_type"]).attention
    model: Any = load_model(base, dtype, attention=attention)
    for name, folder in adapters.items():
        if isinstance(model, PeftModel):
            model.load_adapter(str(folder), adapter_name=name, autocast_adapter_dtype=False)
        else:
            model = PeftModel.from_pretrained(
                model, str(folder), adapter_name=name, autocast_adapter_dtype=False
            )
    return model


@contextlib.contextmanager
def active(model: Any, adapter: str | None) -> Iterator[None]:
    """Within it the model answers with this adapter, or as the bare base."""
    from peft import PeftModel

    if adapter is not None:
        model.set_adapter(adapter)
        yield
    elif isinstance(model, PeftModel):
        with model.disable_adapter():
            yield
    else:
        yield
