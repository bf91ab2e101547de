"""Overrides that are allowed, and their results in Kong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

__all__ = ["overridden", "overrides"]

Spec = dict[str, Any]
Draw = Callable[[SearchStrategy[Any]], Any]

_PLAIN: Final = st.text(st.characters(codec="utf-8", categories=["L", "N"]), min_size=1, max_size=12)
_ADDED: Final[dict[str, dict[str, SearchStrategy[Any]]]] = {
    "opentelemetry": {
        "/queue/max_entries": st.integers(1, 1000),
        "/queue": st.fixed_dictionaries({"max_batch_size": st.integers(1, 1000)}, optional={"max_coalescing_delay": st.integers(0, 9)}),
        "/sampling_rate": st.floats(0, 1) | st.sampled_from([0.0, 1.0]),
        "/connect_timeout": st.integers(1, 60000),
        "/propagation/extract": st.just([]) | st.just(["w3c"]),
        "/propagation/default_format": st.sampled_from(["b3", "w3c"]),
        "/resource_attributes/team": _PLAIN,
        "/resource_attributes/a~1b": _PLAIN,
    },
    "ai-proxy": {
        "/response_streaming": st.sampled_from(["allow", "deny"]),
        "/max_request_body_size": st.integers(1, 2**31),
        "/model_name_header": st.booleans(),
        "/auth/allow_override": st.just(False),  # noqa: FBT003 - Kong refuses the other value for bedrock and gemini
    },
}
"""Fields of Kong's plugins that no typed field of a binding sets, with values that Kong accepts."""

_ADDED["ai-proxy-advanced"] = {path: values for path, values in _ADDED["ai-proxy"].items() if not path.startswith("/auth")}

_REMOVED: Final = {"opentelemetry": "/propagation", "ai-proxy": "/response_streaming", "ai-proxy-advanced": "/response_streaming"}
"""Fields that an override can remove: the first is generated, the second exists after an override has added it."""


@st.composite
def overrides(draw: Draw, spec: Spec) -> list[Spec]:
    """Some overrides of plugins that the spec needs."""
    models: dict[str, list[str]] = {"opentelemetry": []}
    for route in spec["routes"]:
        if "llm" in route:
            models.setdefault("ai-proxy-advanced" if "targets" in route["llm"] else "ai-proxy", []).append(route["name"])
    chosen = draw(st.lists(st.sampled_from(list(models)), max_size=2, unique=True))
    return [draw(_override(plugin, models[plugin])) for plugin in chosen]


@st.composite
def _override(draw: Draw, plugin: str, models: list[str]) -> Spec:
    paths = draw(st.lists(st.sampled_from(sorted(_ADDED[plugin])), min_size=1, max_size=3, unique=True))
    patch: list[Spec] = []
    for path in sorted(paths):  # a record comes before a field in it, which replacing the record would drop
        operation = {"path": path, "value": draw(_ADDED[plugin][path])}
        patch += [{"op": op, **operation} for op in ("add", *(["replace"] if draw(st.booleans()) else []))]
    if draw(st.booleans()) and (plugin == "opentelemetry" or "/response_streaming" in paths):
        patch.append({"op": "remove", "path": _REMOVED[plugin]})
    route = draw(st.sampled_from([None, *models]))
    return {"plugin": plugin, "patch": patch, **({"route": route} if route else {})}


def overridden(spec: Spec, plugin: str, route: str | None = None) -> dict[tuple[str, ...], Any]:
    """The result of a plugin's overrides, values by path; None for a field that must have Kong's default again."""
    values: dict[tuple[str, ...], Any] = {}
    for override in spec.get("overrides", ()):
        if override["plugin"] != plugin or override.get("route") not in (None, route):
            continue
        for operation in override["patch"]:
            path = tuple(part.replace("~1", "/").replace("~0", "~") for part in operation["path"].split("/")[1:])
            values = {known: value for known, value in values.items() if known[: len(path)] != path}
            values[path] = operation.get("value") if operation["op"] != "remove" else None
    return values
