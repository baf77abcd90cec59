"""Data and base model find their way into a workspace."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import default_run

from tuneform_trainer.base import model_folder
from tuneform_trainer.config import Base, FolderWeights, PackageWeights, Run
from tuneform_trainer.errors import ExitCode, StageError
from tuneform_trainer.stage import stage
from tuneform_trainer.workspace import Workspace

CONTENT = "".join(json.dumps({"id": i, "text": "x" * (i % 50)}) + "\n" for i in range(3000)).encode()
DIGEST = hashlib.sha256(CONTENT).hexdigest()


def split_into(folder: Path, packed: bytes, count: int) -> Path:
    """Parts as a projected volume shows them: numbered, in a folder named by the digest."""
    size = -(-len(packed) // count)
    (folder / DIGEST).mkdir(parents=True)
    for i in range(count):
        (folder / DIGEST / f"{i:03d}").write_bytes(packed[i * size : (i + 1) * size])
    return folder


@pytest.fixture
def parts(tmp_path: Path) -> Path:
    return split_into(tmp_path / "parts", gzip.compress(CONTENT), 3)


@pytest.fixture
def run(workspace: Workspace, tmp_path: Path) -> Run:
    """With one source in the workspace that is not there yet, and a base folder with its real digest."""
    made = Run.model_validate(default_run(workspace.root / "sources" / DIGEST, DIGEST, tmp_path))
    return made.model_copy(update={"base": folder_base(tmp_path / "base")})


def folder_base(folder: Path) -> Base:
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "llama"}')
    (folder / "model.safetensors").write_bytes(b"weights")
    (folder / "README.md").write_text("does not count")
    digest = hashlib.sha256()
    for name in ("config.json", "model.safetensors"):
        digest.update(name.encode() + hashlib.sha256((folder / name).read_bytes()).digest())
    weights = FolderWeights(kind="folder", path=str(folder), digest=digest.hexdigest())
    return Base(id="mine", hub_id=None, revision=None, weights=weights, licence=None)


def source_of(run: Run) -> Path:
    return Path(run.data.sources[0].path)


def test_data_is_put_together_from_its_parts(run: Run, workspace: Workspace, parts: Path) -> None:
    stage(run, workspace, parts, download=False)
    assert source_of(run).read_bytes() == CONTENT
    assert [p.name for p in source_of(run).parent.iterdir()] == [DIGEST]  # nothing temporary stays


def test_parts_may_be_gzip_files_of_their_own(run: Run, workspace: Workspace, tmp_path: Path) -> None:
    folder = tmp_path / "each" / DIGEST
    folder.mkdir(parents=True)
    (folder / "000").write_bytes(gzip.compress(CONTENT[:1000]))
    (folder / "001").write_bytes(gzip.compress(CONTENT[1000:]))
    stage(run, workspace, tmp_path / "each", download=False)
    assert source_of(run).read_bytes() == CONTENT


def test_data_that_is_there_is_not_written_again(run: Run, workspace: Workspace, parts: Path) -> None:
    stage(run, workspace, parts, download=False)
    before = source_of(run).stat().st_ino
    stage(run, workspace, parts, download=False)
    stage(run, workspace, None, download=False)
    assert source_of(run).stat().st_ino == before


def test_a_damaged_file_is_made_anew_from_its_parts(run: Run, workspace: Workspace, parts: Path) -> None:
    stage(run, workspace, parts, download=False)
    source_of(run).write_bytes(b"cut short")
    stage(run, workspace, parts, download=False)
    assert source_of(run).read_bytes() == CONTENT


def test_other_data_than_planned_is_named_with_both_digests(
    run: Run, workspace: Workspace, tmp_path: Path
) -> None:
    other = split_into(tmp_path / "other", gzip.compress(b"other"), 1)
    with pytest.raises(StageError) as caught:
        stage(run, workspace, other, download=False)
    assert caught.value.code == ExitCode.DATA
    for named in (str(source_of(run)), DIGEST, hashlib.sha256(b"other").hexdigest()):
        assert named in caught.value.message
    assert list(source_of(run).parent.iterdir()) == []


def test_a_wrong_file_without_parts_is_named_with_both_digests(run: Run, workspace: Workspace) -> None:
    source_of(run).parent.mkdir(parents=True)
    source_of(run).write_bytes(b"other")
    with pytest.raises(
        StageError, match=f"{hashlib.sha256(b'other').hexdigest()}, expected {DIGEST}"
    ) as caught:
        stage(run, workspace, None, download=False)
    assert caught.value.code == ExitCode.DATA


@pytest.mark.parametrize("lost", ["000", "001", "002"])
def test_a_lost_part_is_an_error(run: Run, workspace: Workspace, parts: Path, lost: str) -> None:
    (parts / DIGEST / lost).unlink()
    with pytest.raises(StageError) as caught:
        stage(run, workspace, parts, download=False)
    assert caught.value.code == ExitCode.DATA
    assert not source_of(run).exists()


def test_data_that_nobody_sent_says_what_to_do(run: Run, workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for parts in (None, tmp_path / "empty"):
        with pytest.raises(StageError, match="tuneform up") as caught:
            stage(run, workspace, parts, download=False)
        assert caught.value.code == ExitCode.USAGE
        assert str(source_of(run)) in caught.value.message


def test_a_mounted_source_is_copied_once_its_digest_is_right(
    run: Run, workspace: Workspace, tmp_path: Path
) -> None:
    there = tmp_path / "bucket" / "rows.jsonl"
    there.parent.mkdir()
    there.write_bytes(CONTENT)
    stage(run, workspace, None, download=False, mounted={DIGEST: there})
    assert Path(run.data.sources[0].path).read_bytes() == CONTENT
    there.write_bytes(b"replaced")  # what is in the workspace already is what was planned
    stage(run, workspace, None, download=False, mounted={DIGEST: there})
    assert Path(run.data.sources[0].path).read_bytes() == CONTENT


def test_a_mounted_source_that_is_not_what_was_planned_is_refused(
    run: Run, workspace: Workspace, tmp_path: Path
) -> None:
    there = tmp_path / "rows.jsonl"
    with pytest.raises(StageError) as caught:
        stage(run, workspace, None, download=False, mounted={DIGEST: there})
    assert caught.value.code == ExitCode.USAGE and "no such object" in caught.value.message
    there.write_bytes(b"other")
    with pytest.raises(StageError) as caught:
        stage(run, workspace, None, download=False, mounted={DIGEST: there})
    assert caught.value.code == ExitCode.DATA and "not what was planned" in caught.value.message
    assert not Path(run.data.sources[0].path).exists()


def test_nothing_outside_the_workspace_is_written(
    run: Run, workspace: Workspace, parts: Path, tmp_path: Path
) -> None:
    outside = run.data.sources[0].model_copy(update={"path": str(tmp_path / "mine.jsonl")})
    elsewhere = run.model_copy(update={"data": run.data.model_copy(update={"sources": [outside]})})
    with pytest.raises(StageError, match="outside the workspace"):
        stage(elsewhere, workspace, parts, download=False)
    assert not (tmp_path / "mine.jsonl").exists()


def test_the_download_of_a_base_asks_for_no_data(run: Run, workspace: Workspace) -> None:
    stage(run, workspace, None, download=True)
    assert not source_of(run).exists()


@pytest.mark.parametrize(
    ("place", "way"),
    [
        ("workspace/bases/0123456789ab", "kubectl cp FOLDER NAMESPACE/POD:{folder} "),
        ("bucket/models/0123456789ab", "aws s3 sync FOLDER s3://BUCKET/models/0123456789ab/ "),
    ],
)
def test_a_base_folder_that_is_not_there_says_how_to_bring_it(
    place: str, way: str, run: Run, parts: Path, tmp_path: Path
) -> None:
    workspace = Workspace(tmp_path / "workspace")
    folder = tmp_path / place
    folder.parent.mkdir(parents=True)
    source = run.data.sources[0].model_copy(update={"path": str(workspace.root / "sources" / DIGEST)})
    data = run.data.model_copy(update={"sources": [source]})
    elsewhere = run.model_copy(update={"base": folder_base(folder), "data": data})
    stage(elsewhere, workspace, parts, download=False)
    (folder / "config.json").unlink()
    with pytest.raises(StageError) as caught:
        stage(elsewhere, workspace, parts, download=False)
    assert caught.value.code == ExitCode.BASE_MODEL
    assert f"{folder} is not there; bring it there: {way.format(folder=folder)}" in caught.value.message


def test_a_base_folder_that_may_not_be_read_is_told_as_that(
    run: Run, workspace: Workspace, parts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path.is_file

    def is_file(path: Path) -> bool:
        if path.name == "config.json":
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(Path, "is_file", is_file)
    with pytest.raises(StageError, match="may the role of this fine-tune read it") as caught:
        stage(run, workspace, parts, download=False)
    assert caught.value.code == ExitCode.BASE_MODEL


def test_weights_that_another_user_alone_may_read_are_told_with_the_way_out(
    run: Run, workspace: Workspace, parts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path.open

    def opened(path: Path, *args: Any, **settings: Any) -> Any:
        if path.name == "model.safetensors":  # tests may run as root, whom no mode keeps out
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, *args, **settings)

    monkeypatch.setattr(Path, "open", opened)
    with pytest.raises(StageError, match=r"model\.safetensors cannot be read by user \d+.*chmod") as caught:
        stage(run, workspace, parts, download=False)
    assert caught.value.code == ExitCode.BASE_MODEL


def test_a_base_folder_that_was_cut_short_is_refused(
    run: Run, workspace: Workspace, parts: Path, tmp_path: Path
) -> None:
    stage(run, workspace, parts, download=False)  # verified, so that only a change is looked at again
    (tmp_path / "base" / "model.safetensors").write_bytes(b"weig")
    with pytest.raises(StageError, match="not the folder that was planned") as caught:
        stage(run, workspace, parts, download=False)
    assert caught.value.code == ExitCode.BASE_MODEL


def test_a_base_folder_that_the_image_carries_is_verified_and_taken(
    run: Run, workspace: Workspace, parts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.prefix", str(tmp_path / "environment"))
    carried = tmp_path / "environment" / "bases" / "base"
    carried.parent.mkdir(parents=True)
    (tmp_path / "base").rename(carried)
    stage(run, workspace, parts, download=False)
    assert model_folder(run.base) == carried
    (carried / "model.safetensors").write_bytes(b"other")
    with pytest.raises(StageError, match="not the folder that was planned"):
        stage(run, workspace, parts, download=False)


@pytest.fixture
def baked_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PackageWeights:
    """A base model's package installed in the trainer's own environment, as in an image made for it."""
    site = tmp_path / "site-packages"
    (site / "tiny_base-1.2.dist-info").mkdir(parents=True)
    (site / "tiny_base-1.2.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: tiny-base\nVersion: 1.2\n"
    )
    (site / "tiny_base").mkdir()
    (site / "tiny_base" / "model.gguf").write_bytes(b"weights")
    monkeypatch.syspath_prepend(site)
    monkeypatch.setenv("TUNEFORM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TUNEFORM_UV", "/nonexistent/uv")  # nothing can be installed here
    return PackageWeights(
        kind="package",
        package="tiny-base",
        version="1.2",
        file="tiny_base/model.gguf",
        sha256=hashlib.sha256(b"weights").hexdigest(),
    )


@pytest.fixture
def converted(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that were converted; a real GGUF file would be 100 MB."""
    files: list[Path] = []

    def convert(file: Path, folder: Path) -> None:
        files.append(file)
        folder.mkdir()

    monkeypatch.setattr("tuneform_trainer.base._gguf_to_safetensors", convert)
    return files


