"""/metrics under vLLM's names, so that one dashboard serves both servers."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge

from tuneform_trainer.serving.engine import Engine

LABELS = ["model_name"]


class Metrics:
    def __init__(self, engine: Engine) -> None:
        self.registry = CollectorRegistry()
        running = Gauge("vllm:num_requests_running", "Requests in decoding", registry=self.registry)
        waiting = Gauge("vllm:num_requests_waiting", "Requests in the queue", registry=self.registry)
        running.set_function(lambda: engine.running)
        waiting.set_function(engine.waiting.qsize)
        self.successes = Counter(
            "vllm:request_success", "Answered requests", [*LABELS, "finished_reason"], registry=self.registry
        )
        self.prompt_tokens = Counter("vllm:prompt_tokens", "Prompt tokens", LABELS, registry=self.registry)
        self.generated = Counter("vllm:generation_tokens", "Answer tokens", LABELS, registry=self.registry)

    def answered(self, model: str, reason: str, prompt_tokens: int, tokens: int) -> None:
        self.successes.labels(model, reason).inc()
        self.prompt_tokens.labels(model).inc(prompt_tokens)
        self.generated.labels(model).inc(tokens)
