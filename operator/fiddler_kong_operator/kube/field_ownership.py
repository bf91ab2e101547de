"""The API server's rules for field managers: server-side apply, strategic merge patch, and the managedFields that follow from them.

Lists of containers and env entries are merged by name, as in a pod template. Any other list is one value. Only `overlay`, whose writes stay
in memory, and the tests' cluster in memory need these rules: for requests, the API server applies its own.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from fiddler_kong_operator.errors import Conflict, FieldConflict
from fiddler_kong_operator.kube.objects import Manifest

__all__ = ["applied", "created_by", "merged", "strategically_merged", "updated"]

Path = tuple[str, ...]
"""A field in the notation of fieldsV1: `f:spec`, `k:{"name":"proxy"}`, or `.` for the existence of an item."""

_Owners = dict[tuple[str, str], set[Path]]
"""(manager, operation) -> the fields it owns."""

_MERGED: Final = ("containers", "env")
_METADATA: Final = ("annotations", "labels", "finalizers", "ownerReferences")


def created_by(manager: str, raw: Manifest) -> Manifest:
    """The object with every field owned by the manager that created it."""
    return _with_owners(copy.deepcopy(raw), {(manager, "Update"): set(_fields(raw))})


def applied(live: Manifest, manifest: Manifest, manager: str, *, force: bool = False) -> Manifest:
    """The object after a server-side apply. Raises Conflict."""
    present, wanted, me = _fields(live), _fields(manifest), (manager, "Apply")
    owners = _owners(live) or {("before-first-apply", "Update"): set(present)}
    others = {owner: paths for owner, paths in owners.items() if owner != me}
    disputed = {path for path, value in wanted.items() if path in present and present[path] != value}
    conflicts = tuple(FieldConflict(owner, _shown(path)) for (owner, _), paths in others.items() for path in sorted(paths & disputed))
    if conflicts and not force:
        raise Conflict(f"apply {manifest['kind']} {manifest['metadata']['name']}: conflict", conflicts)
    kept = {owner: paths - disputed for owner, paths in others.items()}
    dropped = owners.get(me, set()) - wanted.keys() - set().union(*kept.values())
    fields = {path: value for path, value in (present | wanted).items() if path not in dropped}
    return _with_owners(_with_fields(live, fields), kept | {me: set(wanted)})


def updated(live: Manifest, changed: Manifest, manager: str) -> Manifest:
    """The changed object, with the managedFields it has after this manager changed it by an update or a patch."""
    before, after, me = _fields(live), _fields(changed), (manager, "Update")
    news = {path for path, value in after.items() if path not in before or before[path] != value}
    owners = {owner: (paths & after.keys()) - news for owner, paths in _owners(live).items()}
    owners[me] = owners.get(me, set()) | news
    return _with_owners(copy.deepcopy(changed), owners)


def strategically_merged(live: Any, patch: Any) -> Any:
    """The result of a strategic merge patch: null deletes a field, `$patch: delete` an item of a merged list."""
    if not isinstance(patch, dict):
        return patch
    result = dict(live) if isinstance(live, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        elif name in _MERGED and _is_named(value):
            result[name] = _merged_items(result.get(name) or [], value)
        else:
            result[name] = strategically_merged(result.get(name), value)
    return result


def merged(live: Any, patch: Any) -> Any:
    """The result of a JSON merge patch (RFC 7386, section 2)."""
    if not isinstance(patch, dict):
        return patch
    result = dict(live) if isinstance(live, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


def _merged_items(live: list[Manifest], patch: list[Manifest]) -> list[Manifest]:
    items = {item["name"]: item for item in live}
    for item in patch:
        if item.get("$patch") == "delete":
            items.pop(item["name"], None)
        else:
            items[item["name"]] = strategically_merged(items.get(item["name"]), item)
    return list(items.values())


def _fields(raw: Manifest) -> dict[Path, Any]:
    """Every field that managers own, with its value."""
    metadata = {name: value for name, value in raw["metadata"].items() if name in _METADATA}
    content = {name: value for name, value in raw.items() if name not in {"apiVersion", "kind", "metadata", "status"}}
    return _leaves({**({"metadata": metadata} if metadata else {}), **content}) if metadata or content else {}


def _leaves(content: Any, path: Path = ()) -> dict[Path, Any]:
    if not isinstance(content, dict) or not content:
        return {path: content}
    found: dict[Path, Any] = {}
    for name, value in content.items():
        place = (*path, f"f:{name}")
        if name not in _MERGED or not _is_named(value):
            found |= _leaves(value, place)
            continue
        for item in value:
            inner = (*place, "k:" + json.dumps({"name": item["name"]}, separators=(",", ":")))
            found |= {(*inner, "."): None} | _leaves(item, inner)
    return found


def _is_named(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) and "name" in item for item in value)


def _with_fields(raw: Manifest, fields: Mapping[Path, Any]) -> Manifest:
    """The object with exactly these fields."""
    content = _content(_tree(fields.items()))
    metadata = {name: value for name, value in raw["metadata"].items() if name not in _METADATA}
    kept = {name: raw[name] for name in ("apiVersion", "kind", "status") if name in raw}
    return copy.deepcopy({**kept, **content, "metadata": {**metadata, **content.get("metadata", {})}})


def _tree(fields: Iterable[tuple[Path, Any]]) -> dict[str, Any]:
    root: dict[str, Any] = {}
    for path, value in fields:
        node = root
        for step in path[:-1]:
            node = node.setdefault(step, {})
        node[path[-1]] = value
    return root


def _content(node: Any) -> Any:
    """Plain JSON from a tree in the notation of fieldsV1."""
    if not isinstance(node, dict):
        return node
    if any(step.startswith("k:") for step in node):
        return [_content(item) for item in node.values()]
    return {step.removeprefix("f:"): _content(value) for step, value in node.items() if step != "."}


def _owners(raw: Manifest) -> _Owners:
    """The owners in managedFields, without those of subresources: `_fields` leaves out the status."""
    owners: _Owners = {}
    for entry in raw["metadata"].get("managedFields") or ():
        if not entry.get("subresource"):
            owners.setdefault((entry.get("manager", ""), entry["operation"]), set()).update(_paths(entry.get("fieldsV1") or {}))
    return owners


def _paths(fields_v1: Mapping[str, Any], path: Path = ()) -> Iterable[Path]:
    for step, inner in fields_v1.items():
        yield from _paths(inner, (*path, step)) if inner else [(*path, step)]


def _with_owners(raw: Manifest, owners: _Owners) -> Manifest:
    """The object with these managedFields; it is changed in place. A manager that owns nothing has no entry."""
    raw["metadata"]["managedFields"] = [
        {"manager": manager, "operation": operation, "fieldsV1": _tree((path, {}) for path in sorted(paths))}
        for (manager, operation), paths in owners.items()
        if paths
    ]
    return raw


def _shown(path: Path) -> str:
    """A field as the API server names it in a conflict: `.spec.containers[name="proxy"].image`."""
    return "".join(f'[name="{json.loads(step[2:])["name"]}"]' if step.startswith("k:") else f".{step[2:]}" for step in path)
