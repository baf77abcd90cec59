"""Every metric in one table. Adding one is an entry in METRICS and a value of `Metric` in config.py."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Scored:
    """One test row as a model answered it."""

    id: str
    reference: str
    prediction: str  # classification: the likeliest label; else what was generated
    generated: str
    nll: float  # of the reference completion, nats a token


@dataclass(frozen=True)
class MetricKind:
    """`row` scores one answer 0..1; a metric without it is computed over weighted rows by `corpus`."""

    tasks: tuple[str, ...]
    row: Callable[[Scored, dict[str, Any] | None], float] | None = None
    corpus: Callable[[list[Scored], Floats], Floats] | None = None

    def over(self, rows: list[Scored], weights: Floats, schema: dict[str, Any] | None) -> Floats:
        """The metric for every row of `weights` (samples x rows), which sum to the same count."""
        if self.row is not None:
            scores = np.array([self.row(row, schema) for row in rows])
            return np.asarray(weights @ scores / weights.sum(axis=1))
        assert self.corpus is not None
        return self.corpus(rows, weights)


def normalised(text: str) -> str:
    """NFKC, case folded, white space collapsed, quotes and end punctuation dropped."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return re.sub(r"\s+", " ", folded).strip().strip("\"'`.,;:!? ")


def accuracy(row: Scored, _schema: dict[str, Any] | None) -> float:
    return float(row.prediction == row.reference)


def exact_match(row: Scored, _schema: dict[str, Any] | None) -> float:
    """Equal after normalisation; a JSON object or list counts by its value, not by its spacing."""
    wanted = parsed(row.reference)
    if isinstance(wanted, dict | list):
        return float(same_value(wanted, parsed(row.generated)))
    return float(normalised(row.generated) == normalised(row.reference))


class Words:
    """The tokenizer of ROUGE-L: case-folded runs of letters and digits of any script, one token for
    each Chinese, Japanese or Korean character; Porter stemming of ASCII words over three letters.

    rouge-score's own drops every letter outside a-z, which scores a perfect Greek answer 0; on
    ASCII text the two agree (a test compares them).
    """

    PATTERN = re.compile(
        r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W_\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+"
    )

    def __init__(self) -> None:
        from nltk.stem.porter import PorterStemmer

        self.stem = PorterStemmer().stem

    def tokenize(self, text: str) -> list[str]:
        words = self.PATTERN.findall(unicodedata.normalize("NFKC", text).casefold())
        return [self.stem(word) if word.isascii() and len(word) > 3 else word for word in words]


@cache
def _rouge_scorer() -> Any:
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer(["rougeL"], tokenizer=Words())


def rouge_l(row: Scored, _schema: dict[str, Any] | None) -> float:
    """F-measure of the longest common subsequence of `Words`."""
    return float(_rouge_scorer().score(row.reference, row.generated)["rougeL"].fmeasure)


NO_JSON = object()


def parsed(text: str) -> Any:
    """JSON of an answer, or NO_JSON; a fenced block around it is allowed, NaN and Infinity are not."""

    def refuse(constant: str) -> None:
        raise ValueError(constant)

    inner = re.sub(r"^```(?:json)?\s*|\s*```$", "", text.strip())
    try:
        return json.loads(inner, parse_constant=refuse)
    except (ValueError, RecursionError):
        return NO_JSON


def same_value(wanted: Any, got: Any) -> bool:
    """Equal as JSON: 1 and 1.0 are, 1 and true are not, as they would be in Python."""
    if isinstance(wanted, bool) or isinstance(got, bool):
        return wanted is got
    if isinstance(wanted, dict) and isinstance(got, dict):
        return wanted.keys() == got.keys() and all(same_value(wanted[k], got[k]) for k in wanted)
    if isinstance(wanted, list) and isinstance(got, list):
        return len(wanted) == len(got) and all(map(same_value, wanted, got))
    return bool(wanted == got)


def json_valid(row: Scored, _schema: dict[str, Any] | None) -> float:
    return float(parsed(row.generated) is not NO_JSON)


def schema_valid(row: Scored, schema: dict[str, Any] | None) -> float:
    from jsonschema import Draft202012Validator

    value = parsed(row.generated)
    return float(value is not NO_JSON and Draft202012Validator(schema or {}).is_valid(value))


def field_accuracy(row: Scored, _schema: dict[str, Any] | None) -> float:
    """Share of the reference's top-level fields that the answer has with an equal value."""
    wanted, got = parsed(row.reference), parsed(row.generated)
    if not isinstance(wanted, dict) or not wanted:
        return float(wanted is not NO_JSON and same_value(wanted, got))
    if not isinstance(got, dict):
        return 0.0
    return float(np.mean([key in got and same_value(value, got[key]) for key, value in wanted.items()]))


def macro_f1(rows: list[Scored], weights: Floats) -> Floats:
    """Mean F1 of the labels that occur as reference, each label counting the same.

    A resample that drew no row of a rare label has no F1 of it: the mean is over those it drew.
    """
    references = np.array([row.reference for row in rows])
    predictions = np.array([row.prediction for row in rows])
    total, labels = np.zeros(len(weights)), np.zeros(len(weights))
    for label in sorted(set(references)):
        hit = weights @ ((references == label) & (predictions == label)).astype(float)
        said = weights @ (predictions == label).astype(float)
        was = weights @ (references == label).astype(float)
        total += np.where(was > 0, 2 * hit / np.maximum(said + was, 1), 0)
        labels += was > 0
    return total / labels


METRICS: dict[str, MetricKind] = {
    "accuracy": MetricKind(("classification",), row=accuracy),
    "macro-f1": MetricKind(("classification",), corpus=macro_f1),
    "exact-match": MetricKind(("extraction", "generation"), row=exact_match),
    "rouge-l": MetricKind(("generation",), row=rouge_l),
    "json-valid": MetricKind(("extraction",), row=json_valid),
    "schema-valid": MetricKind(("extraction",), row=schema_valid),
    "field-accuracy": MetricKind(("extraction",), row=field_accuracy),
}


def row_score(metric: MetricKind, row: Scored, schema: dict[str, Any] | None) -> float:
    """One row's score, 0..1; for a metric of the whole corpus whether the prediction is right."""
    return metric.row(row, schema) if metric.row else float(row.prediction == row.reference)


def all_scores(task: str, rows: list[Scored], schema: dict[str, Any] | None) -> dict[str, float]:
    """Every metric of a task over all rows."""
    weights = np.ones((1, len(rows)))
    return {
        name: float(kind.over(rows, weights, schema)[0])
        for name, kind in METRICS.items()
        if task in kind.tasks
    }


def classification_details(rows: list[Scored], labels: list[str]) -> dict[str, Any]:
    """Per class, confusion matrix, majority baseline and invalid free answers."""
    from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

    references = [row.reference for row in rows]
    predictions = [row.prediction for row in rows]
    precision, recall, f1, support = precision_recall_fscore_support(
        references, predictions, labels=labels, zero_division=0
    )
    valid = {normalised(label) for label in labels}
    return {
        "perClass": {
            label: {
                "precision": float(precision[i]),
                "recall": float(recall[i]),
                "f1": float(f1[i]),
                "rows": int(support[i]),
            }
            for i, label in enumerate(labels)
        },
        "confusion": confusion_matrix(references, predictions, labels=labels).tolist(),
        "majority": max(references.count(label) for label in labels) / len(rows),
        "invalidShare": sum(normalised(r.generated) not in valid for r in rows) / len(rows),
        "generatedAccuracy": sum(normalised(r.generated) == normalised(r.reference) for r in rows)
        / len(rows),
    }
