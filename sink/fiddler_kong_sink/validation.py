"""pydantic's errors as one readable line, without the input values."""

from __future__ import annotations

from pydantic import ValidationError

__all__ = ["describe"]


def describe(error: ValidationError) -> str:
    """Each field and its error. Input values are left out: one of them could be a key."""
    return "; ".join(
        f"{'.'.join(str(part) for part in item['loc']) or 'body'}: {item['msg'].removeprefix('Value error, ')}"
        for item in error.errors(include_url=False, include_input=False)
    )
