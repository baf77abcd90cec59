"""Which names the server answers for: the base, aliases, and the immutable adapters behind them."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tuneform_trainer.config import Alias, Server, load_aliases
from tuneform_trainer.errors import StageError
from tuneform_trainer.followed_file import FollowedFile
from tuneform_trainer.serving.engine import BASE, Engine
from tuneform_trainer.serving.on_demand import OnDemand
from tuneform_trainer.serving.requests import ApiError
from tuneform_trainer.workspace import Workspace, write_json

POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Target:
    """What a requested name means: the name in answers, and peft's adapter name."""

    model_id: str
    adapter: str


class Models:
    """Follows aliases.json. A new adapter is loaded whole before its alias moves; the previous one of
    each alias stays loaded, so that requests in flight finish and a rollback is instant. Immutable names
    of promoted runs are answered without an alias (on_demand.py).

    `state` is where it tells what it has loaded: the file's own folder cannot be written where it is a
    mounted ConfigMap.
    """

    def __init__(self, server: Server, workspace: Workspace, engine: Engine, state: Path) -> None:
        self.server, self.engine, self.state = server, engine, state
        self._file = FollowedFile(Path(server.aliases_file))
        self.on_demand = OnDemand(workspace, server.base, engine)
        self.aliases: dict[str, Alias] = {}
        self.previous: dict[str, Alias] = {}
        self.errors: dict[str, str] = {}
        self.created = int(time.time())

    async def resolve(self, name: str) -> Target:
        """Raises ApiError(404) as vLLM does, ApiError(400) for an adapter that cannot be loaded."""
        if name == self.server.base.id:
            return Target(name, BASE)
        if name in self.aliases:
            model_id = self.aliases[name].model_id
            return Target(model_id, model_id)
        if name in self._immutable():
            return Target(name, name)
        try:
            found = await self.on_demand.get(name, lambda other: other in self._immutable())
        except ApiError as error:
            self._remember(name, error)
            raise
        if found is not None:
            return Target(name, name)
        raise ApiError(404, "NotFoundError", f"The model `{name}` does not exist.", "model")

    def _immutable(self) -> dict[str, Alias]:
        return {a.model_id: a for a in [*self.previous.values(), *self.aliases.values()]}

    def cards(self) -> list[dict[str, Any]]:
        """Entries of /v1/models: base first; `root` is the adapter's folder and `parent` the base."""
        base = self.server.base.id
        common = {"object": "model", "created": self.created, "owned_by": "tuneform"}
        named = {**self.on_demand.loaded, **self._immutable(), **self.aliases}
        return [
            {"id": base, **common, "root": base, "parent": None, "max_model_len": self.server.max_length},
            *(
                {"id": name, **common, "root": alias.adapter, "parent": base, "max_model_len": None}
                for name, alias in sorted(named.items())
            ),
        ]

    def watch(self) -> None:
        """Follow the file until the process ends."""

        def follow() -> None:
            while True:
                time.sleep(POLL_SECONDS)
                self.refresh()

        threading.Thread(target=follow, name="aliases", daemon=True).start()

    def refresh(self) -> None:
        """Apply the file if it changed; what cannot be loaded leaves its alias where it is."""
        if not self._file.changed():
            return
        try:
            wanted = load_aliases(self._file.path).aliases
        except StageError as error:
            self.errors = {"aliases.json": " ".join([error.message, *error.problems])}
            self._write_status()
            return
        self.errors = {}
        for name, alias in wanted.items():
            self._point(name, alias)
        for name in set(self.aliases) - set(wanted):
            self.previous[name] = self.aliases.pop(name)
        self._write_status()
        self._unload_unused()

    def _point(self, name: str, alias: Alias) -> None:
        before = self.aliases.get(name)
        if before == alias:
            return
        try:
            self.engine.load(alias.model_id, Path(alias.adapter)).result()
        except Exception as error:
            self.errors[name] = f"{type(error).__name__}: {error}"
            print(f"{name}: cannot load {alias.adapter}: {error}", flush=True)
            return
        self.aliases[name] = alias
        if before is not None and before.model_id != alias.model_id:
            self.previous[name] = before
        print(f"{name} -> {alias.model_id}", flush=True)

    def _unload_unused(self) -> None:
        for name in self.engine.loaded - set(self._immutable()) - set(self.on_demand.loaded):
            self.engine.unload(name)

    def _remember(self, name: str, error: ApiError) -> None:
        if error.status == 400 and self.errors.get(name) != error.message:
            print(error.message, flush=True)
            self.errors[name] = error.message
            self._write_status()

    def _write_status(self) -> None:
        loaded = {name: alias.model_id for name, alias in self.aliases.items()}
        status = {"schemaVersion": 1, "loaded": loaded, "errors": self.errors}
        write_json(self.state / "aliases.status.json", status)
