"""A file that others replace while this process runs, for instance a mounted ConfigMap."""

from __future__ import annotations

from pathlib import Path


class FollowedFile:
    """Tells whether a file was replaced, from what the file system says of it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: object = None

    def changed(self) -> bool:
        """Whether it is another file than at the last call. One that is not there has not changed."""
        try:
            status = self.path.stat()  # of what a link leads to: the kubelet swaps folders
        except FileNotFoundError:
            return False
        seen = (status.st_mtime_ns, status.st_ino, status.st_size)
        before, self._seen = self._seen, seen
        return seen != before
