"""The gateway as a process, in front of a server that does as it is told."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from test_serve import free_port

from tuneform_trainer.errors import ExitCode

USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}


@dataclass
class ModelServer:
    """Answers as vLLM does for the models that it has; remembers what it was asked."""

    models: set[str]
    seconds: float = 0.0  # that an answer takes
    asked: list[dict[str, Any]] = field(default_factory=list)
    left_alone: threading.Event = field(default_factory=threading.Event)  # a client went away
    going_on: threading.Event = field(default_factory=threading.Event)  # a stream may go on

    def start(self) -> ModelServer:
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.http.daemon_threads = True
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        return self

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http.server_port}"

    def requests(self, model: str) -> list[dict[str, Any]]:
        return [asked for asked in self.asked if asked["body"]["model"] == model]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                server.asked.append({"path": self.path, "headers": dict(self.headers), "body": body})
                if body["model"] not in server.models:
                    self.answer(404, {"error": {"message": "The model does not exist.", "code": 404}})
                elif body.get("stream"):
                    self.stream(body["model"])
                elif server.seconds and body.get("max_tokens") != 1:
                    self.answer_slowly(body["model"])
                else:
                    self.answer(200, {"model": body["model"], "usage": USAGE, "choices": []})

            def answer(self, status: int, value: dict[str, Any]) -> None:
                content = json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.send_header("X-Of-The-Server", "stays inside")
                self.end_headers()
                self.wfile.write(content)

            def answer_slowly(self, model: str) -> None:
                if not self.is_left_alone(within_seconds=server.seconds):
                    self.answer(200, {"model": model, "usage": USAGE, "choices": []})
                self.close_connection = True

            def stream(self, model: str) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                try:
                    self.event(json.dumps({"model": model, "choices": [{"delta": {"content": "a"}}]}))
                    server.going_on.wait(10)
                    if self.is_left_alone(within_seconds=0.1):
                        return
                    self.event(json.dumps({"model": model, "choices": [], "usage": USAGE}))
                    self.event("[DONE]")
                    self.wfile.write(b"0\r\n\r\n")
                finally:
                    self.close_connection = True

            def is_left_alone(self, within_seconds: float) -> bool:
                self.connection.settimeout(within_seconds)
                try:
                    if self.rfile.peek(1) == b"":  # type: ignore[attr-defined]
                        server.left_alone.set()
                except TimeoutError:
                    pass
                return server.left_alone.is_set()

            def event(self, text: str) -> None:
                content = f"data: {text}\n\n".encode()
                self.wfile.write(b"%x\r\n%s\r\n" % (len(content), content))

            def log_message(self, *_: object) -> None:
                pass

        return Handler


class Gateway:
    """A gateway process, its alias map as the kubelet mounts it, and a client."""

    def __init__(self, folder: Path, keys: Path | None = None) -> None:
        self.folder, self.version = folder, 0
        self.aliases: dict[str, dict[str, str]] = {}
        self.port = free_port()
        self.options = ["--keys", str(keys)] if keys else []
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=20)
        (folder / "mounted").mkdir()
        (folder / "mounted" / "aliases.json").symlink_to("..data/aliases.json")

    def point(self, alias: str, model_id: str, server: str) -> None:
        self.aliases[alias] = {"modelId": model_id, "runId": "1", "baseModel": "tiny", "server": server}
        self.write(json.dumps({"schemaVersion": 1, "aliases": self.aliases}))

    def write(self, content: str) -> None:
        self.version += 1
        mounted = self.folder / "mounted"
        data = mounted / f"..version-{self.version}"
        data.mkdir()
        (data / "aliases.json").write_text(content)
        (mounted / "..new").symlink_to(data.name)
        (mounted / "..new").replace(mounted / "..data")

    def start(self) -> Gateway:
        command = [sys.executable, "-m", "tuneform_trainer.cli", "gateway", "--host", "127.0.0.1"]
        where = ["--aliases", str(self.folder / "mounted" / "aliases.json"), "--port", str(self.port)]
        env = {**os.environ, "PYTHONUNBUFFERED": "1"}
        self.log = self.folder / "gateway.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen([*command, *where, *self.options], env=env, stdout=log)
        self.until(self._listens)
        return self

    def _listens(self) -> bool:
        assert self.process.poll() is None, f"the gateway ended with {self.process.returncode}"
        try:
            return self.client.get("/health").status_code in (200, 503)
        except httpx.TransportError:
            return False

    def until(self, condition: Callable[[], bool], seconds: float = 30) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "what was waited for did not happen"
            time.sleep(0.05)

    def chat(self, model: str, **more: Any) -> httpx.Response:
        messages = [{"role": "user", "content": "hello"}]
        return self.client.post("/v1/chat/completions", json={"model": model, "messages": messages, **more})

    def metric(self, line: str) -> float:
        """The value behind `line` on /metrics; 0 where it is not there yet."""
        page = self.client.get("/metrics").text
        found = [shown for shown in page.splitlines() if shown.startswith(line)]
        return float(found[0].rsplit(" ", 1)[1]) if found else 0.0


@pytest.fixture(scope="module")
def server() -> ModelServer:
    return ModelServer({"triage-1", "triage-2"}).start()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, server: ModelServer) -> Iterator[Gateway]:
    made = Gateway(tmp_path_factory.mktemp("gateway"))
    made.point("triage", "triage-1", server.url)
    made.point("nowhere", "nowhere-1", f"http://127.0.0.1:{free_port()}")
    yield made.start()
    made.process.kill()
    made.process.wait()


@pytest.fixture
def gateway(shared: Gateway, server: ModelServer) -> Gateway:
    """The shared one, with the alias where it was at the beginning."""
    server.seconds = 0.0
    server.going_on.set()
    shared.aliases = {name: shared.aliases[name] for name in ("triage", "nowhere")}
    shared.point("triage", "triage-1", server.url)
    shared.until(lambda: shared.chat("triage").json().get("model") == "triage-1")
    server.asked.clear()
    server.left_alone.clear()
    return shared


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/completions"])
def test_an_alias_is_sent_on_as_the_model_behind_it(gateway: Gateway, server: ModelServer, path: str) -> None:
    body = {"model": "triage", "prompt": "ä", "messages": [], "temperature": 0.5, "unknown": {"a": [1]}}
    answer = gateway.client.post(path, json=body)
    assert answer.status_code == 200 and answer.json()["model"] == "triage-1"
    (asked,) = server.asked
    assert asked["path"] == path
    assert asked["body"] == {**body, "model": "triage-1"}


def test_an_immutable_name_of_the_map_is_sent_on_as_it_is(gateway: Gateway) -> None:
    assert gateway.chat("triage-1").json()["model"] == "triage-1"


@pytest.mark.parametrize("name", ["nobody", "triage-2", "tiny", "", "../triage"])
def test_any_other_model_does_not_exist(gateway: Gateway, server: ModelServer, name: str) -> None:
    answer = gateway.chat(name)
    assert answer.status_code == 404
    error = answer.json()["error"]
    assert error == {
        "message": f"The model `{name}` does not exist.",
        "type": "NotFoundError",
        "param": "model",
        "code": 404,
    }
    assert server.asked == []


def test_models_are_aliases_with_what_is_behind_them(gateway: Gateway) -> None:
    cards = {card["id"]: card for card in gateway.client.get("/v1/models").json()["data"]}
    assert set(cards) == {"triage", "nowhere"}
    assert (cards["triage"]["root"], cards["triage"]["parent"]) == ("triage-1", "tiny")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/load_lora_adapter"),
        ("POST", "/v1/unload_lora_adapter"),
        ("POST", "/v1/chat/completions/"),
        ("POST", "/v1//chat/completions"),
        ("POST", "/v1/chat/../load_lora_adapter"),
        ("POST", "/v1/embeddings"),
        ("GET", "/v1/chat/completions"),
        ("DELETE", "/v1/models"),
        ("POST", "/invocations"),
        ("POST", "/tokenize"),
        ("GET", "/version"),
        ("GET", "/docs"),
        ("GET", "/"),
    ],
)
def test_no_other_route_passes(gateway: Gateway, server: ModelServer, method: str, path: str) -> None:
    answer = gateway.client.request(method, path, json={"model": "triage"} if method == "POST" else None)
    assert answer.status_code == 404
    assert answer.json()["error"]["type"] == "NotFoundError"
    assert server.asked == []


@pytest.mark.parametrize(
    ("content", "status", "words"),
    [
        (b"{", 400, "not JSON"),
        (b"[1]", 400, "not a JSON object"),
        (b'{"model": 3}', 400, "name of a model"),
        (b'{"messages": []}', 400, "name of a model"),
        (b'{"model": "triage", "prompt": "' + b"x" * 4_000_000 + b'"}', 413, "larger than 4000000 bytes"),
    ],
)
def test_bodies_that_cannot_be_routed_are_refused(
    gateway: Gateway, server: ModelServer, content: bytes, status: int, words: str
) -> None:
    answer = gateway.client.post("/v1/completions", content=content)
    assert answer.status_code == status and words in answer.json()["error"]["message"]
    assert server.asked == []


def test_errors_of_a_server_pass_as_they_are(gateway: Gateway, server: ModelServer) -> None:
    gateway.point("gone", "gone-1", server.url)
    gateway.until(lambda: gateway.chat("gone-1").status_code == 404 and bool(server.requests("gone-1")))
    assert gateway.chat("gone-1").json()["error"]["message"] == "The model does not exist."


def test_only_harmless_headers_pass_in_either_direction(gateway: Gateway, server: ModelServer) -> None:
    sent = {
        "Authorization": "Bearer secret",
        "Cookie": "secret",
        "X-Request-Id": "42",
        "Connection": "x-hop",
        "X-Hop": "1",
        "Accept-Encoding": "gzip",
    }
    answer = gateway.client.post("/v1/completions", json={"model": "triage", "prompt": "x"}, headers=sent)
    (asked,) = server.asked
    seen = {name.lower(): value for name, value in asked["headers"].items()}
    assert seen["x-request-id"] == "42"
    assert not {"authorization", "cookie", "x-hop"} & set(seen)
    assert seen["accept-encoding"] == "identity"
    assert "x-of-the-server" not in answer.headers


def test_a_stream_passes_chunk_by_chunk(gateway: Gateway, server: ModelServer) -> None:
    server.going_on.clear()
    line = 'tuneform_gateway_completion_tokens_total{alias="triage",model="triage-1"}'
    before = gateway.metric(line)
    body = {"model": "triage", "prompt": "x", "stream": True}
    with gateway.client.stream("POST", "/v1/completions", json=body) as answer:
        assert answer.headers["content-type"] == "text/event-stream"
        chunks = answer.iter_raw()
        first = next(chunks)  # the server has not sent more than this
        assert b'"content": "a"' in first
        server.going_on.set()
        assert b"".join(chunks).endswith(b"data: [DONE]\n\n")
    assert gateway.metric(line) == before + USAGE["completion_tokens"]


def test_a_client_that_leaves_a_stream_ends_it_at_the_server(gateway: Gateway, server: ModelServer) -> None:
    server.going_on.clear()
    line = 'tuneform_gateway_requests_total{alias="triage",model="triage-1",status="499"}'
    before = gateway.metric(line)
    body = {"model": "triage", "prompt": "x", "stream": True}
    with gateway.client.stream("POST", "/v1/completions", json=body) as answer:
        next(answer.iter_raw())
    gateway.until(lambda: gateway.metric(line) == before + 1)
    server.going_on.set()
    assert server.left_alone.wait(5)


def test_a_client_that_does_not_wait_for_its_answer_frees_the_server(
    gateway: Gateway, server: ModelServer
) -> None:
    server.seconds = 10
    with pytest.raises(httpx.ReadTimeout):
        gateway.client.post("/v1/completions", json={"model": "triage", "prompt": "x"}, timeout=0.5)
    assert server.left_alone.wait(5)


def test_a_server_that_cannot_be_reached_is_told_as_json(gateway: Gateway) -> None:
    answer = gateway.chat("nowhere")
    assert answer.status_code == 502
    assert answer.json()["error"]["type"] == "BadGatewayError"
    assert "nowhere-1" in answer.json()["error"]["message"]


def test_a_connection_that_is_refused_once_is_tried_again(gateway: Gateway) -> None:
    """As when a server's pod is replaced: the retry comes after 0.2 s."""
    port = free_port()
    gateway.point("late", "late-1", f"http://127.0.0.1:{port}")
    gateway.until(lambda: gateway.chat("late-1").status_code == 502)
    started = threading.Timer(0.1, lambda: _listen_late(port))
    started.start()
    assert gateway.chat("late-1").status_code == 200


