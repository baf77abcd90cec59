"""Validates inputs of Pulumi's AWS resources against botocore's models of the calls that make them.

Standard input: a JSON list of {type, name, inputs}; standard output: a JSON list of findings, each a text.
botocore's own validator looks at neither enums nor patterns, and wants the API's spelling: hence this walk.
"""

import json
import re
import sys
from collections.abc import Iterator
from functools import cache
from typing import Any

from botocore.model import ServiceModel, Shape
from botocore.session import Session

from api_call import Call
from api_calls import RESOURCES

# What the models' patterns say in Java's words, and Python's re in others.
JAVA = {
    r"\p{L}": "A-Za-z\u00c0-\u1fff\u2c00-\ud7ff",
    r"\p{M}": "\u0300-\u036f",
    r"\p{Z}": r"\s",
    r"\p{S}": "$+<=>^`|~",
    r"\p{N}": "0-9",
    r"\p{P}": r"!-#%-*,-/:;?@\[-\]_{}",
    r"\p{Graph}": "!-~",
    r"\p{Print}": " -~",
    r"\p{ASCII}": "\x00-\x7f",
    # Java has characters beyond the first 65,536 as pairs.
    # A switch in the middle.
    "|(?i).*<script>.*</script>.*)": "|(?i:.*<script>.*</script>.*))",
    r"\uD800\uDC00-\uDBFF\uDFFF": "\U00010000-\U0010ffff",
}


@cache
def service_model(service: str) -> ServiceModel:
    return ServiceModel(
        Session().get_component("data_loader").load_service_model(service, "service-2"), service
    )


def check(resource: dict[str, Any]) -> Iterator[str]:
    """Findings about one resource."""
    kind, name, inputs = resource["type"], resource["name"], resource["inputs"]
    calls = RESOURCES.get(kind)
    if calls is None:
        yield f"{kind} {name}: no row of api_calls.py says which call makes it"
        return
    inputs = {key: value for key, value in inputs.items() if value is not None and not key.startswith("__")}
    for index, call in enumerate(calls):
        # The first call makes the resource; each further one takes only the inputs that it names.
        others = {field for other in calls[index + 1 :] for field in other.fields}
        taken = {
            key: value
            for key, value in inputs.items()
            if (key in call.fields if index else key not in others)
        }
        if index and not taken:
            continue
        shape = service_model(call.service).operation_model(call.operation).input_shape
        for finding in walk(call.request(taken, name), shape, call, ""):
            yield f"{kind} {name}: {call.operation}{finding}"


def walk(value: Any, shape: Shape, call: Call, path: str) -> Iterator[str]:
    """Findings about a value where the API takes a shape."""
    if shape.type_name == "structure":
        yield from walk_structure(value, shape, call, path)
    elif shape.type_name == "list":
        if not isinstance(value, list):
            yield f"{path}: not a list: {value!r}"
            return
        yield from bounds(len(value), shape, f"{path}: number of items")
        for index, item in enumerate(value):
            yield from walk(item, shape.member, call, f"{path}[{index}]")
    elif shape.type_name == "map":
        if not isinstance(value, dict):
            yield f"{path}: not a map: {value!r}"
            return
        yield from bounds(len(value), shape, f"{path}: number of entries")
        for key, item in value.items():
            yield from walk(key, shape.key, call, f"{path}.{key} (key)")
            yield from walk(item, shape.value, call, f"{path}.{key}")
    else:
        yield from check_scalar(value, shape, call, path)


def walk_structure(value: Any, shape: Shape, call: Call, path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path}: not an object: {value!r}"
        return
    # Pulumi's spelling and the API's differ in capitals.
    members = {member.lower(): member for member in shape.members}
    present = set()
    for key, item in value.items():
        member = members.get(key.lower())
        if member is None:
            yield f"{path}.{key}: the call has no such member"
        elif item is not None:
            present.add(member)
            yield from walk(item, shape.members[member], call, f"{path}.{member}")
    for member in shape.required_members:
        if member not in present:
            yield f"{path}.{member}: is missing"


def check_scalar(value: Any, shape: Shape, call: Call, path: str) -> Iterator[str]:
    kind = shape.type_name
    if kind == "string":
        if not isinstance(value, str):
            yield f"{path}: not a text: {value!r}"
            return
        allowed = shape.enum or call.values.get(path.rsplit(".", 1)[-1], [])
        if allowed and value not in allowed:
            yield f"{path}: {value!r} is none of {', '.join(map(str, allowed))}"
        yield from bounds(len(value), shape, f"{path}: length")
        yield from check_pattern(value, shape, path)
    elif kind == "boolean":
        # The provider takes some as text, and sends what they say.
        if not isinstance(value, bool) and value not in ("true", "false"):
            yield f"{path}: neither true nor false: {value!r}"
    elif kind in ("integer", "long", "float", "double"):
        number = number_of(value, whole=kind in ("integer", "long"))
        if number is None:
            yield f"{path}: not a number of kind {kind}: {value!r}"
            return
        allowed = call.values.get(path.rsplit(".", 1)[-1], [])
        if allowed and number not in allowed:
            yield f"{path}: {value!r} is none of {', '.join(map(str, allowed))}"
        yield from bounds(number, shape, path)
    elif kind == "blob":
        if not isinstance(value, str):
            yield f"{path}: not a text: {value!r}"
    else:
        yield f"{path}: the walk does not know type {kind}"


def number_of(value: Any, whole: bool) -> int | float | None:
    """Of a number, or of a text that is one: the provider takes both."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return None if whole and not number.is_integer() else number


def bounds(number: float, shape: Shape, what: str) -> Iterator[str]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and number < least:
        yield f"{what} is {number:g}, at least {least}"
    if most is not None and number > most:
        yield f"{what} is {number:g}, at most {most}"


def check_pattern(value: str, shape: Shape, path: str) -> Iterator[str]:
    pattern = shape.metadata.get("pattern")
    if pattern is None:
        return
    for java, python in JAVA.items():
        pattern = pattern.replace(java, python)
    try:
        matches = re.fullmatch(pattern, value) is not None
    except re.error as error:
        # Rather a finding than a pattern that is silently not looked at.
        yield f"{path}: pattern {pattern!r} cannot be read: {error}"
        return
    if not matches:
        yield f"{path}: {value!r} does not match {pattern}"


if __name__ == "__main__":
    findings = [finding for resource in json.load(sys.stdin) for finding in check(resource)]
    json.dump(findings, sys.stdout)
