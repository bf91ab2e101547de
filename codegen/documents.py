"""Generates docs/reference from the sources of truth: API types, conditions, permissions, settings."""

from __future__ import annotations

from collections.abc import Iterator
from inspect import getsource
from typing import Any, Final

from codegen.diagnoses import build_diagnoses
from codegen.licences import build_licences
from codegen.options import OPTIONS, Option
from codegen.providers import build_providers
from codegen.text import HEADER, table
from fiddler_kong_operator import names
from fiddler_kong_operator.api import STORED, BindingSpec
from fiddler_kong_operator.api.conditions import REASONS, ConditionType, Reason
from fiddler_kong_operator.api.crd import NAME_RULES, build_schema
from fiddler_kong_operator.api.status import BindingStatus
from fiddler_kong_operator.observe.rbac import GRANTS, Scope
from fiddler_kong_operator.plan.gateway.version import DEFECTS, KEY_ELSEWHERE, MINIMUM, SESSIONS_VERIFIED, Defect

__all__ = ["build_documents"]

Schema = dict[str, Any]

BOUNDS: Final = {"minimum": "at least", "maximum": "at most", "maxLength": "at most … characters", "maxItems": "at most … entries"}

SCOPES: Final = {
    Scope.WATCHED: "In every namespace the operator watches",
    Scope.CLUSTER: "Cluster-scoped resources, if the whole cluster is watched or with readClusterKinds",
    Scope.OWN: "In the operator's own namespace",
}


def build_documents() -> dict[str, str]:
    """Content of each generated file, by path."""
    pages = {
        "api": _api(),
        "conditions": _conditions(),
        "diagnoses": build_diagnoses(),
        "kong-versions": _kong_versions(),
        "licences": build_licences(),
        "permissions": _permissions(),
        "providers": build_providers(),
        "settings": _settings(),
    }
    return {f"docs/reference/{name}.md": f"<!-- {HEADER} -->\n\n{text}" for name, text in pages.items()}


def _api() -> str:
    spec, status = build_schema(BindingSpec), build_schema(BindingStatus)
    header = ("Field", "Type", "Meaning")
    rules = "".join(f"- `{path}` {message}\n" for path, message in (*((r.field, r.message) for r in NAME_RULES), *_rules(spec, "spec")))
    return (
        f"# {names.KIND} ({STORED.api_version})\n\n"
        "In a cluster, `kubectl explain fiddlerkongbinding.spec --recursive` shows the same. Fields marked * are required.\n\n"
        f"## spec\n\n{table(header, _fields(spec, 'spec'))}\n"
        "## Rules\n\nThe API server refuses a binding that breaks one of these rules, or that has two routes with the same name.\n\n"
        f"{rules}\n"
        f"## status\n\n{table(header, _fields(status, 'status'))}"
    )


def _rules(schema: Schema, path: str) -> Iterator[tuple[str, str]]:
    """The field that a rule names, and its message."""
    yield from ((path + rule.get("fieldPath", ""), rule["message"]) for rule in schema.get("x-kubernetes-validations", ()))
    for name, child in schema.get("properties", {}).items():
        yield from _rules(child, f"{path}.{name}")
    if "items" in schema:
        yield from _rules(schema["items"], f"{path}[]")


def _fields(schema: Schema, path: str) -> Iterator[tuple[str, str, str]]:
    for name, child in schema.get("properties", {}).items():
        inner = f"{path}.{name}" + ("[]" if child.get("type") == "array" else "")
        star = "\\*" if name in schema.get("required", ()) else ""
        yield f"`{inner}`{star}", _type(child), child.get("description", "")
        yield from _fields(child.get("items", child), inner)


def _type(schema: Schema) -> str:
    parts = [" ".join(f"`{value}`" for value in schema["enum"])] if "enum" in schema else [schema.get("type", "any value")]
    parts += [_bound(phrase, schema[key]) for key, phrase in BOUNDS.items() if key in schema]
    return ", ".join(parts)


def _bound(phrase: str, value: float) -> str:
    number = f"{value:.12g}"
    return phrase.replace("…", number) if "…" in phrase else f"{phrase} {number}"


