"""What a stage tells the outside while it works.

With TUNEFORM_PROGRESS=json every line on stdout is one JSON event (for the Pulumi provider);
otherwise plain lines for people and CI logs. Events:

  {"event": "stage",    "stage", "status": "start"|"done"|"skipped", "detail"?}
  {"event": "progress", "stage", "step", "of", "etaSeconds", "loss"?, "tokensPerSecond"?}
  {"event": "log",      "level": "info"|"warning", "message"}
  {"event": "error",    "code", "message", "problems": [...]}
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from tuneform_trainer.errors import ExitCode, StageError


def _emit(event: dict[str, Any], plain: str) -> None:
    line = json.dumps(event) if os.environ.get("TUNEFORM_PROGRESS") == "json" else plain
    print(line, flush=True)


def interval_seconds() -> float:
    """Least time between two progress lines of a stage: TUNEFORM_PROGRESS_SECONDS, else a second.

    A log that is kept, as that of a pod, wants fewer lines than a bar on a screen.
    """
    given = os.environ.get("TUNEFORM_PROGRESS_SECONDS", "1")
    try:
        return float(given)
    except ValueError:
        message = f"TUNEFORM_PROGRESS_SECONDS is {given!r}: set it to a number of seconds"
        raise StageError(ExitCode.USAGE, message) from None


def stage(name: str, status: str, detail: str | None = None) -> None:
    """Announce that a stage starts, is done, or is skipped because its result is there."""
    event: dict[str, Any] = {"event": "stage", "stage": name, "status": status}
    if detail:
        event["detail"] = detail
    _emit(event, f"{name}: {status}" + (f" ({detail})" if detail else ""))


def step(  # noqa: PLR0913 - one keyword per field of the event
    name: str,
    number: int,
    of: int,
    *,
    eta_seconds: float | None = None,
    loss: float | None = None,
    tokens_per_second: float | None = None,
) -> None:
    """Report one unit of work; callers keep `interval_seconds` between them."""
    event: dict[str, Any] = {"event": "progress", "stage": name, "step": number, "of": of}
    parts = [f"{name}: {number}/{of}"]
    if loss is not None:
        event["loss"] = loss
        parts.append(f"loss {loss:.3f}")
    if tokens_per_second is not None:
        event["tokensPerSecond"] = tokens_per_second
        parts.append(f"{tokens_per_second:.0f} tokens/s")
    if eta_seconds is not None:
        event["etaSeconds"] = eta_seconds
        parts.append(f"{eta_seconds:.0f} s left")
    _emit(event, " · ".join(parts))


def log(message: str, level: str = "info") -> None:
    """Say something a person should know."""
    _emit({"event": "log", "level": level, "message": message}, message)


def error(code: int, message: str, problems: list[str]) -> None:
    """Report why the stage ends without success; plain text goes to stderr."""
    if os.environ.get("TUNEFORM_PROGRESS") == "json":
        _emit({"event": "error", "code": code, "message": message, "problems": problems}, "")
        return
    print("\n".join([f"error: {message}", *(f"  - {p}" for p in problems)]), file=sys.stderr)
