"""Bases of the hub, by the real client over HTTP: each case is a process of its own, as in a Job."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import default_run
from hub import Gated, Hub

from tuneform_trainer.config import Base, HubWeights
from tuneform_trainer.hub import why_not

NAME, REVISION = "owner/tiny", "a" * 40
PREFIX = "/artifactory/api/hub"


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "llama"}')
    (folder / "model.safetensors").write_bytes(b"weights")
    (folder / "README.md").write_text("is not fetched")
    model = Gated(folder, NAME, REVISION, token="right", stranger="other")
    server = Hub(model, prefix=PREFIX)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


class Job:
    """`stage` as a Job runs it, on a run whose base is the hub's."""

    def __init__(self, folder: Path, revision: str = REVISION, name: str = NAME) -> None:
        self.folder = folder
        run = default_run(folder / "rows.jsonl", "0" * 64, folder)
        run["base"] |= {"id": name, "hubId": name, "revision": revision, "weights": {"kind": "hub"}}
        self.file = folder / "run.json"
        self.file.write_text(json.dumps(run))

    def start(self, *args: str, **env: str) -> subprocess.Popen[str]:
        home = {"HF_HOME": str(self.folder / "hub"), "HOME": str(self.folder)}
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
        command = [sys.executable, "-m", "tuneform_trainer", "stage", "--run", str(self.file)]
        command += ["--workspace", str(self.folder / "workspace"), *args]
        pipe = subprocess.PIPE
        return subprocess.Popen(
            command, env={**kept, **home, **env}, stdout=pipe, stderr=subprocess.STDOUT, text=True
        )

    def run(self, *args: str, **env: str) -> tuple[int, str]:
        process = self.start(*args, **env)
        said, _ = process.communicate(timeout=120)
        return process.returncode, said

    def fetch(self, hub: Hub, **env: str) -> tuple[int, str]:
        return self.run("--download", HF_ENDPOINT=hub.endpoint, **env)


def test_weights_come_from_the_mirror_once_and_are_found_offline_then(hub: Hub, tmp_path: Path) -> None:
    job = Job(tmp_path)
    code, said = job.fetch(hub, HF_TOKEN="right")
    assert code == 0, said
    assert any(line.startswith(f"GET {PREFIX}/{NAME}/resolve/{REVISION}/model.safe") for line in hub.asked)
    assert "README" not in "".join(hub.asked)
    asked = len(hub.asked)
    assert job.fetch(hub, HF_TOKEN="right")[0] == 0
    assert hub.asked[asked:] == []  # nothing is fetched, nor asked for, again
    # The weights are there, and what is missed next is the data.
    code, said = job.run(HF_HUB_OFFLINE="1")
    assert code == 2 and "rows.jsonl: no such file" in said


@pytest.mark.parametrize(
    ("token", "says"),
    [
        ({}, f"{NAME} at .* is gated, accept its licence there, then set HF_TOKEN"),
        ({"HF_TOKEN": "wrong"}, "the hub refuses this token .HTTP 401.; set HF_TOKEN"),
        (
            {"HF_TOKEN": "other"},
            "is gated, and the account of this token may not read it: accept",
        ),
    ],
)
def test_a_hub_that_refuses_is_told_with_the_way_out(
    hub: Hub, tmp_path: Path, token: dict[str, str], says: str
) -> None:
    began = time.monotonic()
    code, said = Job(tmp_path).fetch(hub, **token)
    assert code == 4, said
    assert time.monotonic() - began < 60
    assert re.search(says, " ".join(said.split())), said
    assert hub.endpoint in said


def test_what_the_hub_does_not_have_is_told_by_its_name(hub: Hub, tmp_path: Path) -> None:
    code, said = Job(tmp_path, revision="b" * 40).fetch(hub, HF_TOKEN="right")
    assert code == 4 and f"has no revision {'b' * 40}: correct base.revision" in said
    code, said = Job(tmp_path, name="owner/typo").fetch(hub, HF_TOKEN="right")
    assert code == 4 and "owner/typo at" in said


def test_a_hub_that_cannot_be_reached_names_the_ways_out() -> None:
    base = Base(id=NAME, hub_id=NAME, revision=REVISION, weights=HubWeights(kind="hub"), licence=None)
    said = why_not(base, ConnectionError("no route to host"))
    for part in (NAME, "no route to host", "hubEndpoint", "tuneform:weights: package", "folder"):
        assert part in said


def test_a_stage_without_a_hub_waits_for_the_job_that_fetches(hub: Hub, tmp_path: Path) -> None:
    job = Job(tmp_path)
    waiting = job.start("--await-base", "100", HF_HUB_OFFLINE="1")
    time.sleep(3)
    assert waiting.poll() is None
    assert job.fetch(hub, HF_TOKEN="right")[0] == 0
    said, _ = waiting.communicate(timeout=60)
    assert "waiting for the weights" in said
    assert waiting.returncode == 2 and "rows.jsonl: no such file" in said


def test_half_of_the_weights_are_not_taken_for_all(hub: Hub, tmp_path: Path) -> None:
    job = Job(tmp_path)
    assert job.fetch(hub, HF_TOKEN="right")[0] == 0
    (snapshot,) = (tmp_path / "hub").rglob(f"snapshots/{REVISION}")
    (snapshot / "model.safetensors").unlink()
    code, said = job.run(HF_HUB_OFFLINE="1")
    assert code == 4 and "are not in" in said and "-stage fetches them" in said