def _conditions() -> str:
    sections = "".join(_section(kind) for kind in dict.fromkeys(entry.type for entry in REASONS.values()))
    return (
        "# Conditions and reasons\n\n"
        "Every binding has these conditions from the first status on. Each reason belongs to one condition and has one status.\n"
        "`Ready` has the reason of the first condition that is `False`, or if none is, of the first that is `Unknown`. The message in\n"
        "the status says more than the sentence here: it names the object and the field.\n\n"
        "If a reason is marked *stalled*, a person must act, and the binding also has the kstatus condition `Stalled`. For any other\n"
        "reason that is not `True`, the operator works or waits, and the binding has the condition `Reconciling`. `Suspended` and\n"
        "`GatewayVersionUnknown` set neither. Both conditions are absent while they are not true.\n\n"
        f"{sections}"
    )


def _section(kind: ConditionType) -> str:
    rows = (_reason_row(entry) for entry in REASONS.values() if entry.type is kind)
    return f"## {kind}\n\n{_meaning(kind)}\n\n{table(('Reason', 'Status', 'Meaning', 'Remedy'), rows)}\n"


def _meaning(kind: ConditionType) -> str:
    """The docstring below an enum member, read from the source since the interpreter does not keep it."""
    lines = iter(getsource(ConditionType).splitlines())
    next(line for line in lines if line.strip().startswith(f"{kind.name} ="))
    return next(lines).strip().strip('"')


def _reason_row(entry: Reason) -> tuple[str, str, str, str]:
    return f"`{entry.name}`", entry.status + (" (stalled)" if entry.stalls else ""), entry.summary, entry.remedy


def _kong_versions() -> str:
    header = ("Kong", "Defect", "Affects", "Fixed in")
    verified = ", ".join(".".join(map(str, minor)) for minor in sorted(SESSIONS_VERIFIED))
    return (
        "# Known defects by Kong version\n\n"
        f"GenAI spans need the image `kong/kong-gateway` in version {MINIMUM} or later. The operator reads the version from the image's\n"
        "tag, or from `gateway.kongVersion`. The message of `GatewayConfigured` names the defects of this version that affect the\n"
        "binding, or an `ai-proxy` of yours on an object in `attachTo`. If a defect does harm while everything works (wrong data in\n"
        "Fiddler, a key in a log), the reason is `GatewayVersionAdvised`. Session grouping was verified on\n"
        f"{verified}. For minor versions that are not in this table, no defects are known.\n\n"
        f"{table(header, map(_defect, DEFECTS))}"
    )


def _defect(defect: Defect) -> tuple[str, ...]:
    first = defect.minor.parts == defect.fixed.minor
    effect = f"{defect.effect[0].upper()}{defect.effect[1:]}."
    return (
        f"{defect.minor}" + (f" before {defect.fixed}" if first else ""),
        effect,
        _concern(defect.only),
        str(defect.fixed),
    )


def _concern(topic: str | None) -> str:
    if topic is None:
        return "all"
    return topic if topic == KEY_ELSEWHERE else f"`{topic}`"


def _permissions() -> str:
    header = ("Group", "Resources", "Verbs", "Why")
    sections = "".join(f"## {title}\n\n{table(header, _grants(scope))}\n" for scope, title in SCOPES.items())
    return f"# Permissions of the operator\n\nThe operator has no other permissions, and uses each of these.\n\n{sections}"


def _grants(scope: Scope) -> Iterator[tuple[str, ...]]:
    for grant in GRANTS:
        if grant.scope is scope:
            yield grant.group or "(core)", ", ".join(grant.resources), ", ".join(grant.verbs), grant.why


def _settings() -> str:
    header = ("Flag of `fiddler-kong run`", "Environment variable", "Value of the chart", "Default", "Meaning")
    return f"# Settings of the operator\n\n{table(header, (_setting(option) for option in OPTIONS))}"


def _setting(option: Option) -> tuple[str, ...]:
    value = f"`{option.value}`" if option.value else "(fixed)"
    default = "" if option.default in (None, []) else f"`{str(option.default).lower()}`"
    return f"`--{option.flag}`", f"`{option.variable}`", value, default, option.description
