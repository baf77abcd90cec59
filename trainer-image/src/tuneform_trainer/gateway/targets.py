"""The alias map: which model on which server stands behind a name, and how a name moves."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from tuneform_trainer import progress
from tuneform_trainer.config import Frozen, load_document
from tuneform_trainer.errors import StageError
from tuneform_trainer.followed_file import FollowedFile
from tuneform_trainer.gateway.metrics import Metrics
from tuneform_trainer.serving.requests import ApiError

POLL_SECONDS = 0.5
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 10.0


class Target(Frozen):
    """The model behind an alias."""

    model_id: str  # immutable: `<name>-<run id>`
    run_id: str
    base_model: str
    server: Annotated[str, Field(pattern=r"^https?://[^/\s]+$")]  # without /v1


class AliasMap(Frozen):
    """The gateway's aliases.json, as core/kubernetes writes it."""

    schema_version: Literal[1]
    aliases: dict[str, Target]


def load_alias_map(file: Path) -> AliasMap:
    """Read and validate an alias map. Raises StageError(USAGE) naming every bad field."""
    found: AliasMap = load_document(AliasMap, file)
    return found


class Targets:
    """Follows the alias map. An alias moves when the new model has answered; until then it stays.

    `answers(target)` asks a model for one token and says what went wrong, or None. The first map is
    taken without asking: a gateway that starts anew must not forget what it served, and a server that
    is still starting shows in the answers.
    """

    def __init__(
        self, file: Path, answers: Callable[[Target], Awaitable[str | None]], metrics: Metrics
    ) -> None:
        self._file, self.answers, self.metrics = FollowedFile(file), answers, metrics
        self.active: dict[str, Target] = {}
        self.wanted: dict[str, Target] = {}
        self.read = False
        self._moves: dict[str, asyncio.Task[None]] = {}
        self._proven: dict[str, Target] = {}  # by alias: what has answered here
        self._proving = asyncio.Lock()

    async def prove(self, alias: str) -> tuple[Target, str | None]:
        """The target of an alias, and what went wrong when it was asked for a token, or None.

        A target that has answered is not asked again, and one is asked at a time: whoever may look cannot
        keep the servers busy. Raises ApiError(404) for a name that is no alias yet.
        """
        async with self._proving:
            target = self.active.get(alias)
            if target is None:
                raise ApiError(404, "NotFoundError", f"`{alias}` points at nothing yet.")
            if self._proven.get(alias) == target:
                return target, None
            trouble = await self.answers(target)
            if trouble is None:
                self._proven[alias] = target
            return target, trouble

    def resolve(self, name: str) -> tuple[str | None, Target]:
        """The alias, if it is one, and its target. Raises ApiError(404) for a name that is neither an
        alias nor a model that an alias names, ApiError(503) for an alias whose first model is awaited.
        """
        if name in self.active:
            return name, self.active[name]
        for target in itertools.chain(self.active.values(), self.wanted.values()):
            if name == target.model_id:
                return None, target
        if name in self.wanted:
            message = f"The model `{name}` is being loaded; try again in a moment."
            raise ApiError(503, "ServiceUnavailableError", message)
        raise ApiError(404, "NotFoundError", f"The model `{name}` does not exist.", "model")

    async def follow(self) -> None:
        """Apply changes of the file until cancelled."""
        while True:
            self.refresh()
            await asyncio.sleep(POLL_SECONDS)

    def refresh(self) -> None:
        """Apply the file if it changed. A map that cannot be read leaves everything as it is."""
        if not self._file.changed():
            return
        try:
            wanted = load_alias_map(self._file.path).aliases
        except StageError as error:
            progress.log(" ".join([error.message, *error.problems]), "warning")
            self.metrics.map_is_valid.set(0)
            return
        self.metrics.map_is_valid.set(1)
        first, self.read, self.wanted = not self.read, True, wanted
        for alias in set(self.active) | set(self._moves):
            if alias not in wanted:
                self._drop(alias)
        for alias, target in wanted.items():
            if first:
                self._point(alias, target)
            else:
                self._move(alias, target)

    def _drop(self, alias: str) -> None:
        self._stop_moving(alias)
        self.active.pop(alias, None)
        progress.log(f"{alias}: gone")

    def _stop_moving(self, alias: str) -> None:
        task = self._moves.pop(alias, None)
        if task is not None:
            task.cancel()
        self.metrics.pending.labels(alias).set(0)

    def _point(self, alias: str, target: Target) -> None:
        self.active[alias] = target
        progress.log(f"{alias} -> {target.model_id}")

    def _move(self, alias: str, target: Target) -> None:
        self._stop_moving(alias)
        now = self.active.get(alias)
        if now is not None and (now.model_id, now.server) == (target.model_id, target.server):
            self.active[alias] = target
            return
        self.metrics.pending.labels(alias).set(1)
        self._moves[alias] = asyncio.create_task(self._move_when_it_answers(alias, target))

    async def _move_when_it_answers(self, alias: str, target: Target) -> None:
        pause, told = FIRST_PAUSE_SECONDS, None
        while (trouble := await self.answers(target)) is not None:
            self.metrics.warm_up_failures.labels(alias).inc()
            if trouble != told:
                stays = self.active[alias].model_id if alias in self.active else "nothing"
                progress.log(
                    f"{alias}: {target.model_id} does not answer, {stays} stays: {trouble}", "warning"
                )
                told = trouble
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
        del self._moves[alias]
        self.metrics.pending.labels(alias).set(0)
        self._proven[alias] = target
        self._point(alias, target)
