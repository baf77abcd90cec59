"""The server's contract, with a tiny base and two adapters in a real process."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import torch

from tuneform_trainer.errors import ExitCode
from tuneform_trainer.workspace import adapter_sha256, write_json


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def make_adapter(base: Path, folder: Path, seed: int) -> Path:
    """A LoRA with random B matrices: it answers differently from its base."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(seed)
    config = LoraConfig(r=4, target_modules="all-linear", init_lora_weights=False, task_type="CAUSAL_LM")
    get_peft_model(AutoModelForCausalLM.from_pretrained(base), config).save_pretrained(folder)
    return folder


class Served:
    """A server process on a tiny base, and its aliases."""

    def __init__(self, folder: Path, base: Path, key: str | None = None) -> None:
        self.folder, self.base = folder, base
        self.port = free_port()
        self.aliases: dict[str, dict[str, str]] = {}
        self.key = key
        self.write_aliases()
        server = {
            "schemaVersion": 1,
            "base": {
                "id": "tiny",
                "hubId": None,
                "revision": None,
                "licence": None,
                "weights": {"kind": "folder", "path": str(base), "digest": "x"},
            },
            "host": "127.0.0.1",
            "port": self.port,
            "dtype": "float32",
            "maxLength": 128,
            "aliasesFile": str(folder / "aliases.json"),
            "maxBatchRows": 4,
            "apiKeyVariable": "TEST_SERVER_KEY" if key else None,
        }
        write_json(folder / "server.json", server)
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=30)

    def start(self, *options: str) -> subprocess.Popen[bytes]:
        env = {**os.environ, "OMP_NUM_THREADS": "1", **({"TEST_SERVER_KEY": self.key} if self.key else {})}
        command = [sys.executable, "-m", "tuneform_trainer.cli", "serve", "--server"]
        self.process = subprocess.Popen(
            [*command, str(self.folder / "server.json"), "--workspace", str(self.folder), *options], env=env
        )
        return self.process

    def wait(self) -> None:
        for _ in range(600):
            assert self.process.poll() is None, f"the server ended with {self.process.returncode}"
            try:
                if self.client.get("/health").status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.2)
        raise AssertionError("the server did not become healthy")

    def write_aliases(self) -> None:
        write_json(self.folder / "aliases.json", {"schemaVersion": 1, "aliases": self.aliases})

    def point(self, alias: str, model_id: str, adapter: Path) -> None:
        self.aliases[alias] = {"modelId": model_id, "runId": "r", "adapter": str(adapter)}
        self.write_aliases()
        for _ in range(200):
            status = json.loads((self.folder / "aliases.status.json").read_text())
            if status["loaded"].get(alias) == model_id or alias in status["errors"]:
                return
            time.sleep(0.05)
        raise AssertionError("the alias did not move")

    def chat(self, model: str, content: str = "hello", **more: Any) -> httpx.Response:
        messages = [{"role": "user", "content": content}]
        body = {"model": model, "messages": messages, "temperature": 0, "max_tokens": 6, **more}
        return self.client.post("/v1/chat/completions", json=body)

    def text(self, model: str, content: str = "hello", **more: Any) -> str:
        response = self.chat(model, content, **more)
        assert response.status_code == 200, response.text
        answer: str = response.json()["choices"][0]["message"]["content"]
        return answer


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, tiny_models: Callable[[str], Path]) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("server")
    base = tiny_models("llama")
    server = Served(folder, base)
    for seed, name in enumerate(["a", "b"]):
        adapter = make_adapter(base, folder / f"adapter-{name}", seed)
        server.aliases[name] = {"modelId": f"{name}-1", "runId": "1", "adapter": str(adapter)}
    server.write_aliases()
    server.start()
    server.wait()
    yield server
    server.process.kill()
    server.process.wait()


def test_models_are_listed_with_root_and_parent(served: Served) -> None:
    cards = {card["id"]: card for card in served.client.get("/v1/models").json()["data"]}
    assert set(cards) == {"tiny", "a", "a-1", "b", "b-1"}
    assert cards["tiny"]["parent"] is None and cards["tiny"]["max_model_len"] == 128
    assert cards["a"]["parent"] == "tiny" and cards["a"]["root"].endswith("adapter-a")


def test_base_and_adapters_answer_differently_and_say_who_they_are(served: Served) -> None:
    answers = {name: served.text(name) for name in ("tiny", "a", "b")}
    assert len(set(answers.values())) == 3
    assert served.chat("a").json()["model"] == "a-1"


def test_a_mixed_batch_gives_the_answers_of_single_requests(served: Served) -> None:
    alone = {(m, c): served.text(m, c) for m in ("tiny", "a", "b") for c in ("hello", "a longer question")}
    together: dict[tuple[str, str], str] = {}
    threads = [threading.Thread(target=lambda k=key: together.update({k: served.text(*k)})) for key in alone]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert together == alone


def test_a_stream_says_the_same_and_ends_with_usage_and_done(served: Served) -> None:
    body = {"stream": True, "stream_options": {"include_usage": True}}
    lines = [line for line in served.chat("a", **body).text.split("\n\n") if line]
    assert lines[-1] == "data: [DONE]"
    events = [json.loads(line.removeprefix("data: ")) for line in lines[:-1]]
    text = "".join(e["choices"][0]["delta"].get("content", "") for e in events if e["choices"])
    assert text == served.text("a")
    assert events[-1]["usage"] == served.chat("a").json()["usage"]
    assert events[-2]["choices"][0]["finish_reason"] in ("stop", "length")