def _listen_late(port: int) -> None:
    late = ModelServer({"late-1"})
    http = ThreadingHTTPServer(("127.0.0.1", port), late._handler())
    threading.Thread(target=http.serve_forever, daemon=True).start()


def test_metrics_count_requests_and_tokens_by_alias(gateway: Gateway) -> None:
    requests = 'tuneform_gateway_requests_total{alias="triage",model="triage-1",status="200"}'
    tokens = 'tuneform_gateway_prompt_tokens_total{alias="triage",model="triage-1"}'
    latency = 'tuneform_gateway_request_seconds_count{alias="triage"}'
    unknown = 'tuneform_gateway_requests_total{alias="none",model="none",status="404"}'
    before = [gateway.metric(line) for line in (requests, tokens, latency, unknown)]
    gateway.chat("triage")
    gateway.chat("nobody")
    after = [gateway.metric(line) for line in (requests, tokens, latency, unknown)]
    assert [b - a for a, b in zip(before, after, strict=True)] == [1, USAGE["prompt_tokens"], 1, 1]


def test_an_alias_moves_under_load_without_a_failed_request(gateway: Gateway, server: ModelServer) -> None:
    server.seconds = 0.05
    answered: list[tuple[int, str]] = []
    ending = threading.Event()

    def ask() -> None:
        with httpx.Client(base_url=f"http://127.0.0.1:{gateway.port}", timeout=20) as client:
            while not ending.is_set():
                answer = client.post("/v1/completions", json={"model": "triage", "prompt": "x"})
                answered.append((answer.status_code, answer.json().get("model", answer.text)))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    newer = ModelServer({"triage-2"}, seconds=0.05).start()
    gateway.point("triage", "triage-2", newer.url)
    gateway.until(lambda: "triage-2" in {model for _, model in answered})
    time.sleep(0.3)
    ending.set()
    for thread in threads:
        thread.join()
    assert {status for status, _ in answered} == {200}
    assert {model for _, model in answered} == {"triage-1", "triage-2"}
    assert newer.asked[0]["body"]["max_tokens"] == 1  # it was warm before the first real request


