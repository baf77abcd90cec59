"""Lints IAM policy documents with parliament, which has AWS's list of actions, resources and condition keys.

Standard input: a JSON list of {where, document}; standard output: a JSON list of {where, issue, severity,
detail}.
"""

import json
import sys
from collections.abc import Iterator
from typing import Any

from parliament import analyze_policy_string, enhance_finding

Statement = dict[str, Any]
MISMATCH = "RESOURCE_MISMATCH"


def lint(where: str, document: str) -> Iterator[dict[str, str]]:
    policy = json.loads(document)
    statements: list[Statement] = policy["Statement"]
    for statement in statements:
        if "Principal" in statement:
            # A trust policy is about its own role and names no resource; parliament asks every statement.
            statement.setdefault("Resource", "*")
    for finding in analyze_policy_string(json.dumps(policy)).findings:
        if finding.issue != MISMATCH:
            yield found(where, finding.issue, enhance_finding(finding).severity, finding.detail)
    for statement in statements:
        yield from lint_resources(where, statement)
        yield from lint_wildcards(where, statement)


def lint_resources(where: str, statement: Statement) -> Iterator[dict[str, str]]:
    """Actions that are not about their statement's resources.

    Of those that are written out: a wildcard also covers actions on other kinds, of which it grants none.
    """
    written = texts(statement.get("Action"))
    alone = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    for finding in analyze_policy_string(alone).findings:
        if finding.issue == MISMATCH:
            detail = [each for each in finding.detail if each["action"] in written]
            if detail:
                yield found(where, MISMATCH, enhance_finding(finding).severity, detail)


def lint_wildcards(where: str, statement: Statement) -> Iterator[dict[str, str]]:
    """Everything of a service, on everything: parliament lets it pass."""
    if statement["Effect"] != "Allow" or "*" not in texts(statement.get("Resource")):
        return
    for action in texts(statement.get("Action")):
        if action == "*" or action.endswith(":*"):
            yield found(where, "WILDCARD", "HIGH", f"{action} on *")


def found(where: str, issue: str, severity: str, detail: Any) -> dict[str, str]:
    return {"where": where, "issue": issue, "severity": severity, "detail": str(detail)}


def texts(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value or [])


if __name__ == "__main__":
    given = json.load(sys.stdin)
    json.dump([finding for each in given for finding in lint(each["where"], each["document"])], sys.stdout)
