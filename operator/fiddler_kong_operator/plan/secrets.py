"""The keys a binding refers to: usable values, or their errors. No message ever holds a value."""

from __future__ import annotations

import base64
import json
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

_LONGEST: Final = 8000
"""Characters. A web server reads a header into 8 KiB, name and prefix included, and answers 400 to a larger one."""

_SHORTEST_ENCODED: Final = 16
"""Characters. A shorter key may be the base64 encoding of a printable text by chance."""

_FAULTS: Final[Mapping[str, str]] = {
    "SecretValueEmpty": "is empty. Store the bare key in it.",
    "SecretValuePlaceholder": "is still a placeholder. Replace it with the real key.",
    "SecretValuePrefixed": "begins with a prefix such as `Bearer `, which the operator adds itself. Store the bare key.",
    "SecretValueTooLong": f"has more than {_LONGEST} characters, which no server takes in a header. Store the bare key.",
    "SecretValueUnusable": "holds characters that no key has. Store the bare key as printable ASCII without spaces, on one line.",
}

_NO_ACCOUNT: Final = (
    "is not the JSON key of a Google service account, which has the fields client_email and private_key. Store the file as it is."
)

_LONGEST_ACCOUNT: Final = 64 * 1024
"""Characters. A service account's key has about 2,400."""

_ENCODED: Final = (
    "looks like the base64 encoding of a key. If the key is refused (401), store the bare key: `stringData` and "
    "`kubectl create secret` encode it themselves, and `data` takes it encoded once."
)


@dataclass(frozen=True, slots=True)
class ResolvedKeys:
    """The bare keys of one binding, checked and stripped. They never show in its repr."""

    fiddler: str = field(repr=False)
    """Fiddler's API key."""
    by_ref: Mapping[SecretKeyRef, str] = field(repr=False)
    """Every key by the reference to it."""
    advice: tuple[str, ...] = ()
    """A sentence for each key that is usable, but perhaps not the bare key."""


def resolve_keys(spec: BindingSpec, secrets: Mapping[str, Mapping[str, bytes] | None]) -> ResolvedKeys | Finding:
    """The keys a spec refers to, or one Finding for SecretsResolved that names every problem; the first decides its reason.

    `secrets` holds the Secrets of the binding's namespace by name; None, or no entry, where one does not exist.
    """
    uses = _uses(spec)
    outcomes = {ref: _resolve(same, secrets) for ref, same in uses.items()}
    problems = [outcome for outcome in outcomes.values() if isinstance(outcome, Finding)]
    if problems:
        return Finding.of_problems(problems[0].reason, [problem.message for problem in problems])
    values = {ref: outcome for ref, outcome in outcomes.items() if isinstance(outcome, str)}
    advice = tuple(f"{_value(uses[ref])} {_ENCODED}" for ref, value in values.items() if _looks_encoded(value))
    return ResolvedKeys(values[spec.fiddler.api_key_secret_ref], values, advice)


def _looks_encoded(value: str) -> bool:
    """Whether a key is the base64 encoding of a text that could be a key: `kubectl` and `data:` encode it once more."""
    try:
        decoded = _decode(base64.b64decode(value, validate=True))
    except ValueError:
        return False
    return len(value) >= _SHORTEST_ENCODED and _USABLE.fullmatch(decoded) is not None


def _value(uses: Sequence[PluginKey]) -> str:
    fields = ", ".join(use.field for use in uses)
    return f"{fields}: the value of `{uses[0].ref.key}` in the Secret `{uses[0].ref.name}`"


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
    if any(use.form == "service account" for use in uses):
        return value if _is_account(value) else Finding(reason("SecretValueUnusable"), f"{_value(uses)} {_NO_ACCOUNT}")
    fault = _fault(value, [use.prefix for use in uses])
    return Finding(reason(fault), f"{_value(uses)} {_FAULTS[fault]}") if fault else value


def _is_account(value: str) -> bool:
    try:
        account = json.loads(value) if len(value) <= _LONGEST_ACCOUNT else None
    except ValueError:
        return False
    return isinstance(account, dict) and all(isinstance(account.get(name), str) for name in ("client_email", "private_key"))


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
    if not _USABLE.fullmatch(value):
        return "SecretValueUnusable"
    return "SecretValueTooLong" if len(value) > _LONGEST else None