def test_an_alias_waits_for_a_model_that_does_not_answer(gateway: Gateway) -> None:
    newer = ModelServer(set()).start()
    gateway.point("triage", "triage-3", newer.url)
    pending = 'tuneform_gateway_alias_pending{alias="triage"}'
    gateway.until(lambda: gateway.metric('tuneform_gateway_warm_up_failures_total{alias="triage"}') >= 1)
    assert gateway.metric(pending) == 1
    assert gateway.chat("triage").json()["model"] == "triage-1"
    assert "triage: triage-3 does not answer, triage-1 stays: 404" in gateway.log.read_text()
    newer.models.add("triage-3")
    gateway.until(lambda: gateway.chat("triage").json()["model"] == "triage-3")
    assert gateway.metric(pending) == 0


def test_an_alias_is_proven_by_one_token_of_the_model_behind_it(tmp_path: Path) -> None:
    server = ModelServer({"triage-1"}).start()
    made = Gateway(tmp_path)
    made.point("triage", "triage-1", server.url)  # the first map is taken without asking
    made.point("nowhere", "nowhere-1", f"http://127.0.0.1:{free_port()}")
    made.start()
    try:
        for _ in range(3):
            answer = made.client.get("/health/triage")
            assert (answer.status_code, answer.json()) == (200, {"modelId": "triage-1", "trouble": None})
        (asked,) = server.asked  # whoever may look cannot keep the server busy
        assert (asked["body"]["model"], asked["body"]["max_tokens"]) == ("triage-1", 1)
        answer = made.client.get("/health/nowhere")
        assert answer.status_code == 503 and "cannot be reached" in answer.json()["trouble"]
        assert made.client.get("/health/nobody").status_code == 404
        made.point("triage", "triage-2", server.url)
        server.models.add("triage-2")
        made.until(lambda: made.client.get("/health/triage").json()["modelId"] == "triage-2")
    finally:
        made.process.kill()
        made.process.wait()


