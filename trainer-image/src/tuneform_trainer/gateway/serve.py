"""The gateway's process."""

from __future__ import annotations

import asyncio
import signal
import socket
from pathlib import Path

import uvicorn

from tuneform_trainer import progress
from tuneform_trainer.gateway.api import make_api
from tuneform_trainer.gateway.keys import Keys
from tuneform_trainer.gateway.metrics import Metrics
from tuneform_trainer.gateway.targets import Target, Targets
from tuneform_trainer.gateway.upstream import first_token, make_client
from tuneform_trainer.serve import bind

GRACE_SECONDS = 25  # for requests in flight after SIGTERM; Kubernetes kills after 30


def serve_gateway(aliases: Path, host: str, port: int, keys: Path | None) -> None:
    """Serve until SIGTERM: then nothing new is accepted, what is in flight is finished.

    Raises StageError(PORT_IN_USE), and StageError(USAGE) for a folder of keys that is not there.
    """
    accepted = Keys(keys) if keys is not None else None
    listener = bind(host, port)
    # uvicorn takes SIGTERM itself and raises it again when all is finished: that end is a success.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    asyncio.run(_serve(aliases, listener, accepted))


async def _serve(aliases: Path, listener: socket.socket, keys: Keys | None) -> None:
    metrics = Metrics()
    async with make_client() as client:

        async def answers(target: Target) -> str | None:
            return await first_token(client, target)

        targets = Targets(aliases, answers, metrics)
        targets.refresh()
        following = asyncio.create_task(targets.follow())
        address, port = listener.getsockname()[:2]
        progress.log(f"listening on http://{address}:{port}/v1")
        config = uvicorn.Config(
            make_api(client, targets, metrics, keys),
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
        await uvicorn.Server(config).serve(sockets=[listener])
        following.cancel()
