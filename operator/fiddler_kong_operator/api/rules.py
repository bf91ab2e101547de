"""Rules that the API server checks by CEL and Python by a function, with one message for both.

A rule is written once. In the annotation of a field it is about that value: the CRD has it at the field, and both refusals name the field.
In `ApiModel.RULES` it is about an object; `field` then says which of its fields to name. No rule is a `pattern` of the CRD, since the API
server answers such a fault with the regular expression. `tests/crd` feeds both forms the same cases.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

__all__ = ["BROKEN", "Rule", "at_least", "form", "unlike"]

BROKEN: Final = "broken_rule"
"""pydantic's error type for a broken rule about an object; its context names the `field`."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: `cel` for the API server, `holds` for Python, one `message` in "must" wording that reads well after the field's path."""

    cel: str
    message: str
    holds: Callable[[Any], bool]
    field: str = ""
    """For a rule about an object: the field to name, such as `llm` or `options.upstreamUrl`."""
    missing: bool = False
    """The rule is broken where `field` is missing."""

    @property
    def validation(self) -> dict[str, str]:
        """The rule as an entry of `x-kubernetes-validations`."""
        place = {"fieldPath": f".{self.field}"} if self.field else {}
        return {"rule": self.cel, "message": self.message, **place, **({"reason": "FieldValueRequired"} if self.missing else {})}

    def check(self, value: Any) -> Any:
        """The value; PydanticCustomError where it breaks the rule."""
        if not self.holds(value):
            raise PydanticCustomError(BROKEN, "{message}", {"message": self.message, "field": self.field})
        return value

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Check the rule after the type and bounds of the value."""
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Put the rule at the value's own schema."""
        found = handler(schema)
        return {**found, "x-kubernetes-validations": [*found.get("x-kubernetes-validations", ()), self.validation]}


def at_least(bound: float) -> Rule:
    """The rule that a number is not below a bound: the API server compares an integer only with the whole part of `minimum`."""
    return Rule(f"self >= {bound:f}", f"must be greater than or equal to {bound:f}".rstrip("0"), lambda number: number >= bound)


def form(pattern: str, message: str) -> Rule:
    """The rule that a text as a whole matches a pattern, which both RE2 and Python must understand and read alike."""
    compiled = re.compile(pattern)
    return Rule(f"self.matches(r'^(?:{pattern})$')", message, lambda text: compiled.fullmatch(text) is not None)


def unlike(pattern: str, message: str) -> Rule:
    """The rule that a text as a whole does not match a pattern: see `form`."""
    compiled = re.compile(pattern)
    return Rule(f"!self.matches(r'^(?:{pattern})$')", message, lambda text: compiled.fullmatch(text) is None)