def test_going_back_before_the_move_leaves_everything_where_it_was(
    gateway: Gateway, server: ModelServer
) -> None:
    newer = ModelServer(set()).start()
    gateway.point("triage", "triage-3", newer.url)
    gateway.until(lambda: bool(newer.asked))
    gateway.point("triage", "triage-1", server.url)
    gateway.until(lambda: gateway.metric('tuneform_gateway_alias_pending{alias="triage"}') == 0)
    newer.models.add("triage-3")
    time.sleep(1.5)
    assert gateway.chat("triage").json()["model"] == "triage-1"


def test_a_new_alias_is_announced_while_it_is_loaded_and_an_old_one_goes(
    gateway: Gateway, server: ModelServer
) -> None:
    newer = ModelServer(set()).start()
    gateway.point("mail", "mail-1", newer.url)
    gateway.until(lambda: gateway.chat("mail").status_code == 503)
    newer.models.add("mail-1")
    gateway.until(lambda: gateway.chat("mail").status_code == 200)
    del gateway.aliases["mail"]
    gateway.point("triage", "triage-1", server.url)
    gateway.until(lambda: gateway.chat("mail").status_code == 404)


@pytest.mark.parametrize("content", ["{", '{"schemaVersion": 1}', '{"schemaVersion": 2, "aliases": {}}'])
def test_a_map_that_cannot_be_read_changes_nothing(gateway: Gateway, content: str) -> None:
    gateway.write(content)
    gateway.until(lambda: gateway.metric("tuneform_gateway_alias_map_valid") == 0)
    assert gateway.chat("triage").status_code == 200
    assert gateway.client.get("/health").status_code == 200


