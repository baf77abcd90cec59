"""The checks of the data firewall that need only the rows."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

from tuneform_trainer.config import Data, Thresholds
from tuneform_trainer.data import patterns
from tuneform_trainer.data.findings import Finding, finding, share_finding
from tuneform_trainer.data.formats import Row, prompt_key

Splits = dict[str, list[Row]]


def ids(rows: Iterable[Row]) -> list[str]:
    return [row["id"] for row in rows]


def all_text(row: Row) -> str:
    return "\n".join(m["content"] for m in [*row["prompt"], *row["completion"]])


def check_rows(rows: list[Row]) -> list[Finding]:
    """Errors of single rows: nothing to read, nothing to learn, unreadable characters, double ids."""
    counts = Counter(row["id"] for row in rows)
    empty_prompt = [r for r in rows if not prompt_key(r["prompt"])]
    empty_completion = [r for r in rows if not r["completion"][-1]["content"].strip()]
    control = [r for r in rows if patterns.CONTROL.search(all_text(r))]
    return [
        *finding("empty prompt", "error", "nothing is asked", ids(empty_prompt)),
        *finding("empty completion", "error", "nothing is to be learnt", ids(empty_completion)),
        *finding("control characters", "error", "text holds control characters", ids(control)),
        *finding(
            "duplicate ids",
            "error",
            "ids name rows in reports and must be unique",
            [name for name, count in counts.items() if count > 1],
        ),
    ]


def drop_exact_duplicates(rows: list[Row]) -> tuple[list[Row], list[Finding]]:
    """The first of rows with equal prompt and completion."""
    seen: set[tuple[str, str]] = set()
    kept: list[Row] = []
    dropped: list[Row] = []
    for row in rows:
        key = (prompt_key(row["prompt"]), row["completion"][-1]["content"])
        (dropped if key in seen else kept).append(row)
        seen.add(key)
    message = f"{len(dropped)} rows repeat another word for word and were left out"
    return kept, finding("exact duplicates", "info", message, ids(dropped))


def label_conflicts(rows: list[Row], thresholds: Thresholds) -> list[Finding]:
    """Rows whose prompt has different answers in different rows."""
    answers: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        answers[prompt_key(row["prompt"])].add(row["completion"][-1]["content"])
    wrong = [row for row in rows if "label" in row and len(answers[prompt_key(row["prompt"])]) > 1]
    limit = thresholds.max_label_conflict_share
    return share_finding(
        "label conflicts", "ask the same and answer differently", ids(wrong), len(rows), limit
    )


def check_splits(splits: Splits, data: Data) -> list[Finding]:
    """Errors and warnings that only the whole shows: sizes, labels, leaks."""
    limits = data.thresholds
    findings: list[Finding] = []
    for name, least in (("train", limits.min_train_rows), ("test", limits.min_test_rows)):
        rows = splits[name]
        if len(rows) < least:
            message = f"{name} has {len(rows)} rows, fewer than {least}: add rows or change data.split"
            findings.append(Finding(f"{name} rows", "error", message, len(rows)))
    in_train = {prompt_key(row["prompt"]) for row in splits["train"]}
    leaked = [row for row in splits["test"] if prompt_key(row["prompt"]) in in_train]
    findings += finding("test row in train", "error", "test prompts stand in train too", ids(leaked))
    if data.labels is not None:
        findings += _label_findings(splits["train"], data)
    return findings


def _label_findings(train: list[Row], data: Data) -> list[Finding]:
    counts = Counter(row.get("label", "") for row in train)
    if len(counts) == 1:
        message = f"all training rows have the label {next(iter(counts))!r}"
        return [Finding("one label", "error", message, len(train))]
    absent = [label for label in data.labels or [] if counts[label] == 0]
    findings = finding("absent labels", "warning", f"no training row has {', '.join(absent)}", absent)
    ratio = max(counts.values()) / max(1, min(counts.values())) if counts else 1.0
    if ratio > data.thresholds.max_label_imbalance:
        message = f"the most frequent label is {ratio:.1f} times as frequent as the least: {dict(counts)}"
        findings.append(Finding("label imbalance", "warning", message, len(train)))
    return findings


def check_texts(rows: list[Row], thresholds: Thresholds) -> list[Finding]:
    """Findings in the words themselves; never quotes what it found."""
    refusals = [r for r in rows if patterns.REFUSAL.search(r["completion"][-1]["content"])]
    echoes = [r for r in rows if prompt_key(r["prompt"]) == prompt_key(r["completion"])]
    html = [r for r in rows if patterns.HTML.search(all_text(r))]
    broken = [r for r in rows if patterns.MOJIBAKE.search(all_text(r))]
    total = len(rows)
    limit = thresholds.max_refusal_share
    return [
        *share_finding("refusals", "answer with a refusal", ids(refusals), total, limit),
        *finding("echo", "warning", "the answer repeats the question", ids(echoes)),
        *share_finding("HTML", "hold HTML tags", ids(html), total, 0.05),
        *share_finding("broken encoding", "hold wrongly decoded characters", ids(broken), total, 0.01),
        *_kinds("personal data", rows, patterns.PERSONAL_DATA, thresholds.personal_data),
        *_kinds("secrets", rows, patterns.SECRETS, thresholds.secrets),
    ]


def _kinds(check: str, rows: list[Row], kinds: patterns.Kinds, level: str) -> list[Finding]:
    if level == "ignore":
        return []
    found: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        for kind in patterns.kinds_in(all_text(row), kinds):
            found[kind].append(row["id"])
    return [
        entry
        for kind, concerned in sorted(found.items())
        for entry in finding(
            f"{check}: {kind}",
            "error" if level == "error" else "warning",
            f"{len(concerned)} rows hold what looks like an {kind}"
            if kind[0] in "aeiouAEIOU"
            else f"{len(concerned)} rows hold what looks like a {kind}",
            concerned,
        )
    ]
