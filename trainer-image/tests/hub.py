"""As much of the hub's HTTP protocol as `snapshot_download` speaks, with a gated model: for tests.

Also a script: `HUB_TOKEN=... python hub.py FOLDER OWNER/NAME REVISION PORT [PREFIX]` serves one folder, as a
mirror in a company does, and prints one line a request.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

GATED = {"X-Error-Code": "GatedRepo", "X-Error-Message": "Access to this model is restricted."}
UNKNOWN_TOKEN = {"X-Error-Message": "Invalid credentials in Authorization header"}


@dataclass
class Gated:
    """A gated model at its one revision. `token` may read it; `stranger` is known, and may not."""

    folder: Path
    name: str
    revision: str
    token: str
    stranger: str = ""


class Hub(ThreadingHTTPServer):
    """Serves one model below `prefix`; `asked` holds one line a request, with the status of its answer."""

    def __init__(self, model: Gated, address: tuple[str, int] = ("127.0.0.1", 0), prefix: str = "") -> None:
        super().__init__(address, Request)
        self.model, self.prefix = model, prefix
        self.asked: list[str] = []

    @property
    def endpoint(self) -> str:
        """Value of HF_ENDPOINT."""
        return f"http://127.0.0.1:{self.server_port}{self.prefix}"


def tree_of(folder: Path) -> list[dict[str, Any]]:
    """The listing of all files; weights are kept in large file storage, as on the hub."""
    return [entry_of(file, folder) for file in sorted(folder.rglob("*")) if file.is_file()]


def entry_of(file: Path, folder: Path) -> dict[str, Any]:
    """One file of a listing: git's own hash of it, and its sha256 where it is large."""
    content = file.read_bytes()
    blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    entry = {
        "type": "file",
        "path": file.relative_to(folder).as_posix(),
        "size": len(content),
        "oid": blob,
    }
    if file.suffix == ".safetensors":
        entry["lfs"] = {
            "oid": hashlib.sha256(content).hexdigest(),
            "size": len(content),
            "pointerSize": 134,
        }
    return entry


class Request(BaseHTTPRequestHandler):
    """GET and HEAD; HEAD is GET without the body."""

    server: Hub
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def log_message(self, *_: object) -> None:
        """Requests are printed with what was answered."""

    def _answer(self) -> None:
        status, headers, body = self._response(self.path.partition("?")[0])
        line = f"{self.command} {self.path} {status}"
        self.server.asked.append(line)
        print(line, flush=True)
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def _response(self, path: str) -> tuple[int, dict[str, str], bytes]:
        model, prefix = self.server.model, self.server.prefix
        given = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if given != model.token:
            refusal = {model.stranger: (403, GATED), "": (401, GATED)}.get(given, (401, UNKNOWN_TOKEN))
            return *refusal, b""
        listing = f"{prefix}/api/models/{model.name}/tree/"
        if path == listing + model.revision:
            return 200, {"Content-Type": "application/json"}, json.dumps(tree_of(model.folder)).encode()
        resolve = f"{prefix}/{model.name}/resolve/{model.revision}/"
        file = model.folder / path.removeprefix(resolve)
        if not path.startswith(resolve) or not file.is_file():
            codes = {listing: "RevisionNotFound", resolve: "EntryNotFound"}
            code = next((code for start, code in codes.items() if path.startswith(start)), "RepoNotFound")
            return 404, {"X-Error-Code": code}, b""
        entry = entry_of(file, model.folder)
        tag = entry["lfs"]["oid"] if "lfs" in entry else entry["oid"]
        return 200, {"ETag": f'"{tag}"', "X-Repo-Commit": model.revision}, file.read_bytes()


if __name__ == "__main__":
    folder, name, revision, port, *prefix = sys.argv[1:]
    model = Gated(Path(folder), name, revision, token=os.environ["HUB_TOKEN"])
    Hub(model, ("", int(port)), prefix="".join(prefix)).serve_forever()
