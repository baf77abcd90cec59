"""/metrics of the gateway: use by alias, and whether aliases are where they should be."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

# From a short answer to a long generation, in seconds.
BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
NONE = "none"  # the label of a request that named no alias, or no model that exists
MODEL = ["alias", "model"]


class Metrics:
    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = self._counter("requests", "Answered requests", [*MODEL, "status"])
        self.prompt_tokens = self._counter("prompt_tokens", "Where an answer tells its usage", MODEL)
        self.completion_tokens = self._counter("completion_tokens", "Where an answer tells its usage", MODEL)
        self.warm_up_failures = self._counter("warm_up_failures", "A new model did not answer", ["alias"])
        self.pending = self._gauge("alias_pending", "1 while a new model does not answer yet", ["alias"])
        self.map_is_valid = self._gauge("alias_map_valid", "0 where the alias map cannot be read", [])
        self.seconds = Histogram(
            "tuneform_gateway_request_seconds",
            "Until the last byte of the answer",
            ["alias"],
            buckets=BUCKETS,
            registry=self.registry,
        )

    def _counter(self, name: str, what: str, labels: list[str]) -> Counter:
        return Counter(f"tuneform_gateway_{name}", what, labels, registry=self.registry)

    def _gauge(self, name: str, what: str, labels: list[str]) -> Gauge:
        return Gauge(f"tuneform_gateway_{name}", what, labels, registry=self.registry)

    def answered(self, alias: str | None, model: str | None, status: int, seconds: float) -> None:
        self.requests.labels(alias or NONE, model or NONE, str(status)).inc()
        self.seconds.labels(alias or NONE).observe(seconds)

    def used(self, alias: str | None, model: str, usage: object) -> None:
        """Count the tokens of an OpenAI `usage` object; anything else counts nothing."""
        if not isinstance(usage, dict):
            return
        for counter, key in (
            (self.prompt_tokens, "prompt_tokens"),
            (self.completion_tokens, "completion_tokens"),
        ):
            tokens = usage.get(key)
            if isinstance(tokens, int) and tokens > 0:
                counter.labels(alias or NONE, model).inc(tokens)