def test_completions_take_text_lists_and_tokens(served: Served) -> None:
    def complete(prompt: Any) -> list[str]:
        body = {"model": "b", "prompt": prompt, "temperature": 0, "max_tokens": 4}
        return [c["text"] for c in served.client.post("/v1/completions", json=body).json()["choices"]]

    assert complete("hello") == complete(["hello"])
    assert complete(["hello", "other"])[0] == complete("hello")[0]
    assert len(complete([10, 11, 12])) == 1


def test_stop_strings_end_an_answer_and_are_not_part_of_it(served: Served) -> None:
    whole = served.text("a", max_tokens=12)
    stop = whole[2:4]
    assert served.text("a", max_tokens=12, stop=stop) == whole[: whole.index(stop)]


def test_a_seed_repeats_a_sampled_answer(served: Served) -> None:
    one, two = (served.text("a", temperature=1.5, seed=11) for _ in range(2))
    assert one == two


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        ({"model": "nobody"}, 404, "NotFoundError"),
        ({"max_tokens": 1000}, 400, "BadRequestError"),
        ({"n": 2}, 400, "BadRequestError"),
        ({"temperature": -1}, 400, "BadRequestError"),
        ({"messages": []}, 400, "BadRequestError"),
        ({"messages": [{"role": "wizard", "content": "x"}]}, 400, "BadRequestError"),
        ({"logprobs": True}, 400, "BadRequestError"),
    ],
)
def test_errors_have_the_body_of_vllm(served: Served, body: dict[str, Any], status: int, kind: str) -> None:
    response = served.chat(**{"model": "a", **body})
    assert response.status_code == status
    error = response.json()["error"]
    assert error["type"] == kind and error["code"] == status and error["message"]


def test_large_bodies_and_admin_routes_are_refused(served: Served) -> None:
    assert served.chat("a", "x" * 1_100_000).status_code == 413
    assert served.client.post("/v1/load_lora_adapter", json={}).status_code == 404


def test_metrics_count_under_names_of_vllm(served: Served) -> None:
    served.text("b")
    page = served.client.get("/metrics").text
    assert 'vllm:generation_tokens_total{model_name="b-1"}' in page
    assert "vllm:num_requests_waiting 0.0" in page


def test_an_alias_moves_under_load_without_a_failed_request(served: Served) -> None:
    newer = make_adapter(served.base, served.folder / "adapter-a2", 5)
    answered: list[tuple[int, str]] = []
    ending = threading.Event()

    def ask() -> None:
        while not ending.is_set():
            response = served.chat("a")
            answered.append((response.status_code, response.json().get("model", response.text)))

    thread = threading.Thread(target=ask)
    thread.start()
    time.sleep(0.5)
    served.point("a", "a-2", newer)
    time.sleep(0.5)
    ending.set()
    thread.join()
    assert {status for status, _ in answered} == {200}
    models = [model for _, model in answered]
    assert models == sorted(models) and {"a-1", "a-2"} == set(models)
    assert served.text("a-1") != served.text("a-2")  # the previous version stays for a rollback


def test_a_promoted_run_answers_by_its_immutable_name_without_an_alias(served: Served) -> None:
    model_id, run_id = "mail-00000000000a", "00000000000a"
    assert served.chat(model_id).status_code == 404
    adapter = make_adapter(served.base, served.folder / "runs" / run_id / "adapter", 9)
    base = json.loads((served.folder / "server.json").read_text())["base"]
    del base["weights"]["path"]  # the same weights may lie elsewhere
    entry = {"adapterSha256": adapter_sha256(adapter), "contract": {"base": base}}
    write_json(served.folder / "registry" / "mail" / "versions" / f"{run_id}.json", entry)
    assert served.chat(model_id).json()["model"] == model_id
    assert served.text(model_id) not in {served.text("tiny"), served.text("b")}
    cards = {card["id"]: card for card in served.client.get("/v1/models").json()["data"]}
    assert cards[model_id]["root"] == str(adapter) and cards[model_id]["parent"] == "tiny"


def test_an_adapter_that_cannot_be_loaded_leaves_its_alias(served: Served) -> None:
    before = served.text("b")
    served.point("b", "b-broken", served.folder / "nowhere")
    assert served.text("b") == before
    status = json.loads((served.folder / "aliases.status.json").read_text())
    assert "b" in status["errors"] and status["loaded"]["b"] == "b-1"


def test_a_taken_port_is_told_before_anything_is_loaded(served: Served) -> None:
    began = time.monotonic()
    first = served.process
    second = served.start()  # on the same server.json
    served.process = first
    assert second.wait(timeout=60) == ExitCode.PORT_IN_USE
    assert time.monotonic() - began < 15


def test_a_key_is_asked_for_and_sigterm_ends_the_server(
    tmp_path: Path, tiny_models: Callable[[str], Path]
) -> None:
    server = Served(tmp_path, tiny_models("llama"), key="secret words")
    process = server.start("--state", str(tmp_path / "state"))
    try:
        server.wait()
        assert json.loads((tmp_path / "state" / "pid.json").read_text())["pid"] == process.pid
        assert not (tmp_path / "pid.json").exists()
        assert server.chat("tiny").status_code == 401
        server.client.headers["Authorization"] = "Bearer secret words"
        assert server.chat("tiny").status_code == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == ExitCode.OK
    finally:
        process.kill()
