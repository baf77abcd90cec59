"""A call of AWS's API, as a resource's inputs fill it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

AUTO = "0a1b2c3"  # what Pulumi adds to a name that it makes itself


@dataclass(frozen=True)
class Call:
    """A call of the API, filled from a resource's inputs."""

    service: str
    operation: str
    # Inputs that a call which is not the resource's first one takes.
    fields: tuple[str, ...] = ()
    rename: dict[str, str] = field(default_factory=dict)
    # Inputs that only the provider reads, with the reason.
    dropped: dict[str, str] = field(default_factory=dict)
    # Where inputs without a rename lie.
    under: str = ""
    # Target of a map of tags, and its form.
    tags: tuple[str, Callable[[dict[str, str]], Any]] | None = None
    # Target of the name, the input that has it, the input that begins it; without both it is made.
    name: tuple[str, str, str] | None = None
    # Of parts whose form differs, not only their names.
    form: dict[str, Callable[[Any], Any]] = field(default_factory=dict)
    # What the provider or an earlier call fills in.
    given: dict[str, Any] = field(default_factory=dict)
    # Allowed values by member, where only the API's text has them.
    values: dict[str, list[Any]] = field(default_factory=dict)

    def request(self, inputs: dict[str, Any], resource: str) -> dict[str, Any]:
        """What the call sends."""
        request: dict[str, Any] = {}
        for path, value in self.given.items():
            place(request, path, value)
        rest = dict(inputs)
        if self.name is not None:
            target, whole, begin = self.name
            begun = rest.pop(begin, None)
            default = f"{resource}-{AUTO}" if begun is None else f"{begun}{AUTO}"
            place(request, target, rest.pop(whole, default))
        if self.tags is not None and "tags" in rest:
            target, form = self.tags
            place(request, target, form(rest.pop("tags")))
        for key, value in rest.items():
            if key in self.dropped:
                continue
            made = self.form[key](value) if key in self.form else value
            place(request, self.rename.get(key, f"{self.under}{key}"), made)
        return request


def place(target: dict[str, Any], path: str, value: Any) -> None:
    """Set the value at a path of an object."""
    *parents, last = path.split(".")
    for part in parents:
        target = inside(target, part)
    if last.endswith("[]"):
        target[last[:-2]] = [value]
    else:
        target[last] = value


def inside(target: dict[str, Any], part: str) -> dict[str, Any]:
    """The object at one part of a path, made where it is missing; `[]` is the first of a list."""
    of_list = part.endswith("[]")
    found: dict[str, Any] = target.setdefault(part[:-2], [{}])[0] if of_list else target.setdefault(part, {})
    return found
