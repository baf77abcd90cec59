"""The keys that applications may present: the files of a mounted Secret."""

from __future__ import annotations

import hashlib
import hmac
import time
from pathlib import Path

from tuneform_trainer.errors import ExitCode, StageError

LOOK_SECONDS = 1.0


class Keys:
    """The content of every file of `folder` is a key. Without any key nobody is let in."""

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise StageError(ExitCode.USAGE, f"--keys {folder}: no such folder")
        self.folder = folder
        self._digests: list[bytes] = []
        self._seen: object = None
        self._looked = 0.0
        self._look()

    def accept(self, authorization: str) -> bool:
        """Whether this `Authorization` header names one of the keys; in constant time.

        All keys are compared, by digests of one length, so that no time tells how near a guess was.
        """
        if time.monotonic() - self._looked > LOOK_SECONDS:
            self._look()
        scheme, _, key = authorization.partition(" ")
        given = hashlib.sha256(key.encode()).digest()
        matches = [hmac.compare_digest(given, digest) for digest in self._digests]
        return any(matches) and scheme.lower() == "bearer"

    def _look(self) -> None:
        """Read the files if they changed; `..data` and its like are how the kubelet swaps them."""
        self._looked = time.monotonic()
        try:
            files = sorted(p for p in self.folder.iterdir() if not p.name.startswith("..") and p.is_file())
            seen = [(p.name, (s := p.stat()).st_mtime_ns, s.st_ino, s.st_size) for p in files]
            if seen == self._seen:
                return
            keys = [p.read_bytes().strip() for p in files]
        except FileNotFoundError:  # swapped at this moment: the next look sees the new ones
            return
        self._digests = [hashlib.sha256(key).digest() for key in keys if key]
        self._seen = seen
