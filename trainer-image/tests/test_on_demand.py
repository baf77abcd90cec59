"""Adapters by immutable name: which are found, which make room, and what a mounted alias map may do."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from tuneform_trainer.config import Base, HubWeights, Server
from tuneform_trainer.serving.models import Models
from tuneform_trainer.serving.on_demand import OnDemand, find_version
from tuneform_trainer.serving.requests import ApiError
from tuneform_trainer.workspace import Workspace, write_json

BASE = Base(id="tiny", hub_id="some/tiny", revision="a" * 40, weights=HubWeights(kind="hub"), licence="MIT")
NOBODY: Callable[[str], bool] = lambda _: False  # noqa: E731 - no alias needs anything


class RecordingEngine:
    """Loads nothing; says which adapters it was told to hold."""

    def __init__(self) -> None:
        self.loaded: set[str] = set()
        self.busy: set[str] = set()
        self.loads = 0

    def load(self, name: str, folder: Path) -> Future[None]:
        future: Future[None] = Future()
        if (folder / "adapter_model.safetensors").is_file():
            self.loads += 1
            self.loaded.add(name)
            future.set_result(None)
        else:
            future.set_exception(FileNotFoundError(str(folder)))
        return future

    def unload(self, name: str) -> None:
        self.loaded.discard(name)

    def adapters_in_use(self) -> set[str]:
        return self.busy


def promoted(workspace: Workspace, name: str, number: int, base: Base = BASE) -> str:
    """A registry entry and its adapter's file; the model id."""
    run_id = f"{number:012x}"
    weights = workspace.run(run_id) / "adapter" / "adapter_model.safetensors"
    weights.parent.mkdir(parents=True, exist_ok=True)
    weights.write_bytes(run_id.encode())
    described = base.model_dump(mode="json", by_alias=True)
    entry = {
        "modelId": f"{name}-{run_id}",
        "adapterSha256": hashlib.sha256(run_id.encode()).hexdigest(),
        "contract": {"base": described},
    }
    write_json(workspace.registry(name) / "versions" / f"{run_id}.json", entry)
    return f"{name}-{run_id}"


def test_a_promoted_run_is_found_by_its_immutable_name(workspace: Workspace) -> None:
    model_id = promoted(workspace, "spam-triage", 7)
    found = find_version(workspace, BASE, model_id)
    assert found is not None and found.model_id == model_id
    assert Path(found.adapter) == workspace.run("000000000007") / "adapter"


@pytest.mark.parametrize(
    "name",
    [
        "spam-triage",
        "spam-triage-00000000000",
        "spam-triage-0000000000070",
        "spam-triage-00000000000G",
        "SPAM-000000000007",
        "other-000000000007",
        "../spam-triage-000000000007",
        "spam-triage/../spam-triage-000000000007",
        "-000000000007",
        "spam-triage-000000000007\n",
        "",
    ],
)
def test_no_other_name_leads_anywhere(workspace: Workspace, name: str) -> None:
    promoted(workspace, "spam-triage", 7)
    assert find_version(workspace, BASE, name) is None


@pytest.mark.parametrize("change", [{"id": "other"}, {"revision": "b" * 40}, {"hub_id": None}])
def test_a_run_on_another_base_is_not_of_this_server(workspace: Workspace, change: dict[str, Any]) -> None:
    model_id = promoted(workspace, "triage", 1, BASE.model_copy(update=change))
    assert find_version(workspace, BASE, model_id) is None


def test_an_adapter_that_is_not_the_promoted_one_is_refused_with_both_digests(workspace: Workspace) -> None:
    model_id = promoted(workspace, "triage", 1)
    (workspace.run("000000000001") / "adapter" / "adapter_model.safetensors").write_bytes(b"other")
    with pytest.raises(ApiError, match=hashlib.sha256(b"other").hexdigest()) as caught:
        find_version(workspace, BASE, model_id)
    assert caught.value.status == 400


def asked(workspace: Workspace, engine: Any, names: list[str], most: int = 2) -> OnDemand:
    on_demand = OnDemand(workspace, BASE, engine, most)

    async def ask() -> None:
        for name in names:
            assert await on_demand.get(name, NOBODY) is not None

    asyncio.run(ask())
    return on_demand


def test_what_was_asked_for_longest_ago_makes_room(workspace: Workspace) -> None:
    a, b, c = (promoted(workspace, "triage", i) for i in (1, 2, 3))
    engine = RecordingEngine()
    on_demand = asked(workspace, engine, [a, b, a, c])
    assert engine.loaded == set(on_demand.loaded) == {a, c}
    assert engine.loads == 3


