"""The HTTP routes."""

from __future__ import annotations

import asyncio
import hmac
import json
import os
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, StreamingResponse
from prometheus_client import generate_latest

from tuneform_trainer.chat import encode_prompt
from tuneform_trainer.serving.engine import Engine, Job
from tuneform_trainer.serving.metrics import Metrics
from tuneform_trainer.serving.models import Models, Target
from tuneform_trainer.serving.requests import (
    ApiError,
    ChatRequest,
    Common,
    CompletionRequest,
    bad_request,
)

MOST_BODY_BYTES = 1_000_000


@dataclass
class Answer:
    """One prompt's way through the engine, seen from the event loop."""

    job: Job
    pieces: asyncio.Queue[tuple[str, str | None]]

    async def stream(self) -> AsyncIterator[tuple[str, str | None]]:
        while True:
            text, finish = await self.pieces.get()
            yield text, finish
            if finish is not None:
                return


@dataclass(frozen=True)
class Shape:
    """How chat and plain completions differ in their answers."""

    prefix: str
    whole: str
    part: str
    choice: Callable[[int, str, str | None], dict[str, Any]]
    delta: Callable[[int, str, str | None], dict[str, Any]]


def _chat_choice(index: int, text: str, finish: str | None) -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    return {"index": index, "message": message, "logprobs": None, "finish_reason": finish}


def _chat_delta(index: int, text: str, finish: str | None) -> dict[str, Any]:
    return {"index": index, "delta": {"content": text}, "logprobs": None, "finish_reason": finish}


def _text_choice(index: int, text: str, finish: str | None) -> dict[str, Any]:
    return {"index": index, "text": text, "logprobs": None, "finish_reason": finish}


CHAT = Shape("chatcmpl", "chat.completion", "chat.completion.chunk", _chat_choice, _chat_delta)
TEXT = Shape("cmpl", "text_completion", "text_completion", _text_choice, _text_choice)


