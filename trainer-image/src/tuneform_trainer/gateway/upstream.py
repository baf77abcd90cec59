"""Requests to the model servers."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx

from tuneform_trainer.gateway.targets import Target
from tuneform_trainer.serving.requests import ApiError

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 600.0  # between two bytes; a long answer that is not streamed comes all at once
RETRY_SECONDS = 0.2
WARM_UP_SECONDS = 120.0  # a server may have to load the adapter first
MOST_CONNECTIONS = 1000
# Servers close idle connections after five seconds (uvicorn). A request on a connection that is just
# being closed would fail, so ours are given up before.
IDLE_SECONDS = 2.0


def make_client() -> httpx.AsyncClient:
    """One for the life of the gateway; a proxy of the environment is not asked: servers are near."""
    return httpx.AsyncClient(
        timeout=httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
        limits=httpx.Limits(
            max_connections=MOST_CONNECTIONS,
            max_keepalive_connections=100,
            keepalive_expiry=IDLE_SECONDS,
        ),
        trust_env=False,
        follow_redirects=False,
    )


async def send(
    client: httpx.AsyncClient, target: Target, path: str, body: dict[str, Any], headers: dict[str, str]
) -> httpx.Response:
    """The server's answer, its body still to be read, and to be closed by the caller.

    A refused connection is tried once more: nothing has been sent, and a server that is being replaced
    has its successor in a moment. Raises ApiError(502 or 504) for a server that cannot be reached.
    """
    request = client.build_request(
        "POST",
        target.server + path,
        content=json.dumps(body, ensure_ascii=False).encode(),
        # Not compressed: usage is read from what passes.
        headers={**headers, "content-type": "application/json", "accept-encoding": "identity"},
    )
    try:
        try:
            return await client.send(request, stream=True)
        except httpx.ConnectError:
            await asyncio.sleep(RETRY_SECONDS)
            return await client.send(request, stream=True)
    except httpx.TimeoutException as error:
        message = f"The server of `{target.model_id}` did not answer in time ({type(error).__name__})."
        raise ApiError(504, "GatewayTimeoutError", message) from error
    except httpx.TransportError as error:
        message = f"The server of `{target.model_id}` cannot be reached ({type(error).__name__})."
        raise ApiError(502, "BadGatewayError", message) from error


async def first_token(client: httpx.AsyncClient, target: Target) -> str | None:
    """Ask for one token; None when it came, else what went wrong, in words."""
    body = {"model": target.model_id, "prompt": "Hello", "max_tokens": 1, "temperature": 0}
    try:
        answer = await client.post(f"{target.server}/v1/completions", json=body, timeout=WARM_UP_SECONDS)
    except httpx.HTTPError as error:
        return f"{target.server} cannot be reached ({type(error).__name__})"
    return None if answer.status_code == 200 else f"{answer.status_code} {answer.text[:300]}"
