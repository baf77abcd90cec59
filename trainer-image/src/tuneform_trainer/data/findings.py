"""What the data firewall finds: errors stop, warnings carry numbers and row ids."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

MOST_ROWS = 10


@dataclass(frozen=True)
class Finding:
    """One check that has something to say. Never holds the personal data or secret that it found."""

    check: str
    level: Literal["error", "warning", "info"]
    message: str
    count: int
    rows: list[str] = field(default_factory=list)  # ids, the first ten

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def text(self) -> str:
        examples = f" ({', '.join(self.rows)}{' …' if self.count > len(self.rows) else ''})"
        return f"{self.check}: {self.message}{examples if self.rows else ''}"

    def line(self) -> str:
        return f"{self.level}: {self.text()}"


def finding(
    check: str, level: Literal["error", "warning", "info"], message: str, rows: list[str]
) -> list[Finding]:
    """A finding about these rows, or none where there are no rows."""
    if not rows:
        return []
    return [Finding(check, level, message, len(rows), rows[:MOST_ROWS])]


def share_finding(check: str, message: str, rows: list[str], of: int, limit: float) -> list[Finding]:
    """A warning when more than `limit` of the rows are concerned, else a note."""
    if not rows:
        return []
    share = len(rows) / max(1, of)
    level: Literal["warning", "info"] = "warning" if share > limit else "info"
    detail = f"{len(rows)} of {of} rows ({share:.1%}; limit {limit:.1%}) {message}"
    return [Finding(check, level, detail, len(rows), rows[:MOST_ROWS])]
