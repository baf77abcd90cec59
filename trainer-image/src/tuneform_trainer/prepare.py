"""The first stage: the data firewall. Errors stop, warnings carry numbers and row ids."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tuneform_trainer import progress
from tuneform_trainer.config import Run
from tuneform_trainer.data.checks import (
    Splits,
    check_rows,
    check_splits,
    check_texts,
    drop_exact_duplicates,
    ids,
    label_conflicts,
)
from tuneform_trainer.data.findings import Finding, finding, share_finding
from tuneform_trainer.data.formats import Row, read_source
from tuneform_trainer.data.near_duplicates import near_duplicates
from tuneform_trainer.data.split import SPLITS, split_of, take
from tuneform_trainer.data.tokens import measure
from tuneform_trainer.errors import ExitCode, StageError
from tuneform_trainer.workspace import Workspace, read_json, storage_errors, write_json

MOST_PROBLEMS = 20


def prepare(run: Run, workspace: Workspace) -> None:
    """Make datasets/<digest>/ and runs/<id>/tokens.json, or find them whole.

    Raises StageError(DATA) with every error; nothing of a refused dataset stays behind.
    """
    dataset = workspace.dataset(run.data.digest)
    tokens_file = workspace.run(run.run_id) / "tokens.json"
    report = read_json(dataset / "report.json")
    if report is not None and read_json(tokens_file) is not None:
        progress.stage("prepare", "skipped")
        return
    progress.stage("prepare", "start")
    if report is None:
        splits, findings = read_splits(run)
    else:
        splits, findings = load_splits(dataset), [Finding(**f) for f in report["findings"]]
    statistics, token_findings = _measure(run, splits)
    fatal = [f for f in [*findings, *token_findings] if f.level == "error"]
    if fatal:
        message = f"the data firewall found {len(fatal)} errors"
        raise StageError(ExitCode.DATA, message, [f.line() for f in fatal])
    if report is None:
        _write_dataset(run, dataset, splits, findings)
    write_json(
        tokens_file,
        {
            "schemaVersion": 1,
            "base": run.base.id,
            "splits": statistics,
            "findings": [f.to_json() for f in token_findings],
        },
    )
    for warning in [f for f in [*findings, *token_findings] if f.level == "warning"]:
        progress.log(warning.text(), "warning")
    sizes = ", ".join(f"{len(splits[name])} {name}" for name in SPLITS)
    progress.stage("prepare", "done", f"{sizes} rows, {statistics['train']['tokens']} tokens to train on")


def read_splits(run: Run) -> tuple[Splits, list[Finding]]:
    """Read, map and split; findings of everything that needs no tokenizer."""
    data = run.data
    by_source: list[tuple[str, list[Row]]] = []
    problems: list[str] = []
    for source in data.sources:
        rows, wrong = read_source(source, data)
        by_source.append((source.split, rows))
        problems += wrong
    everything = [row for _, rows in by_source for row in rows]
    fatal = [f for f in check_rows(everything) if f.level == "error"]
    if problems or fatal:
        shown = [*problems[:MOST_PROBLEMS], *(f.line() for f in fatal)]
        more = len(problems) - MOST_PROBLEMS
        shown += [f"and {more} more rows"] if more > 0 else []
        count = len(problems) + len(fatal)
        raise StageError(ExitCode.DATA, f"the data firewall found {count} errors", shown)
    findings = label_conflicts(everything, data.thresholds)
    unique, duplicates = drop_exact_duplicates(everything)
    unique = take(unique, data.max_rows, data.split.seed)
    splits = _split(by_source, {id(row) for row in unique}, run)
    splits, near = _without_near_leaks(splits, run)
    findings += [
        *duplicates,
        *near,
        *check_splits(splits, data),
        *check_texts(unique, data.thresholds),
    ]
    return splits, findings


def _split(by_source: list[tuple[str, list[Row]]], kept: set[int], run: Run) -> Splits:
    splits: Splits = {name: [] for name in SPLITS}
    for declared, rows in by_source:
        for row in rows:
            if id(row) in kept:
                name = split_of(run.data.split, row["group"]) if declared == "all" else declared
                splits[name].append(row)
    return splits


def _without_near_leaks(splits: Splits, run: Run) -> tuple[Splits, list[Finding]]:
    """Take rows out of train that are nearly a test or validation row; count the other pairs."""
    ordered = [*splits["test"], *splits["validation"], *splits["train"]]
    pairs = near_duplicates(ordered, _reporter("looking for near duplicates", len(ordered)))
    held_out = {id(row) for name in ("test", "validation") for row in splits[name]}
    leaks = {id(later) for later, earlier in pairs if id(later) not in held_out and id(earlier) in held_out}
    removed = [row for row in splits["train"] if id(row) in leaks]
    train = [row for row in splits["train"] if id(row) not in leaks]
    message = f"{len(removed)} training rows are nearly a held-out row and were left out"
    limit = run.data.thresholds.max_near_duplicate_share
    others = [later for later, _ in pairs if id(later) not in leaks]
    return {**splits, "train": train}, [
        *finding("near duplicates of held-out rows", "info", message, ids(removed)),
        *share_finding("near duplicates", "are nearly another row", ids(others), len(ordered), limit),
    ]


def _measure(run: Run, splits: Splits) -> tuple[dict[str, Any], list[Finding]]:
    from tuneform_trainer.base import load_tokenizer

    total = sum(len(rows) for rows in splits.values())
    return measure(
        splits,
        load_tokenizer(run.base),
        run.train.max_length,
        run.data.thresholds.max_truncated_share,
        _reporter("counting tokens", total),
    )


def _reporter(_what: str, total: int) -> Callable[[int], None]:
    """Progress now and then."""
    last, interval = time.monotonic(), progress.interval_seconds()

    def report(done: int) -> None:
        nonlocal last
        if time.monotonic() - last > interval:
            last = time.monotonic()
            progress.step("prepare", done, total)

    return report


def _write_dataset(run: Run, dataset: Path, splits: Splits, findings: list[Finding]) -> None:
    """The folder appears whole: written beside its place and renamed."""
    scratch = dataset.with_name(f".{dataset.name}.part")
    with storage_errors(dataset):
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        for name, rows in splits.items():
            lines = [json.dumps(_public(row), ensure_ascii=False) for row in rows]
            (scratch / f"{name}.jsonl").write_text("".join(f"{line}\n" for line in lines))
        report = {
            "schemaVersion": 1,
            "digest": run.data.digest,
            "rows": {name: len(rows) for name, rows in splits.items()},
            "findings": [f.to_json() for f in findings],
        }
        sizes = "".join(f"{name}: {len(rows)} rows\n" for name, rows in splits.items())
        (scratch / "report.txt").write_text(sizes + "".join(f"{f.line()}\n" for f in findings))
        write_json(scratch / "report.json", report)
        shutil.rmtree(dataset, ignore_errors=True)  # a folder without its marker is not whole
        scratch.rename(dataset)


def _public(row: Row) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != "where"}


def load_splits(dataset: Path) -> Splits:
    """The rows of a prepared dataset."""
    return {
        name: [
            json.loads(line)
            for line in (dataset / f"{name}.jsonl").read_text(encoding="utf-8").split("\n")
            if line
        ]
        for name in SPLITS
    }