class Api:
    """Builds the application over an engine and its models."""

    def __init__(self, engine: Engine, models: Models, tokenizer: Any) -> None:
        self.engine, self.models, self.tokenizer = engine, models, tokenizer
        self.metrics = Metrics(engine)
        self.app = FastAPI(title="Tuneform model server", docs_url=None, redoc_url=None, openapi_url=None)
        variable = models.server.api_key_variable
        self.key = os.environ.get(variable) if variable else None
        self._add_errors()
        self._add_routes()

    def _add_errors(self) -> None:
        @self.app.exception_handler(ApiError)
        async def refuse(_request: Request, error: ApiError) -> Response:
            return JSONResponse(error.body(), error.status)

        @self.app.exception_handler(RequestValidationError)
        async def invalid(_request: Request, error: RequestValidationError) -> Response:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"] if part != "body")
            refused = bad_request(f"{where or 'body'}: {first['msg']}", where or None)
            return JSONResponse(refused.body(), 400)

        @self.app.middleware("http")
        async def guard(request: Request, call: Callable[[Request], Awaitable[Response]]) -> Response:
            if request.url.path.startswith("/v1") and not self._authorised(request):
                return JSONResponse({"error": "Unauthorized"}, 401)
            if int(request.headers.get("content-length", "0")) > MOST_BODY_BYTES:
                large = ApiError(413, "BadRequestError", f"the body is larger than {MOST_BODY_BYTES} bytes")
                return JSONResponse(large.body(), 413)
            return await call(request)

    def _authorised(self, request: Request) -> bool:
        if self.key is None:
            return True
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        return hmac.compare_digest(given.encode(), self.key.encode())

    def _add_routes(self) -> None:
        @self.app.get("/health")
        async def health() -> Response:
            return Response(status_code=200)

        @self.app.get("/metrics")
        async def metrics() -> Response:
            return Response(generate_latest(self.metrics.registry), media_type="text/plain; version=0.0.4")

        @self.app.get("/v1/models")
        async def models() -> dict[str, Any]:
            return {"object": "list", "data": self.models.cards()}

        @self.app.post("/v1/chat/completions")
        async def chat(body: ChatRequest, request: Request) -> Response:
            target = await self._target(body)
            prompt = self._render([message.plain() for message in body.messages])
            return await self._answer(CHAT, body, target, [prompt], request)

        @self.app.post("/v1/completions")
        async def complete(body: CompletionRequest, request: Request) -> Response:
            target = await self._target(body)
            if body.echo:
                raise bad_request("echo is not supported by this server", "echo")
            return await self._answer(TEXT, body, target, self._prompts(body), request)

    async def _target(self, body: Common) -> Target:
        """From here to the submission nothing awaits: an adapter is not unloaded in between."""
        body.refuse_unsupported()
        return await self.models.resolve(body.model)

    def _render(self, messages: list[dict[str, str]]) -> list[int]:
        try:
            return encode_prompt(self.tokenizer, messages)
        except Exception as error:
            raise bad_request(f"the chat template refuses these messages: {error}", "messages") from error

    def _prompts(self, body: CompletionRequest) -> list[list[int]]:
        given = body.prompt
        if isinstance(given, str):
            return [self.tokenizer.encode(given)]
        if not given:
            raise bad_request("prompt must not be empty", "prompt")
        if isinstance(given[0], int):
            return [[token for token in given if isinstance(token, int)]]
        return [self.tokenizer.encode(p) if isinstance(p, str) else list(p) for p in given]

    def _submit(self, body: Common, target: Target, prompt: list[int]) -> Answer:
        most = self.models.server.max_length
        limit = body.limit or most - len(prompt)
        if not prompt or len(prompt) + max(1, body.limit or 1) > most:
            raise bad_request(
                f"This model's maximum context length is {most} tokens. However, you requested "
                f"{body.limit or 1} output tokens and your prompt contains {len(prompt)} input tokens.",
                "prompt",
            )
        loop = asyncio.get_running_loop()
        pieces: asyncio.Queue[tuple[str, str | None]] = asyncio.Queue()

        def emit(text: str, finish: str | None) -> None:
            loop.call_soon_threadsafe(pieces.put_nowait, (text, finish))

        job = Job(prompt, target.adapter, limit, body.temperature, body.top_p, body.seed, body.stops, emit)
        self.engine.submit(job)
        return Answer(job, pieces)

    async def _answer(
        self, shape: Shape, body: Common, target: Target, prompts: list[list[int]], request: Request
    ) -> Response:
        answers = [self._submit(body, target, prompt) for prompt in prompts]
        head = {
            "id": f"{shape.prefix}-{uuid.uuid4().hex}",
            "created": int(time.time()),
            "model": target.model_id,
        }
        if body.stream:
            events = self._events(shape, body, answers, head)
            return StreamingResponse(events, media_type="text/event-stream")
        choices = await self._whole(shape, answers, request)
        for answer in answers:
            self._count(target.model_id, answer)
        return JSONResponse({**head, "object": shape.whole, "choices": choices, "usage": _usage(answers)})

    async def _whole(self, shape: Shape, answers: list[Answer], request: Request) -> list[dict[str, Any]]:
        choices = []
        try:
            for index, answer in enumerate(answers):
                text = ""
                async for piece, finish in answer.stream():
                    if finish == "error":
                        raise ApiError(500, "InternalServerError", "decoding failed; see the server's log")
                    text += piece
                choices.append(shape.choice(index, text, answer.job.finish))
        finally:
            if await request.is_disconnected():
                _cancel(answers)
        return choices

    async def _events(
        self, shape: Shape, body: Common, answers: list[Answer], head: dict[str, Any]
    ) -> AsyncIterator[str]:
        def event(choices: list[dict[str, Any]], **extra: Any) -> str:
            value = {**head, "object": shape.part, "choices": choices, **extra}
            return f"data: {json.dumps(value, ensure_ascii=False)}\n\n"

        try:
            if shape is CHAT:
                first = {"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}
                yield event([first])
            for index, answer in enumerate(answers):
                async for piece, finish in answer.stream():
                    yield event([shape.delta(index, piece, finish)])
                self._count(head["model"], answer)
            if body.stream_options and body.stream_options.include_usage:
                yield event([], usage=_usage(answers))
            yield "data: [DONE]\n\n"
        finally:
            _cancel(answers)  # a client that went away frees its rows

    def _count(self, model: str, answer: Answer) -> None:
        job = answer.job
        self.metrics.answered(model, job.finish or "abort", len(job.prompt), len(job.tokens))


def _cancel(answers: list[Answer]) -> None:
    for answer in answers:
        answer.job.cancelled = True


def _usage(answers: list[Answer]) -> dict[str, int]:
    prompt = sum(len(answer.job.prompt) for answer in answers)
    completion = sum(len(answer.job.tokens) for answer in answers)
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
