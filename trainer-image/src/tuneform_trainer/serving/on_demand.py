"""Adapters by their immutable names: found in the workspace's registry, loaded at the first request.

In a cluster the alias map lives in the gateway, and a server's own is empty: whatever was promoted on
this server's base can be asked for, without a restart and without a list that must be kept up to date.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from pathlib import Path

from tuneform_trainer.config import Alias, Base
from tuneform_trainer.serving.engine import Engine
from tuneform_trainer.serving.requests import ApiError
from tuneform_trainer.workspace import Workspace, adapter_sha256, read_json

MOST_ADAPTERS = 16
# Both parts become names of files: only what the spec allows as a name, and a run id.
MODEL_ID = re.compile(r"(?P<name>[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?)-(?P<run>[0-9a-f]{12})")


def find_version(workspace: Workspace, base: Base, model_id: str) -> Alias | None:
    """The promoted run of this name on this base, or None. Blocks: it reads the adapter's bytes.

    Raises ApiError(400), as vLLM does for an adapter that it finds and cannot load, when the weights
    are not those that were promoted.
    """
    parts = MODEL_ID.fullmatch(model_id)
    if parts is None:
        return None
    entry = read_json(workspace.registry(parts["name"]) / "versions" / f"{parts['run']}.json")
    if entry is None or entry["contract"]["base"] != _identity(base):
        return None
    adapter = workspace.run(parts["run"]) / "adapter"
    found = adapter_sha256(adapter)
    if found != entry["adapterSha256"]:
        message = f"the adapter of `{model_id}` is not the one that was promoted: sha256 {found or 'absent'}"
        raise ApiError(400, "BadRequestError", f"{message}, expected {entry['adapterSha256']}", "model")
    return Alias(model_id=model_id, run_id=parts["run"], adapter=str(adapter))


def _identity(base: Base) -> dict[str, object]:
    """As a run's contract describes its base (publishing/contract.py)."""
    return {
        "id": base.id,
        "hubId": base.hub_id,
        "revision": base.revision,
        "weights": base.weights.model_dump(mode="json", exclude={"path"}),
        "licence": base.licence,
    }


class OnDemand:
    """At most `most` adapters beside those of aliases; the one that was asked for longest ago makes room.

    Lives on the event loop: between the choice of what makes room and its removal no request comes in.
    """

    def __init__(self, workspace: Workspace, base: Base, engine: Engine, most: int = MOST_ADAPTERS) -> None:
        self.workspace, self.base, self.engine, self.most = workspace, base, engine, most
        self.loaded: dict[str, Alias] = {}  # in the order of their last request
        self._loading = asyncio.Lock()

    async def get(self, model_id: str, is_kept: Callable[[str], bool]) -> Alias | None:
        """The adapter, loaded, or None where there is none; `is_kept`: an alias needs it loaded.

        Raises ApiError(400) when it cannot be loaded, ApiError(503) when every other one is at work.
        """
        if model_id not in self.loaded:
            async with self._loading:
                if model_id not in self.loaded:
                    await self._load(model_id, is_kept)
        if model_id not in self.loaded:
            return None
        alias = self.loaded.pop(model_id)
        self.loaded[model_id] = alias
        return alias

    async def _load(self, model_id: str, is_kept: Callable[[str], bool]) -> None:
        found = await asyncio.to_thread(find_version, self.workspace, self.base, model_id)
        if found is None:
            return
        if len(self.loaded) >= self.most:
            self._make_room(is_kept)
        try:
            await asyncio.wrap_future(self.engine.load(model_id, Path(found.adapter)))
        except Exception as error:
            message = f"the adapter of `{model_id}` cannot be loaded: {type(error).__name__}: {error}"
            raise ApiError(400, "BadRequestError", message, "model") from error
        self.loaded[model_id] = found
        print(f"{model_id}: loaded from the registry", flush=True)

    def _make_room(self, is_kept: Callable[[str], bool]) -> None:
        busy = self.engine.adapters_in_use()
        oldest = next((name for name in self.loaded if name not in busy), None)
        if oldest is None:
            message = f"all {self.most} adapters of this server are answering requests; try again"
            raise ApiError(503, "ServiceUnavailableError", message)
        del self.loaded[oldest]
        if not is_kept(oldest):
            self.engine.unload(oldest)
            print(f"{oldest}: unloaded to make room", flush=True)
