"""Text patterns of the data firewall: personal data, secrets, refusals, broken encodings."""

from __future__ import annotations

import re
from collections.abc import Callable

Pattern = re.Pattern[str]
Kinds = dict[str, tuple[Pattern, Callable[[str], bool]]]


def _luhn(number: str) -> bool:
    """The check digit of card numbers (ISO/IEC 7812): keeps order numbers out."""
    digits = [int(c) for c in reversed(re.sub(r"\D", "", number))]
    doubled = [d if i % 2 == 0 else sum(divmod(2 * d, 10)) for i, d in enumerate(digits)]
    return sum(doubled) % 10 == 0


def _iban(number: str) -> bool:
    """ISO 7064 mod 97-10."""
    compact = re.sub(r"\s", "", number)
    rotated = compact[4:] + compact[:4]
    return int("".join(str(int(c, 36)) for c in rotated)) % 97 == 1


def _always(_found: str) -> bool:
    return True


PERSONAL_DATA: Kinds = {
    "email address": (re.compile(r"\b[\w.+-]+@[\w-]+\.[\w.-]*[a-z]{2,}\b", re.I), _always),
    "phone number": (
        re.compile(r"(?<![\w.])\+\d{1,3}[ .-]?(?:\(?\d{1,4}\)?[ .-]?){2,5}\d{2,4}\b"),
        _always,
    ),
    "IBAN": (re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?\b"), _iban),
    "card number": (re.compile(r"\b(?:\d[ -]?){12,18}\d\b"), _luhn),
    "IPv4 address": (
        re.compile(r"\b(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)\b"),
        _always,
    ),
    "US social security number": (
        re.compile(r"\b(?!000|666|9)\d{3}-(?!00)\d\d-(?!0000)\d{4}\b"),
        _always,
    ),
}

SECRETS: Kinds = {
    "AWS access key": (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"), _always),
    "private key": (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"), _always),
    "JSON web token": (re.compile(r"\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}"), _always),
    "API key or password": (
        re.compile(r"(?i)\b(?:api[_-]?key|secret|token|password)\s*[:=]\s*['\"]?[\w/+.-]{12,}"),
        _always,
    ),
}

REFUSAL = re.compile(
    r"(?i)\b(?:as an ai\b|as a language model|i(?:'m| am) (?:sorry, but i|unable to)|i can(?:'|no)t assist)"
)
HTML = re.compile(r"(?i)<(?:/?(?:div|span|br|p|a|table|td|tr|font|html|body)\b)[^>]*>")
MOJIBAKE = re.compile("\ufffd|Ã[\u0080-\u00bf]|â€")
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def kinds_in(text: str, patterns: Kinds) -> list[str]:
    """Names of the kinds that occur in a text."""
    return [
        kind
        for kind, (pattern, holds) in patterns.items()
        if any(holds(match.group()) for match in pattern.finditer(text))
    ]
