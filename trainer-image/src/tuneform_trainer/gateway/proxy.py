"""One request on its way through: to the server that the alias names, and its answer back."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

import anyio
import httpx
from fastapi import Request, Response
from fastapi.responses import StreamingResponse

from tuneform_trainer.gateway.metrics import Metrics
from tuneform_trainer.gateway.targets import Target, Targets
from tuneform_trainer.gateway.upstream import send
from tuneform_trainer.serving.requests import ApiError, bad_request

MOST_BODY_BYTES = 4_000_000
# Everything else stays here, above all `authorization` and what is meant for one connection only.
FORWARDED = ("accept", "user-agent", "x-request-id", "traceparent", "tracestate")
RETURNED = ("content-type", "cache-control", "retry-after", "x-request-id")
CLIENT_CLOSED_REQUEST = 499  # nginx's number for it, in metrics only
Result = TypeVar("Result")


class ClientGoneError(Exception):
    """Nobody waits for the answer any more."""


@dataclass
class Passage:
    """What is counted of one request."""

    metrics: Metrics
    alias: str | None
    target: Target
    began: float

    def ended(self, status: int) -> None:
        self.metrics.answered(self.alias, self.target.model_id, status, time.monotonic() - self.began)

    def used(self, usage: object) -> None:
        self.metrics.used(self.alias, self.target.model_id, usage)


async def forward(
    request: Request, path: str, client: httpx.AsyncClient, targets: Targets, metrics: Metrics
) -> Response:
    """Raises ApiError for what the gateway itself refuses; a server's own errors pass as they are."""
    began = time.monotonic()
    body = await _body(request)
    try:
        alias, target = targets.resolve(body["model"])
    except ApiError as error:
        metrics.answered(None, None, error.status, time.monotonic() - began)
        raise
    passage = Passage(metrics, alias, target, began)
    headers = {name: request.headers[name] for name in FORWARDED if name in request.headers}
    sent = send(client, target, path, {**body, "model": target.model_id}, headers)
    try:
        answer = await _unless_gone(request, sent)
        if answer.headers.get("content-type", "").startswith("text/event-stream"):
            return _streamed(answer, passage)
        return await _whole(request, answer, passage)
    except ApiError as error:
        passage.ended(error.status)
        raise
    except ClientGoneError:
        passage.ended(CLIENT_CLOSED_REQUEST)
        return Response(status_code=CLIENT_CLOSED_REQUEST)


async def _body(request: Request) -> dict[str, Any]:
    """The JSON object that the client sent, with a model's name in it."""
    content = bytearray()
    async for piece in request.stream():
        content += piece
        if len(content) > MOST_BODY_BYTES:
            raise ApiError(413, "BadRequestError", f"the body is larger than {MOST_BODY_BYTES} bytes")
    try:
        body = json.loads(content)
    except ValueError as error:
        raise bad_request(f"the body is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise bad_request("the body is not a JSON object")
    if not isinstance(body.get("model"), str):
        raise bad_request("model: the name of a model is needed", "model")
    return body


async def _unless_gone(request: Request, work: Coroutine[Any, Any, Result]) -> Result:
    """The result of `work`, which is cancelled when the client closes its connection."""
    working = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_disconnected(request))
    try:
        await asyncio.wait({working, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientGoneError
        return working.result()
    finally:
        for task in (working, gone):
            task.cancel()


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _returned(answer: httpx.Response) -> dict[str, str]:
    return {name: answer.headers[name] for name in RETURNED if name in answer.headers}


async def _whole(request: Request, answer: httpx.Response, passage: Passage) -> Response:
    try:
        content = await _unless_gone(request, answer.aread())
    except httpx.TransportError as error:
        message = f"The server of `{passage.target.model_id}` broke off its answer ({type(error).__name__})."
        raise ApiError(502, "BadGatewayError", message) from error
    finally:
        await _close(answer)
    passage.used(_usage(content))
    passage.ended(answer.status_code)
    return Response(content, answer.status_code, _returned(answer))


def _streamed(answer: httpx.Response, passage: Passage) -> Response:
    """Chunk by chunk, as they come. A client that goes away closes the server's side as well."""

    async def chunks() -> AsyncIterator[bytes]:
        status, line = CLIENT_CLOSED_REQUEST, b""
        try:
            async for chunk in answer.aiter_raw():
                yield chunk
                *lines, line = (line + chunk).split(b"\n")
                for whole in lines:
                    passage.used(_usage(whole.removeprefix(b"data:")) if b'"usage"' in whole else None)
            status = answer.status_code
        except httpx.TransportError:
            status = 502
            raise  # the client sees a broken stream too, not one that seems to have ended well
        finally:
            await _close(answer)
            passage.ended(status)

    return StreamingResponse(chunks(), answer.status_code, _returned(answer))


def _usage(content: bytes) -> object:
    try:
        answer = json.loads(content)
    except ValueError:
        return None
    return answer.get("usage") if isinstance(answer, dict) else None


async def _close(answer: httpx.Response) -> None:
    with anyio.CancelScope(shield=True):  # also when it is a cancellation that ends the answer
        await answer.aclose()
