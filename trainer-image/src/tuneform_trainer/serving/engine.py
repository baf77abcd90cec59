"""Decoding: requests for different adapters in one batch, groups of them interleaved token by token.

Requests that wait together form a group, which is prefilled and then decoded as one batch. All groups
take turns, one token each, so that a short request never waits for the end of a long one.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from tuneform_trainer.chat import stop_token_ids
from tuneform_trainer.serving.requests import ApiError

BASE = "__base__"  # peft's name for "no adapter" within a batch


@dataclass
class Job:
    """One prompt and how to continue it. `emit(text, finish_reason)` is called from the engine's thread."""

    prompt: list[int]
    adapter: str
    max_tokens: int
    temperature: float
    top_p: float
    seed: int | None
    stops: list[str]
    emit: Callable[[str, str | None], None]
    cancelled: bool = False
    tokens: list[int] = field(default_factory=list)
    sent: int = 0  # characters
    finish: str | None = None
    generator: torch.Generator | None = None


@dataclass
class Group:
    jobs: list[Job]
    cache: Any
    mask: torch.Tensor
    scores: torch.Tensor


class Engine:
    """Owns the model; everything that touches it runs on one thread."""

    def __init__(self, model: Any, tokenizer: Any, max_rows: int, max_waiting: int = 256) -> None:
        self.model, self.tokenizer = model, tokenizer
        self.max_rows = max_rows
        self.stop_ids = set(stop_token_ids(tokenizer))
        self.waiting: queue.Queue[Job] = queue.Queue(maxsize=max_waiting)
        self.tasks: queue.Queue[tuple[Callable[[], Any], Future[Any]]] = queue.Queue()
        self.running = 0
        self.loaded: set[str] = set()
        self._submitted: list[Job] = []
        self._wake = threading.Event()
        self._ending = False
        self._thread = threading.Thread(target=self._work, name="engine", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        self._ending = True
        self._wake.set()
        self._thread.join(timeout=10)

    def submit(self, job: Job) -> None:
        """Queue a request. Raises ApiError(503) when too many wait already."""
        try:
            self.waiting.put_nowait(job)
        except queue.Full:
            raise ApiError(503, "ServiceUnavailableError", "too many requests are waiting") from None
        self._submitted = [known for known in self._submitted if known.finish is None] + [job]
        self._wake.set()

    def adapters_in_use(self) -> set[str]:
        """Of requests that wait or are being answered. To be called from where `submit` is."""
        return {job.adapter for job in self._submitted if job.finish is None}

    def load(self, name: str, folder: Path) -> Future[None]:
        """Load an adapter between two tokens; requests go on meanwhile."""
        return self._task(lambda: self._load(name, folder))

    def unload(self, name: str) -> Future[None]:
        return self._task(lambda: self._unload(name))

    def _task(self, work: Callable[[], None]) -> Future[None]:
        future: Future[None] = Future()
        self.tasks.put((work, future))
        self._wake.set()
        return future

    def _load(self, name: str, folder: Path) -> None:
        from peft import PeftModel

        if name in self.loaded:
            return
        if isinstance(self.model, PeftModel):
            self.model.load_adapter(str(folder), adapter_name=name, autocast_adapter_dtype=False)
        else:
            self.model = PeftModel.from_pretrained(
                self.model, str(folder), adapter_name=name, autocast_adapter_dtype=False
            )
        self.model.eval()
        self.loaded.add(name)

    def _unload(self, name: str) -> None:
        if name in self.loaded and len(self.loaded) > 1:  # peft keeps at least one adapter
            self.model.delete_adapter(name)
            self.loaded.discard(name)

    @torch.inference_mode()
    def _work(self) -> None:
        groups: list[Group] = []
        while not (self._ending and not groups):
            self._run_tasks()
            jobs = self._take_waiting()
            if jobs:
                groups += self._guarded(jobs, lambda jobs=jobs: [self._prefill(jobs)]) or []  # type: ignore[misc]
            elif not groups:
                self._wake.wait(timeout=0.5)
                self._wake.clear()
            for group in groups:
                self._guarded(group.jobs, lambda group=group: self._step(group))  # type: ignore[misc]
            groups = [g for g in groups if any(job.finish is None for job in g.jobs)]
            self.running = sum(job.finish is None for g in groups for job in g.jobs)

    def _guarded(self, jobs: list[Job], work: Callable[[], Any]) -> Any:
        """A failing batch ends its own requests, not the server."""
        try:
            return work()
        except Exception:
            import traceback

            traceback.print_exc()
            for job in jobs:
                if job.finish is None:
                    job.finish = "error"
                    job.emit("", "error")
            return None

    def _run_tasks(self) -> None:
        while not self.tasks.empty():
            work, future = self.tasks.get()
            try:
                with torch.inference_mode(False):
                    future.set_result(work())
            except Exception as error:
                future.set_exception(error)

    def _take_waiting(self) -> list[Job]:
        jobs: list[Job] = []
        while len(jobs) < self.max_rows and not self.waiting.empty():
            job = self.waiting.get()
            if job.cancelled:
                job.finish = "abort"
            else:
                jobs.append(job)
        return jobs

    def _forward(self, jobs: list[Job], **inputs: Any) -> Any:
        # What has finished may be unloaded while the rest of its group goes on.
        names = [job.adapter if job.finish is None else BASE for job in jobs]
        mixed = {"adapter_names": names} if self.loaded else {}
        return self.model(**inputs, **mixed, use_cache=True, logits_to_keep=1)

    def _prefill(self, jobs: list[Job]) -> Group:
        width = max(len(job.prompt) for job in jobs)
        pad = self.tokenizer.pad_token_id
        device = self.model.device
        ids = torch.tensor([[pad] * (width - len(j.prompt)) + j.prompt for j in jobs], device=device)
        mask = torch.tensor(
            [[0] * (width - len(j.prompt)) + [1] * len(j.prompt) for j in jobs], device=device
        )
        positions = (mask.cumsum(1) - 1).clamp(min=0)
        out = self._forward(jobs, input_ids=ids, attention_mask=mask, position_ids=positions)
        for job in jobs:
            if job.seed is not None:
                job.generator = torch.Generator(device=device).manual_seed(job.seed)
        return Group(jobs, out.past_key_values, mask, out.logits[:, -1].float())

    def _step(self, group: Group) -> None:
        chosen = [self._choose(job, group.scores[i]) for i, job in enumerate(group.jobs)]
        for job, token in zip(group.jobs, chosen, strict=True):
            if job.finish is None:
                self._advance(job, token)
        if all(job.finish is not None for job in group.jobs):
            return
        tokens = torch.tensor(chosen, device=group.mask.device)[:, None]
        positions = group.mask.sum(1, keepdim=True)
        group.mask = torch.cat([group.mask, torch.ones_like(tokens)], dim=1)
        out = self._forward(
            group.jobs,
            input_ids=tokens,
            attention_mask=group.mask,
            position_ids=positions,
            past_key_values=group.cache,
        )
        group.scores = out.logits[:, -1].float()

    def _choose(self, job: Job, scores: torch.Tensor) -> int:
        """Greedy at temperature 0, else nucleus sampling."""
        if job.temperature == 0 or job.finish is not None:
            return int(scores.argmax())
        chances, order = (scores / job.temperature).softmax(-1).sort(descending=True)
        beyond = chances.cumsum(-1) - chances >= job.top_p
        chances = chances.masked_fill(beyond, 0)
        return int(order[torch.multinomial(chances, 1, generator=job.generator)])

    def _advance(self, job: Job, token: int) -> None:
        """Take one token: end of answer, stop string, length, or more text."""
        if job.cancelled:
            job.finish = "abort"
            return
        if token in self.stop_ids:
            self._send(job, self._text(job), "stop")
            return
        job.tokens.append(token)
        text = self._text(job)
        cut = min((text.find(stop) for stop in job.stops if stop in text), default=-1)
        if cut >= 0:
            self._send(job, text[:cut], "stop")
        elif len(job.tokens) >= job.max_tokens:
            self._send(job, text, "length")
        elif not text.endswith("\ufffd"):  # else: a character that the next token completes
            held = max((len(stop) - 1 for stop in job.stops), default=0)
            self._send(job, text[: max(job.sent, len(text) - held)], None)

    def _text(self, job: Job) -> str:
        text: str = self.tokenizer.decode(job.tokens, skip_special_tokens=True)
        return text

    def _send(self, job: Job, text: str, finish: str | None) -> None:
        delta, job.sent, job.finish = text[job.sent :], len(text), finish
        if delta or finish:
            job.emit(delta, finish)
