"""What can go wrong in a stage: exit codes for scripts and messages for people.

The table is repeated in docs/exit-codes.md and core/spec/exit-codes.ts; a test compares them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from enum import IntEnum


class ExitCode(IntEnum):
    """Exit status of every `tuneform-trainer` stage."""

    OK = 0
    INTERNAL = 1  # a defect of Tuneform: a traceback is shown
    USAGE = 2  # bad arguments or a run.json that does not validate
    DATA = 3  # the data firewall found errors
    BASE_MODEL = 4  # the base model cannot be had, or is refused
    OUT_OF_MEMORY = 5
    NOT_FINITE = 6  # loss or gradient became NaN or infinite; last good checkpoint kept
    STORAGE = 7  # disk full or not writable
    ENVIRONMENT = 8  # wrong Python or a missing package
    PORT_IN_USE = 9
    REJECTED = 20  # the gate said no
    UNDECIDABLE = 21  # the gate could not tell: test set too small
    INTERRUPTED = 130  # SIGINT
    PREEMPTED = 143  # SIGTERM; a checkpoint was saved where there was one to save


class StageError(Exception):
    """An error for people: what was set, where, why it is wrong, what to set instead.

    `problems` holds every problem found, one line each; all are reported at once.
    """

    def __init__(self, code: ExitCode, message: str, problems: list[str] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.problems = problems or []


def is_out_of_memory(error: Exception) -> bool:
    """Of a GPU or of the machine; on a CPU torch tells it as a RuntimeError in words."""
    import torch

    return isinstance(error, torch.cuda.OutOfMemoryError | MemoryError) or (
        isinstance(error, RuntimeError) and "allocate memory" in str(error)
    )


@contextlib.contextmanager
def memory_errors(doing: str) -> Iterator[None]:
    """Turn out of memory, on the accelerator or not, into StageError(OUT_OF_MEMORY).

    `doing` goes on after "out of memory while", with what a person can do about it.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise StageError(ExitCode.OUT_OF_MEMORY, f"out of memory while {doing}") from error
