"""Before the first stage on a cluster: data and base model are brought into the workspace.

On one machine both lie where `run.json` says. In a Job the data arrives as parts of a gzip file (a
Secret holds at most 1 MiB), and the base model from the hub or by a copy that a person makes.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tuneform_trainer import progress
from tuneform_trainer.base import MODEL_FILES, base_folder, model_folder
from tuneform_trainer.config import Base, FolderWeights, HubWeights, Run
from tuneform_trainer.errors import ExitCode, StageError
from tuneform_trainer.hub import await_snapshot
from tuneform_trainer.workspace import (
    Workspace,
    file_sha256,
    folder_digest,
    read_json,
    replacing,
    write_json,
)


def stage(
    run: Run,
    workspace: Workspace,
    parts: Path | None,
    *,
    download: bool,
    mounted: dict[str, Path] | None = None,
) -> None:
    """Make every source of the run exist with its digest, and the base model be there.

    `mounted`: where a source is already, by its digest: a bucket that is mounted, say. It is copied, since
    what lies in a bucket may be replaced while a training reads it.

    `download` without `parts` fetches the base model alone: that is a Job of its own, the only one with
    a way out of the cluster, and the data is none of its business.

    Raises StageError(DATA) for data that is not what was planned, StageError(USAGE) for data that cannot
    be had, StageError(BASE_MODEL) for a base model that is absent, cut short or not to be fetched.
    """
    progress.stage("stage", "start")
    if parts is not None or not download:
        _stage_sources(run, workspace, parts, mounted or {})
    if isinstance(run.base.weights, FolderWeights):
        _check_base_folder(run.base, run.base.weights, workspace)
    elif download:
        model_folder(run.base)
    progress.stage("stage", "done")


def await_base(run: Run, seconds: float) -> None:
    """Return once a base model of the hub is in the workspace; at once where it is of another kind.

    Stages after this one ask no hub. Raises StageError(BASE_MODEL) after `seconds`.
    """
    if isinstance(run.base.weights, HubWeights):
        await_snapshot(run.base, seconds)


def _stage_sources(run: Run, workspace: Workspace, parts: Path | None, mounted: dict[str, Path]) -> None:
    for source in run.data.sources:
        path = Path(source.path)
        found = file_sha256(path)
        if found == source.sha256:
            progress.log(f"data: {path.name} is there")
            continue
        there = mounted.get(source.sha256)
        pieces = _pieces(parts, source.sha256) if there is None else []
        if there is None and not pieces:
            raise _cannot_be_had(path, source.sha256, found, parts)
        if not path.is_relative_to(workspace.root):
            message = f"{path} lies outside the workspace {workspace.root}: nothing is written there"
            raise StageError(ExitCode.USAGE, message)
        if there is None:
            size = _unpack(pieces, path, source.sha256)
            progress.log(f"data: {path.name} unpacked, {size} bytes")
        else:
            size = _copy(there, path, source.sha256)
            progress.log(f"data: {there} copied, {size} bytes")


def _copy(there: Path, path: Path, expected: str) -> int:
    """Copy a mounted source, which is in place only when its digest is right; its size in bytes."""
    digest = hashlib.sha256()
    try:
        with there.open("rb") as content, replacing(path) as file:
            while piece := content.read(1 << 20):
                digest.update(piece)
                file.write(piece)
            if digest.hexdigest() != expected:
                raise _wrong_digest(there, expected, digest.hexdigest())
            return file.tell()
    except FileNotFoundError as error:
        message = f"{there}: no such object; upload it, or correct data.source"
        raise StageError(ExitCode.USAGE, message) from error
    except PermissionError as error:
        message = f"{there} cannot be read: may the role of this fine-tune read the object?"
        raise StageError(ExitCode.USAGE, message) from error


def _cannot_be_had(path: Path, expected: str, found: str | None, parts: Path | None) -> StageError:
    if found is not None:
        return _wrong_digest(path, expected, found)
    looked = f"and there are no parts of it in {parts / expected}" if parts else "and no --parts were given"
    way_out = f"run `tuneform up` again, which sends the data along, or copy the file to {path}"
    return StageError(ExitCode.USAGE, f"{path}: no such file, {looked}; {way_out}")


def _wrong_digest(path: Path, expected: str, found: str) -> StageError:
    message = f"{path}: the data is not what was planned: sha256 {found}, expected {expected}"
    return StageError(ExitCode.DATA, message)


def _pieces(parts: Path | None, sha256: str) -> list[Path]:
    """The parts in their order. Raises StageError(DATA) when a number is left out."""
    folder = parts / sha256 if parts is not None else None
    if folder is None or not folder.is_dir():
        return []
    names = sorted(p.name for p in folder.iterdir() if p.name.isdigit())
    absent = [f"{i:03d}" for i in range(len(names)) if names[i] != f"{i:03d}"]
    if absent:
        raise StageError(ExitCode.DATA, f"{folder}: part {absent[0]} is absent")
    return [folder / name for name in names]


def _unpack(pieces: list[Path], path: Path, expected: str) -> int:
    """Write the data, which is in place only when its digest is right; its size in bytes."""
    # Parts are few and small (a Secret each); what they unpack to need not be.
    packed = io.BytesIO(b"".join(piece.read_bytes() for piece in pieces))
    digest = hashlib.sha256()
    with replacing(path) as file:
        try:
            with gzip.open(packed) as content:
                while piece := content.read(1 << 20):
                    digest.update(piece)
                    file.write(piece)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            message = f"{path}: its {len(pieces)} parts are no whole gzip file: {error}"
            raise StageError(ExitCode.DATA, message) from error
        if digest.hexdigest() != expected:
            raise _wrong_digest(path, expected, digest.hexdigest())
        return file.tell()


def _check_base_folder(base: Base, weights: FolderWeights, workspace: Workspace) -> None:
    folder = base_folder(weights)
    way = _way_to_bring(Path(weights.path), workspace)
    # Not beside the folder, which may lie in the image.
    marker = workspace.root / "cache" / "verified" / f"{folder.name}.json"
    with _told_where_unreadable(base):
        if not (folder / "config.json").is_file():
            message = f"base model {base.id}: {folder} is not there; bring it there: {way}"
            raise StageError(ExitCode.BASE_MODEL, message)
        files = sorted(p for p in folder.iterdir() if p.is_file() and p.suffix in MODEL_FILES)
        stats = {p.name: p.stat() for p in files}
        seen = {"digest": weights.digest, "files": {n: [s.st_size, s.st_mtime] for n, s in stats.items()}}
        if read_json(marker) == seen:  # weights are gigabytes: they are read once
            return
        progress.log(f"base model: verifying {folder}, once")
        found = folder_digest(files)
    if found != weights.digest:
        message = (
            f"base model {base.id}: {folder} is not the folder that was planned: digest {found}, "
            f"expected {weights.digest}; remove it and bring it again: {way}"
        )
        raise StageError(ExitCode.BASE_MODEL, message)
    write_json(marker, seen)


@contextmanager
def _told_where_unreadable(base: Base) -> Iterator[None]:
    """A bucket refuses like a file system does; which of both it is only a person knows."""
    try:
        yield
    except PermissionError as error:
        message = (
            f"base model {base.id}: {error.filename} cannot be read by user {os.getuid()}; in a bucket: may "
            f"the role of this fine-tune read it? elsewhere make the folder readable to everybody where it "
            f"comes from (chmod -R a+rX FOLDER), and bring it again"
        )
        raise StageError(ExitCode.BASE_MODEL, message) from error


def _way_to_bring(planned: Path, workspace: Workspace) -> str:
    """How a person brings a base to where it was planned; what is not on the volume is in a bucket."""
    if planned.is_relative_to(workspace.root):
        return f"kubectl cp FOLDER NAMESPACE/POD:{planned} (docs/kubernetes.md says from which pod)"
    return f"aws s3 sync FOLDER s3://BUCKET/{planned.parent.name}/{planned.name}/ (docs/aws.md)"
