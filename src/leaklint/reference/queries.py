"""What is asked about a row: named templates with the row's fields as holes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from string import Template
from typing import Annotated, TypeAlias

import msgspec

from leaklint.reference.errors import ConfigError, QueryError

Row: TypeAlias = Mapping[str, object]


class QuerySpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One question: `$field` in the template stands for the row's field, `$$` for a dollar sign."""

    name: Annotated[str, msgspec.Meta(pattern="^[A-Za-z][A-Za-z0-9_]*$")]
    """The answer's field in the output row."""
    template: Annotated[str, msgspec.Meta(min_length=1)]
    system: str | None = None
    """The system message, or None for none."""
    options: dict[str, object] = {}
    """Further fields of the request as the service spells them, such as ``{"temperature": 0}``."""

    def render(self, row: Row) -> str:
        """Put `row` into the template; QueryError if the row lacks a field of the template."""
        try:
            return Template(self.template).substitute(row)
        except KeyError as error:
            raise QueryError(f"the row has no field {error}") from None


class QueryWork(msgspec.Struct, frozen=True):
    """One question about one row."""

    row: Row
    spec: QuerySpec


def check_queries(specs: tuple[QuerySpec, ...]) -> None:
    """Raise ConfigError if two queries share a name or a template cannot be rendered."""
    seen: set[str] = set()
    for spec in specs:
        if spec.name in seen:
            raise ConfigError(f"queries: two are named {spec.name!r}")
        seen.add(spec.name)
        try:
            Template(spec.template).substitute(defaultdict(str))
        except ValueError as error:
            raise ConfigError(f"queries: template of {spec.name!r}: {error}") from None
