"""The keys a binding refers to: usable values, or their errors. No message ever holds a value."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from fiddler_kong_operator.api import BindingSpec, SecretKeyRef
from fiddler_kong_operator.api.conditions import Finding, reason

from .keys import PluginKey
from .plugins import required_keys

__all__ = ["ResolvedKeys", "resolve_keys"]

_PLACEHOLDER: Final = re.compile(r"\$\{|\$\(|\{\{|\{vault://|^<.*>$")
"""`${KEY}`, `$(KEY)`, `{{ .Values.key }}`, `<your-key>`, and Kong's vault references: these would read the *gateway's* secrets."""

_USABLE: Final = re.compile(r"[!#-~][!-~]*")
"""Printable ASCII without spaces, as a header allows after `Bearer ` (RFC 6750). A leading quote means a value pasted with its quotes, or a
Secret that this operator derived: used as a key, it would be quoted again in each pass and grow without end."""

_FAULTS: Final[Mapping[str, str]] = {
    "SecretValueEmpty": "is empty. Put the bare key in.",
    "SecretValuePlaceholder": "is still a placeholder. Replace it with the real key.",
    "SecretValuePrefixed": "begins with a prefix such as `Bearer `, which the operator adds itself. Store the bare key.",
    "SecretValueUnusable": "holds characters no key has. Store the bare key as printable ASCII without blanks, on one line.",
}


@dataclass(frozen=True, slots=True)
class ResolvedKeys:
    """The bare keys of one binding, checked and stripped. They never show in its repr."""

    fiddler: str = field(repr=False)
    """Fiddler's API key."""
    by_ref: Mapping[SecretKeyRef, str] = field(repr=False)
    """Every key by the reference to it."""


def resolve_keys(spec: BindingSpec, secrets: Mapping[str, Mapping[str, bytes] | None]) -> ResolvedKeys | Finding:
    """The keys a spec refers to, or one Finding for SecretsResolved that names every problem; the first decides its reason.

    `secrets` holds the Secrets of the binding's namespace by name; None, or no entry, where one does not exist.
    """
    outcomes = {ref: _resolve(uses, secrets) for ref, uses in _uses(spec).items()}
    problems = [outcome for outcome in outcomes.values() if isinstance(outcome, Finding)]
    if problems:
        return Finding.of_problems(problems[0].reason, [problem.message for problem in problems])
    values = {ref: outcome for ref, outcome in outcomes.items() if isinstance(outcome, str)}
    return ResolvedKeys(values[spec.fiddler.api_key_secret_ref], values)


def _uses(spec: BindingSpec) -> dict[SecretKeyRef, list[PluginKey]]:
    uses: dict[SecretKeyRef, list[PluginKey]] = {}
    for key in required_keys(spec):
        uses.setdefault(key.ref, []).append(key)
    return uses


def _resolve(uses: Sequence[PluginKey], secrets: Mapping[str, Mapping[str, bytes] | None]) -> str | Finding:
    ref, fields = uses[0].ref, ", ".join(use.field for use in uses)
    secret = secrets.get(ref.name)
    if secret is None:
        text = f"{fields}: the Secret `{ref.name}` does not exist in this namespace. Create it with the key `{ref.key}`."
        return Finding(reason("SecretNotFound"), text)
    if ref.key not in secret:
        text = f"{fields}: the Secret `{ref.name}` has no key `{ref.key}`. Add it, or correct the reference."
        return Finding(reason("SecretKeyNotFound"), text)
    value = _decode(secret[ref.key])
    fault = _fault(value, [use.prefix for use in uses])
    return Finding(reason(fault), f"{fields}: the value of `{ref.key}` in the Secret `{ref.name}` {_FAULTS[fault]}") if fault else value


def _decode(value: bytes) -> str:
    """Text without the newline that most tools leave at the end; characters beyond ASCII become U+FFFD, which every check refuses."""
    return value.decode("ascii", errors="replace").strip(" \t\r\n")


def _fault(value: str, prefixes: Sequence[str]) -> str | None:
    if not value:
        return "SecretValueEmpty"
    if _PLACEHOLDER.search(value):
        return "SecretValuePlaceholder"
    prefixed = f"{value} ".lower()
    if any(prefixed.startswith(prefix.lower()) for prefix in ("bearer ", *prefixes) if prefix):
        return "SecretValuePrefixed"
    return None if _USABLE.fullmatch(value) else "SecretValueUnusable"