def test_what_answers_a_request_makes_no_room(workspace: Workspace) -> None:
    a, b, c = (promoted(workspace, "triage", i) for i in (1, 2, 3))
    engine = RecordingEngine()
    engine.busy = {a}
    assert asked(workspace, engine, [a, b, c]).loaded.keys() == {a, c}
    engine.busy = {a, b}
    with pytest.raises(ApiError, match="all 2 adapters") as caught:
        asked(workspace, engine, [a, b, c])
    assert caught.value.status == 503


def test_one_name_asked_for_by_many_is_loaded_once(workspace: Workspace) -> None:
    name = promoted(workspace, "triage", 1)
    engine: Any = RecordingEngine()
    on_demand = OnDemand(workspace, BASE, engine)

    async def ask() -> None:
        await asyncio.gather(*(on_demand.get(name, NOBODY) for _ in range(20)))

    asyncio.run(ask())
    assert engine.loads == 1


class MountedConfigMap:
    """aliases.json as the kubelet mounts it: a link to a folder that is swapped as a whole."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.version = folder, 0
        folder.mkdir()
        self.update({})
        (folder / "aliases.json").symlink_to("..data/aliases.json")

    @property
    def file(self) -> Path:
        return self.folder / "aliases.json"

    def update(self, aliases: dict[str, Any]) -> None:
        self.version += 1
        data = self.folder / f"..version-{self.version}"
        data.mkdir()
        (data / "aliases.json").write_text(json.dumps({"schemaVersion": 1, "aliases": aliases}))
        (self.folder / "..new").symlink_to(data.name)
        (self.folder / "..new").replace(self.folder / "..data")


@pytest.fixture
def mounted(tmp_path: Path) -> MountedConfigMap:
    return MountedConfigMap(tmp_path / "server")


@pytest.fixture
def models(mounted: MountedConfigMap, workspace: Workspace, tmp_path: Path) -> Models:
    server = Server(
        schema_version=1,
        base=BASE,
        host="127.0.0.1",
        port=1,
        dtype="float32",
        max_length=128,
        aliases_file=str(mounted.file),
        max_batch_rows=4,
        api_key_variable=None,
    )
    engine: Any = RecordingEngine()
    return Models(server, workspace, engine, tmp_path / "state")


def status(tmp_path: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((tmp_path / "state" / "aliases.status.json").read_text())
    return read


def test_a_changed_config_map_is_noticed_and_told_outside_of_it(
    models: Models, mounted: MountedConfigMap, workspace: Workspace, tmp_path: Path
) -> None:
    models.refresh()
    assert status(tmp_path)["loaded"] == {}
    model_id = promoted(workspace, "triage", 1)
    adapter = str(workspace.run("000000000001") / "adapter")
    mounted.update({"triage": {"modelId": model_id, "runId": "000000000001", "adapter": adapter}})
    models.refresh()
    assert status(tmp_path)["loaded"] == {"triage": model_id}
    assert not list(mounted.folder.glob("*.status.json"))


def test_names_on_demand_are_listed_and_stay_when_aliases_change(
    models: Models, mounted: MountedConfigMap, workspace: Workspace
) -> None:
    models.refresh()
    model_id = promoted(workspace, "triage", 1)
    assert asyncio.run(models.resolve(model_id)).adapter == model_id
    other = promoted(workspace, "mail", 2)
    adapter = str(workspace.run("000000000002") / "adapter")
    mounted.update({"mail": {"modelId": other, "runId": "000000000002", "adapter": adapter}})
    models.refresh()
    assert {card["id"] for card in models.cards()} == {"tiny", model_id, "mail", other}
    assert models.engine.loaded == {model_id, other}


def test_what_cannot_be_loaded_is_recorded_once(
    models: Models, workspace: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model_id = promoted(workspace, "triage", 1)
    (workspace.run("000000000001") / "adapter" / "adapter_model.safetensors").unlink()
    for _ in range(2):
        with pytest.raises(ApiError, match="not the one that was promoted"):
            asyncio.run(models.resolve(model_id))
    assert "absent" in status(tmp_path)["errors"][model_id]
    assert capsys.readouterr().out.count("not the one that was promoted") == 1
    with pytest.raises(ApiError, match="does not exist"):
        asyncio.run(models.resolve("triage-000000000009"))
    assert "triage-000000000009" not in status(tmp_path)["errors"]
