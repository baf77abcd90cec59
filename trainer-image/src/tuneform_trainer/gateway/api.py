"""The routes that pass. Any other, above all the servers' admin routes, does not exist here."""

from __future__ import annotations

import time
from typing import Any

import httpx
from fastapi import Depends, FastAPI, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import generate_latest
from starlette.exceptions import HTTPException

from tuneform_trainer.gateway.keys import Keys
from tuneform_trainer.gateway.metrics import Metrics
from tuneform_trainer.gateway.proxy import forward
from tuneform_trainer.gateway.targets import Targets
from tuneform_trainer.serving.requests import ApiError


class UnauthorisedError(Exception):
    """No key, or none of ours."""


def make_api(client: httpx.AsyncClient, targets: Targets, metrics: Metrics, keys: Keys | None) -> FastAPI:
    """The application; `keys` None lets everybody in."""
    api = FastAPI(
        title="Tuneform gateway", docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False
    )
    created = int(time.time())

    async def authorised(request: Request) -> None:
        if keys is not None and not keys.accept(request.headers.get("authorization", "")):
            raise UnauthorisedError

    guarded = [Depends(authorised)]

    @api.get("/health")
    async def health() -> Response:
        return Response(status_code=200 if targets.read else 503)

    @api.get("/health/{alias}")
    async def proof(alias: str) -> Response:
        """Whether the model behind an alias has answered. Without a key, which a deployment need not have."""
        target, trouble = await targets.prove(alias)
        content = {"modelId": target.model_id, "trouble": trouble}
        return JSONResponse(content, 200 if trouble is None else 503)

    @api.get("/metrics")
    async def page() -> Response:
        return Response(generate_latest(metrics.registry), media_type="text/plain; version=0.0.4")

    @api.get("/v1/models", dependencies=guarded)
    async def models() -> dict[str, Any]:
        common = {"object": "model", "created": created, "owned_by": "tuneform"}
        cards = [
            {"id": alias, **common, "root": target.model_id, "parent": target.base_model}
            for alias, target in sorted(targets.active.items())
        ]
        return {"object": "list", "data": cards}

    @api.post("/v1/chat/completions", dependencies=guarded)
    async def chat(request: Request) -> Response:
        return await forward(request, "/v1/chat/completions", client, targets, metrics)

    @api.post("/v1/completions", dependencies=guarded)
    async def complete(request: Request) -> Response:
        return await forward(request, "/v1/completions", client, targets, metrics)

    _add_errors(api)
    return api


def _add_errors(api: FastAPI) -> None:
    @api.exception_handler(ApiError)
    async def refuse(_request: Request, error: ApiError) -> Response:
        return JSONResponse(error.body(), error.status)

    @api.exception_handler(UnauthorisedError)
    async def unauthorised(_request: Request, _error: UnauthorisedError) -> Response:
        return JSONResponse({"error": "Unauthorized"}, 401)  # vLLM's words

    @api.exception_handler(HTTPException)
    async def no_route(request: Request, _error: HTTPException) -> Response:
        """Unknown paths, and known ones with another method."""
        absent = ApiError(404, "NotFoundError", f"{request.method} {request.url.path} does not exist.")
        return JSONResponse(absent.body(), 404)
