"""The workspace: where every artefact lives, written so that nothing is ever half there."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from tuneform_trainer import progress
from tuneform_trainer.config import Run
from tuneform_trainer.errors import ExitCode, StageError


@dataclass(frozen=True)
class Workspace:
    """Paths of a workspace folder (a folder, a mounted volume or a synchronised prefix)."""

    root: Path

    def dataset(self, digest: str) -> Path:
        return self.root / "datasets" / digest

    def run(self, run_id: str) -> Path:
        return self.root / "runs" / run_id

    def registry(self, name: str) -> Path:
        return self.root / "registry" / name

    def adapter(self, run: Run) -> Path:
        return self.run(run.run_id) / "adapter"

    def merged(self, run_id: str) -> Path:
        return self.run(run_id) / "merged"

    @contextlib.contextmanager
    def run_lock(self, run_id: str) -> Iterator[None]:
        """Only one process works on a run; the kernel frees the lock even after kill -9."""
        with _lock(self.run(run_id) / ".lock", f"run {run_id} is in use by another process"):
            yield

    @contextlib.contextmanager
    def compute_slot(self) -> Iterator[None]:
        """At most TUNEFORM_PARALLELISM (1 unless set; 0: any number) trainings and evaluations at once in
        this workspace; further ones wait their turn.

        A training and an evaluation beside each other on two cores took 10 times as long as one after
        the other: both have as many threads as there are cores, and wait for each other's.
        """
        slots = int(os.environ.get("TUNEFORM_PARALLELISM", "1"))
        with contextlib.nullcontext() if slots == 0 else _slot(self.root / "locks", slots):
            yield


@contextlib.contextmanager
def _lock(path: Path, busy: str) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress.log(f"{busy}; waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def _slot(folder: Path, slots: int) -> Iterator[None]:
    import time

    folder.mkdir(parents=True, exist_ok=True)
    told = False
    while True:
        for number in range(slots):
            with (folder / f"compute-{number}.lock").open("a") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    continue
                yield
                return
        if not told:
            progress.log("waiting for another training or evaluation to end")
            told = True
        time.sleep(0.5)


@contextlib.contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn 'disk full' and 'not writable' into a StageError(STORAGE) that names the place."""
    try:
        yield
    except StageError:
        raise
    except Exception as error:
        if _says_disk_full(error):
            raise StageError(
                ExitCode.STORAGE,
                f"{path}: the disk is full; free some space or set `workspace` to another disk, "
                "then run again: finished work is kept",
            ) from error
        if isinstance(error, OSError) and error.errno in (errno.EACCES, errno.EROFS, errno.EPERM):
            raise StageError(ExitCode.STORAGE, f"{path}: not writable ({error.strerror})") from error
        raise


def _says_disk_full(error: BaseException | None) -> bool:
    """torch and safetensors tell it in words, or while they handle the error that told it."""
    if error is None:
        return False
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return True
    words = ("No space left on device", "os error 28", "PytorchStreamWriter failed writing")
    return any(word in str(error) for word in words) or _says_disk_full(error.__cause__ or error.__context__)


WEIGHTS = "adapter_model.safetensors"


def file_sha256(file: Path) -> str | None:
    """Digest of a file, read in pieces, or None where there is none."""
    if not file.is_file():
        return None
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def adapter_sha256(adapter: Path) -> str | None:
    """Digest of an adapter's weights, or None where there are none."""
    return file_sha256(adapter / WEIGHTS)


def folder_digest(files: list[Path]) -> str:
    """Over names and contents of files in this order; the same as loading/base-folder.ts computes."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.name.encode())
        digest.update(bytes.fromhex(file_sha256(file) or ""))
    return digest.hexdigest()


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """A file to write to that takes the place of `path` at the end, or is removed on any error."""
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            Path(name).chmod(0o644)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


def write_atomically(path: Path, data: bytes | str) -> None:
    """Write a file so that readers see the old content or the new, never a part."""
    with replacing(path) as file:
        file.write(data.encode() if isinstance(data, str) else data)


def write_json(path: Path, value: Any) -> None:
    """Write JSON atomically, with stable key order, so that equal content has equal bytes."""
    write_atomically(path, json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n")


def read_json(path: Path) -> Any | None:
    """The parsed file, or None where it is absent or not whole (then the work is simply redone)."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return None