PackageBase = Callable[..., Base]


@pytest.fixture
def package_base(baked_in: PackageWeights) -> PackageBase:
    def make(**changes: str) -> Base:
        weights = baked_in.model_copy(update=changes)
        return Base(id="tiny", hub_id=None, revision=None, weights=weights, licence=None)

    return make


def test_a_package_of_the_image_is_taken_as_it_is(
    package_base: PackageBase, converted: list[Path], tmp_path: Path
) -> None:
    model_folder(package_base())
    assert converted == [tmp_path / "site-packages" / "tiny_base" / "model.gguf"]


def test_a_package_of_the_image_is_verified(package_base: PackageBase, converted: list[Path]) -> None:
    with pytest.raises(
        StageError, match=f"has sha256 {hashlib.sha256(b'weights').hexdigest()}, expected"
    ) as caught:
        model_folder(package_base(sha256="0" * 64))
    assert caught.value.code == ExitCode.BASE_MODEL
    assert converted == []


def test_another_version_than_that_of_the_image_is_installed(
    package_base: PackageBase, converted: list[Path]
) -> None:
    with pytest.raises(StageError, match=r"cannot install tiny-base==1\.3") as caught:
        model_folder(package_base(version="1.3"))
    assert caught.value.code == ExitCode.BASE_MODEL
    assert "BASES" in "\n".join(caught.value.problems)
