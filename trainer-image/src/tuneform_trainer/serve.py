"""The server process: one base model, many adapters."""

from __future__ import annotations

import os
import signal
import socket
import time
from pathlib import Path

from tuneform_trainer import progress
from tuneform_trainer.config import Run, Server
from tuneform_trainer.errors import ExitCode, StageError
from tuneform_trainer.workspace import Workspace, write_json

GRACE_SECONDS = 10  # for requests in flight after SIGTERM


def serve_server(server: Server, workspace: Workspace, state: Path | None = None) -> None:
    """Serve until SIGTERM. `state`: where to put pid.json and aliases.status.json, by default beside
    aliases.json. Raises StageError(PORT_IN_USE) before anything is loaded.
    """
    listener = bind(server.host, server.port)
    progress.stage("serve", "start", server.base.id)
    import uvicorn

    from tuneform_trainer.base import base_facts, load_model, load_tokenizer
    from tuneform_trainer.chat import family
    from tuneform_trainer.serving.api import Api
    from tuneform_trainer.serving.engine import Engine
    from tuneform_trainer.serving.models import Models

    attention = family(base_facts(server.base)["model_type"]).attention
    model = load_model(server.base, server.dtype, attention=attention)
    model.eval()
    tokenizer = load_tokenizer(server.base)
    engine = Engine(model, tokenizer, server.max_batch_rows)
    engine.start()
    state = state or Path(server.aliases_file).parent
    models = Models(server, workspace, engine, state)
    models.refresh()
    models.watch()
    api = Api(engine, models, tokenizer)
    _write_pid(server, state)
    progress.log(f"listening on http://{server.host}:{server.port}/v1")
    config = uvicorn.Config(
        api.app, log_level="warning", access_log=False, timeout_graceful_shutdown=GRACE_SECONDS
    )
    # uvicorn takes SIGTERM itself, finishes what is in flight, and then raises it again for the handler
    # before it: a server that was asked to end and did so is a success.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    uvicorn.Server(config).run(sockets=[listener])
    engine.end()


def serve_run(run: Run, workspace: Workspace, port: int) -> None:
    """Serve one run's adapter under its name, for a look without a stack."""
    folder = workspace.run(run.run_id) / "serve"
    alias = {"modelId": run.model_id, "runId": run.run_id, "adapter": str(workspace.adapter(run))}
    write_json(folder / "aliases.json", {"schemaVersion": 1, "aliases": {run.name: alias}})
    server = Server(
        schema_version=1,
        base=run.base,
        host="127.0.0.1",
        port=port,
        dtype=run.serve.dtype,
        max_length=run.serve.max_length,
        aliases_file=str(folder / "aliases.json"),
        max_batch_rows=8,
        api_key_variable=None,
    )
    serve_server(server, workspace)


def bind(host: str, port: int) -> socket.socket:
    """Take the port at once: two servers must not both load a model and then quarrel."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        message = (
            f"port {port} on {host} cannot be had ({error.strerror}); stop its owner or set tuneform:port"
        )
        raise StageError(ExitCode.PORT_IN_USE, message) from error
    return listener


def _write_pid(server: Server, state: Path) -> None:
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    facts = {"pid": os.getpid(), "port": server.port, "base": server.base.id, "startedAt": now}
    write_json(state / "pid.json", {"schemaVersion": 1, **facts})
