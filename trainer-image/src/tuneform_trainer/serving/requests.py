"""What clients may send, and the errors they get back, in the shapes of vLLM's OpenAI server."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class ApiError(Exception):
    """Becomes an error body with this status."""

    def __init__(self, status: int, kind: str, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.status, self.kind, self.message, self.param = status, kind, message, param

    def body(self) -> dict[str, Any]:
        return {
            "error": {
                "message": self.message,
                "type": self.kind,
                "param": self.param,
                "code": self.status,
            }
        }


def bad_request(message: str, param: str | None = None) -> ApiError:
    return ApiError(400, "BadRequestError", message, param)


class StreamOptions(BaseModel):
    include_usage: bool = False


class Common(BaseModel):
    """Unknown keys are ignored, as vLLM does; known ones that are not supported are refused."""

    model_config = ConfigDict(extra="ignore")

    model: str
    stream: bool = False
    stream_options: StreamOptions | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] = 1.0
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    seed: int | None = None
    stop: str | list[str] | None = None
    n: int = 1
    max_tokens: Annotated[int | None, Field(ge=1)] = None
    logprobs: bool | int | None = None

    @property
    def stops(self) -> list[str]:
        return [self.stop] if isinstance(self.stop, str) else self.stop or []

    @property
    def limit(self) -> int | None:
        return self.max_tokens

    def refuse_unsupported(self) -> None:
        if self.n != 1:
            raise bad_request("n must be 1: this server gives one answer a request", "n")
        if self.logprobs:
            raise bad_request("logprobs are not supported by this server", "logprobs")


class TextPart(BaseModel):
    type: Literal["text"]
    text: str


class ChatMessage(BaseModel):
    role: Literal["system", "user", "assistant"]
    content: str | list[TextPart]

    def plain(self) -> dict[str, str]:
        parts = self.content
        words = parts if isinstance(parts, str) else "".join(part.text for part in parts)
        return {"role": self.role, "content": words}


class ChatRequest(Common):
    messages: Annotated[list[ChatMessage], Field(min_length=1)]
    max_completion_tokens: Annotated[int | None, Field(ge=1)] = None

    @property
    def limit(self) -> int | None:
        return self.max_completion_tokens or self.max_tokens


class CompletionRequest(Common):
    prompt: str | list[str] | list[int] | list[list[int]]
    echo: bool = False

    @property
    def limit(self) -> int | None:
        return self.max_tokens or 16  # the default of the completions API
