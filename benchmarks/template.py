"""The seven writes of one binding, recorded from the operator's objects for one binding; `raw` sends them for every other.

The operator determines every field of its objects but status; of the metadata only labels, annotations and owner. So these fields, read
back, are the bodies it sent.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Self

from fiddler_kong_operator.plan.kinds import KINDS

from .manifests import Manifest

__all__ = ["Request", "Template", "encoded_key", "record"]

_MANAGER: Final = "fieldManager=fiddler-kong-operator"
_NAME: Final = "@name@"
_UID: Final = "@uid@"
_ORDER: Final = ("Secret", "KongPlugin", "Service", "Ingress")
_KEPT: Final = ("name", "namespace", "labels", "annotations", "ownerReferences")


@dataclass(frozen=True, slots=True)
class Request:
    """One write: method, path with its query, content type, and the body as JSON text."""

    method: str
    target: str
    content_type: str
    body: str


@dataclass(frozen=True, slots=True)
class Template:
    """The writes of one binding in the order the operator sends them, with placeholders for name and uid."""

    requests: tuple[Request, ...]

    def fill(self, name: str, uid: str) -> tuple[Request, ...]:
        """The writes of one binding."""
        return tuple(
            Request(r.method, r.target.replace(_NAME, name), r.content_type, r.body.replace(_NAME, name).replace(_UID, uid))
            for r in self.requests
        )

    @property
    def secret_data(self) -> dict[str, str]:
        """The data of the derived Secret, the same for every binding."""
        data: dict[str, str] = json.loads(self.requests[0].body)["data"]
        return data

    def to_json(self) -> str:
        """JSON that `from_json` reads."""
        return json.dumps([asdict(request) for request in self.requests])

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read the output of `to_json`."""
        return cls(tuple(Request(**item) for item in json.loads(text)))


def record(binding: Manifest, objects: Iterable[Manifest]) -> Template:
    """The template from one binding that is Ready and the objects it owns, as read from the API server."""
    ordered = sorted(objects, key=lambda item: (_ORDER.index(item["kind"]), item["metadata"]["name"]))
    name, uid = binding["metadata"]["name"], binding["metadata"]["uid"]
    requests = (*(_creation(item) for item in ordered), _status(binding))
    return Template(tuple(_hollow(request, name, uid) for request in requests))


def encoded_key(key: str) -> str:
    """The provider's key as a derived Secret contains it: a JSON string for Kong, with OpenAI's prefix."""
    return base64.b64encode(json.dumps(f"Bearer {key}").encode()).decode()


def _creation(live: Mapping[str, Any]) -> Request:
    kind = KINDS[live["kind"]]
    metadata = {name: live["metadata"][name] for name in _KEPT if name in live["metadata"]}
    body = {**{name: value for name, value in live.items() if name != "status"}, "apiVersion": kind.api_version, "metadata": metadata}
    return Request("POST", f"{kind.path(metadata['namespace'])}?{_MANAGER}", "application/json", json.dumps(body))


def _status(binding: Manifest) -> Request:
    kind = KINDS[binding["kind"]]
    metadata = {name: binding["metadata"][name] for name in ("name", "namespace", "uid")}
    body = {"apiVersion": kind.api_version, "kind": kind.name, "metadata": metadata, "status": binding["status"]}
    target = f"{kind.path(metadata['namespace'], metadata['name'], 'status')}?{_MANAGER}&force=true"
    return Request("PATCH", target, "application/apply-patch+yaml", json.dumps(body))


def _hollow(request: Request, name: str, uid: str) -> Request:
    body = request.body.replace(uid, _UID).replace(name, _NAME)
    return Request(request.method, request.target.replace(name, _NAME), request.content_type, body)