def test_keys_are_asked_for_and_may_be_replaced(tmp_path: Path, server: ModelServer) -> None:
    keys = tmp_path / "keys"
    keys.mkdir()
    (keys / "team-a").write_text("first key\n")
    (keys / "empty").write_text("")
    made = Gateway(tmp_path, keys)
    made.point("triage", "triage-1", server.url)
    made.start()

    def status(key: str | None) -> int:
        made.client.headers.pop("Authorization", None)
        if key is not None:
            made.client.headers["Authorization"] = f"Bearer {key}".strip()
        return made.chat("triage").status_code

    try:
        assert [status(key) for key in (None, "", "wrong", "first key")] == [401, 401, 401, 200]
        assert made.chat("triage").json()["model"] == "triage-1"
        made.client.headers["Authorization"] = "Basic first key"
        assert made.client.get("/v1/models").status_code == 401
        assert made.client.get("/health").status_code == made.client.get("/metrics").status_code == 200
        assert made.client.get("/health/triage").json() == {"modelId": "triage-1", "trouble": None}
        assert made.client.post("/v1/load_lora_adapter", json={}).status_code == 404
        (keys / "team-b").write_text("second key")
        (keys / "team-a").unlink()
        made.until(lambda: status("second key") == 200)
        assert status("first key") == 401
    finally:
        made.process.kill()
        made.process.wait()


def test_it_is_healthy_once_it_has_a_map_and_sigterm_finishes_what_is_in_flight(tmp_path: Path) -> None:
    slow = ModelServer({"triage-1"}, seconds=1.5).start()
    made = Gateway(tmp_path).start()
    try:
        assert made.client.get("/health").status_code == 503
        made.point("triage", "triage-1", slow.url)
        made.until(lambda: made.client.get("/health").status_code == 200)
        answers: list[httpx.Response] = []
        thread = threading.Thread(target=lambda: answers.append(made.chat("triage")))
        thread.start()
        made.until(lambda: bool(slow.asked))
        made.process.send_signal(signal.SIGTERM)
        thread.join()
        assert answers[0].status_code == 200
        assert made.process.wait(timeout=20) == ExitCode.OK
    finally:
        made.process.kill()


def test_a_folder_of_keys_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tuneform_trainer.cli", "gateway", "--aliases", str(tmp_path / "a.json")]
    ended = subprocess.run(
        [*command, "--keys", str(tmp_path / "keys")], check=False, capture_output=True, text=True
    )
    assert ended.returncode == ExitCode.USAGE
    assert f"--keys {tmp_path / 'keys'}: no such folder" in ended.stderr
