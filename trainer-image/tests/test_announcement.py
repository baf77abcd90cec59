"""A verdict reaches its ConfigMap, against a real HTTPS server that behaves like an API server."""

from __future__ import annotations

import hashlib
import json
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from conftest import default_run

from tuneform_trainer.cluster import Cluster, patch_config_map, this_cluster
from tuneform_trainer.config import Run
from tuneform_trainer.errors import ExitCode, StageError
from tuneform_trainer.publishing.announcement import MOST_BYTES, announcement, publish_and_announce
from tuneform_trainer.workspace import Workspace, write_json


@dataclass
class ApiServer:
    """Answers with the given statuses, one a request, then with 200."""

    folder: Path
    port: int = 0
    statuses: list[int] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)

    @property
    def cluster(self) -> Cluster:
        return Cluster(f"https://127.0.0.1:{self.port}", self.folder)

    def handler(self) -> type[BaseHTTPRequestHandler]:
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_PATCH(self) -> None:
                length = int(self.headers["Content-Length"])
                body = json.loads(self.rfile.read(length))
                api.requests.append({"path": self.path, "headers": dict(self.headers), "body": body})
                status = api.statuses.pop(0) if api.statuses else 200
                answer = json.dumps({"kind": "Status", "message": f"told to say {status}"}).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                pass

        return Handler


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Signed by itself, for 127.0.0.1: ca.crt and server.key."""
    folder = tmp_path_factory.mktemp("certificate")
    options = "-x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=test -addext subjectAltName=IP:127.0.0.1"
    files = ["-keyout", str(folder / "server.key"), "-out", str(folder / "ca.crt")]
    subprocess.run(["openssl", "req", *options.split(), *files], check=True, capture_output=True)
    return folder


@pytest.fixture
def api(tmp_path: Path, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ApiServer]:
    account = tmp_path / "account"
    account.mkdir()
    (account / "ca.crt").write_bytes((certificate / "ca.crt").read_bytes())
    (account / "token").write_text("the token\n")
    (account / "namespace").write_text("tuneform-dev")
    made = ApiServer(account)
    server = ThreadingHTTPServer(("127.0.0.1", 0), made.handler())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "ca.crt", certificate / "server.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    made.port = server.server_port
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(made.port))
    monkeypatch.setenv("TUNEFORM_SERVICE_ACCOUNT", str(account))
    monkeypatch.setattr("tuneform_trainer.cluster.FIRST_PAUSE_SECONDS", 0.05)
    yield made
    server.shutdown()
    server.server_close()


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run.model_validate(default_run(tmp_path / "data.jsonl", "0" * 64, tmp_path))


@pytest.fixture
def decided(run: Run, workspace: Workspace) -> Callable[..., None]:
    """A run as far as its verdict."""

    def write(decision: str, **more: Any) -> None:
        verdict = {"schemaVersion": 1, "decision": decision, "reason": f"it is {decision}", **more}
        write_json(workspace.run(run.run_id) / "verdict.json", verdict)
        training = {"peakBytes": 5_000_000, "tokensPerSecond": 120.5, "seconds": 9.5}
        write_json(workspace.run(run.run_id) / "training.json", training)

    return write


@pytest.mark.parametrize("decision", ["rejected", "undecidable"])
def test_a_decided_verdict_is_written_and_is_no_failure(
    decision: str, run: Run, workspace: Workspace, decided: Callable[..., None], api: ApiServer
) -> None:
    decided(decision)
    publish_and_announce(run, workspace, "verdict-triage")
    (request,) = api.requests
    assert request["path"] == "/api/v1/namespaces/tuneform-dev/configmaps/verdict-triage"
    assert request["headers"]["Authorization"] == "Bearer the token"
    assert request["headers"]["Content-Type"] == "application/merge-patch+json"
    data = request["body"]["data"]
    assert set(data) == {"runId", "decision", "reason", "verdict.json", "training.json", "at"}
    assert (data["runId"], data["decision"]) == (run.run_id, decision)
    assert json.loads(data["verdict.json"])["reason"] == data["reason"] == f"it is {decision}"
    assert json.loads(data["training.json"])["peakBytes"] == 5_000_000


def test_a_promoted_run_is_published_before_it_is_announced(
    run: Run, workspace: Workspace, decided: Callable[..., None], api: ApiServer
) -> None:
    decided("promoted", adapterSha256="0" * 64)
    with pytest.raises(StageError, match="not those that were evaluated"):  # there is no adapter at all
        publish_and_announce(run, workspace, "verdict-triage")
    assert api.requests == []
    weights = workspace.adapter(run) / "adapter_model.safetensors"
    weights.parent.mkdir()
    weights.write_bytes(b"weights")
    digest = hashlib.sha256(b"weights").hexdigest()
    decided("promoted", adapterSha256=digest)
    registry = workspace.registry(run.name)
    write_json(registry / "versions" / f"{run.run_id}.json", {"adapterSha256": digest})
    publish_and_announce(run, workspace, "verdict-triage")
    assert json.loads((registry / "current.json").read_text())["runId"] == run.run_id
    assert [request["body"]["data"]["decision"] for request in api.requests] == ["promoted"]


def test_a_run_is_in_the_bucket_before_it_is_announced_also_one_that_was_published_before(
    run: Run, workspace: Workspace, decided: Callable[..., None], api: ApiServer, tmp_path: Path
) -> None:
    weights = workspace.adapter(run) / "adapter_model.safetensors"
    weights.parent.mkdir(parents=True)
    weights.write_bytes(b"weights")
    digest = hashlib.sha256(b"weights").hexdigest()
    decided("promoted", adapterSha256=digest)
    for name in ("contract.json", "model-card.md"):
        (workspace.run(run.run_id) / name).write_text("{}")
    registry = workspace.registry(run.name)
    write_json(registry / "versions" / f"{run.run_id}.json", {"adapterSha256": digest})
    publish_and_announce(run, workspace, "verdict-triage")  # without a bucket
    assert len(api.requests) == 1
    places = tmp_path / "bucket" / "adapters", tmp_path / "bucket" / "registry"
    (tmp_path / "bucket").write_text("not a folder")  # a bucket that cannot be written to
    with pytest.raises(OSError, match="bucket"):
        publish_and_announce(run, workspace, "verdict-triage", *places)
    assert len(api.requests) == 1  # nobody was told
    (tmp_path / "bucket").unlink()
    publish_and_announce(run, workspace, "verdict-triage", *places)
    assert len(api.requests) == 2
    copied = places[0] / run.name / run.run_id / "adapter" / "adapter_model.safetensors"
    assert copied.read_bytes() == b"weights"
    assert json.loads((places[1] / run.name / f"{run.run_id}.json").read_text())["adapterSha256"] == digest


def test_what_the_gate_refused_does_not_come_into_the_bucket(
    run: Run, workspace: Workspace, decided: Callable[..., None], api: ApiServer, tmp_path: Path
) -> None:
    decided("rejected")
    places = tmp_path / "bucket" / "adapters", tmp_path / "bucket" / "registry"
    publish_and_announce(run, workspace, "verdict-triage", *places)
    assert len(api.requests) == 1
    assert not (tmp_path / "bucket").exists()


def test_a_run_without_a_verdict_fails_and_writes_nothing(
    run: Run, workspace: Workspace, api: ApiServer
) -> None:
    with pytest.raises(StageError, match="no verdict yet"):
        publish_and_announce(run, workspace, "verdict-triage")
    assert api.requests == []


@pytest.mark.parametrize("status", [500, 503, 429, 409])
def test_an_api_server_in_trouble_is_asked_again(api: ApiServer, status: int) -> None:
    api.statuses = [status, status]
    patch_config_map(api.cluster, "verdict", {"decision": "promoted"})
    assert len(api.requests) == 3
    assert api.requests[0]["body"] == api.requests[2]["body"]


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (403, "a Role that allows `patch` on the ConfigMap verdict"),
        (404, "no ConfigMap verdict"),
        (401, "token"),
    ],
)
def test_a_refusal_is_told_at_once_with_what_is_missing(api: ApiServer, status: int, words: str) -> None:
    api.statuses = [status]
    with pytest.raises(StageError, match=f"told to say {status}") as caught:
        patch_config_map(api.cluster, "verdict", {})
    assert caught.value.code == ExitCode.ENVIRONMENT
    assert words in "\n".join(caught.value.problems)
    assert len(api.requests) == 1


def test_patience_with_an_unreachable_server_has_an_end(api: ApiServer) -> None:
    nobody = Cluster("https://127.0.0.1:1", api.folder)
    with pytest.raises(StageError, match="cannot be reached") as caught:
        patch_config_map(nobody, "verdict", {}, patience_seconds=0.3)
    assert caught.value.code == ExitCode.ENVIRONMENT


def test_a_server_with_another_certificate_is_not_told_the_token(api: ApiServer) -> None:
    impostor = Cluster(api.cluster.url.replace("127.0.0.1", "localhost"), api.folder)
    with pytest.raises(StageError, match="cannot be reached"):
        patch_config_map(impostor, "verdict", {}, patience_seconds=0)
    assert api.requests == []


def test_a_token_that_is_replaced_is_read_again(api: ApiServer) -> None:
    cluster = this_cluster()
    patch_config_map(cluster, "verdict", {})
    (api.folder / "token").write_text("newer")
    patch_config_map(cluster, "verdict", {})
    assert [r["headers"]["Authorization"] for r in api.requests] == ["Bearer the token", "Bearer newer"]


def test_outside_of_a_pod_it_says_so(api: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    (api.folder / "token").unlink()
    with pytest.raises(StageError, match="no token"):
        this_cluster()
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST")
    with pytest.raises(StageError, match="for pods of a cluster") as caught:
        this_cluster()
    assert caught.value.code == ExitCode.ENVIRONMENT


def test_a_verdict_that_no_config_map_holds_is_cut(
    run: Run, workspace: Workspace, decided: Callable[..., None]
) -> None:
    decided("rejected", settings={"evaluate": {"jsonSchema": "x" * 1_100_000}}, score={"tuned": 0.5})
    data = announcement(run, workspace)
    assert sum(map(len, data.values())) < MOST_BYTES
    assert json.loads(data["verdict.json"])["score"] == {"tuned": 0.5}
