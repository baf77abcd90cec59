"""Every metric in one table. Adding one is an entry in METRICS and a value of `Metric` in config.py."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
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
    return float(normalised(row.generated) == normalised(row.reference))


def rouge_l(row: Scored, _schema: dict[str, Any] | None) -> float:
    """F-measure of the longest common subsequence; rouge-score's tokenizer (letters and digits of
    Latin script, lower case) with Porter stemming."""
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(["rougeL"], use_stemmer=True)
    return float(scorer.score(row.reference, row.generated)["rougeL"].fmeasure)


def parsed(text: str) -> Any | None:
    """JSON of an answer; a fenced block around it is allowed."""
    inner = re.sub(r"^```(?:json)?\s*|\s*```$", "", text.strip())
    try:
        return json.loads(inner)
    except json.JSONDecodeError:
        return None


def json_valid(row: Scored, _schema: dict[str, Any] | None) -> float:
    return float(parsed(row.generated) is not None)


def schema_valid(row: Scored, schema: dict[str, Any] | None) -> float:
    from jsonschema import Draft202012Validator

    value = parsed(row.generated)
    return float(value is not None and Draft202012Validator(schema or {}).is_valid(value))


def field_accuracy(row: Scored, _schema: dict[str, Any] | None) -> float:
    """Share of the reference's top-level fields that the answer has with an equal value."""
    wanted, got = parsed(row.reference), parsed(row.generated)
    if not isinstance(wanted, dict) or not wanted:
        return float(wanted is not None and wanted == got)
    if not isinstance(got, dict):
        return 0.0
    return float(np.mean([got.get(key) == value for key, value in wanted.items()]))


def macro_f1(rows: list[Scored], weights: Floats) -> Floats:
    """Mean F1 of the labels that occur as reference, each label counting the same."""
    references = np.array([row.reference for row in rows])
    predictions = np.array([row.prediction for row in rows])
    scores = []
    for label in sorted(set(references)):
        hit = weights @ ((references == label) & (predictions == label)).astype(float)
        said = weights @ (predictions == label).astype(float)
        was = weights @ (references == label).astype(float)
        scores.append(2 * hit / np.maximum(said + was, 1e-12))
    return np.asarray(np.mean(scores, axis=0))


METRICS: dict[str, MetricKind] = {
    "accuracy": MetricKind(("classification",), row=accuracy),
    "macro-f1": MetricKind(("classification",), corpus=macro_f1),
    "exact-match": MetricKind(("extraction", "generation"), row=exact_match),
    "rouge-l": MetricKind(("generation",), row=rouge_l),
    "json-valid": MetricKind(("extraction",), row=json_valid),
    "schema-valid": MetricKind(("extraction",), row=schema_valid),
    "field-accuracy": MetricKind(("extraction",), row=field_accuracy),
}


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
