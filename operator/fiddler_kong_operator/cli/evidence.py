"""Gathers the content of a support bundle: each file as text, and a sentence for everything that could not be read."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeVar

import orjson

from fiddler_kong_operator import __version__, names
from fiddler_kong_operator.errors import Expired, Gone, Refused, Transient
from fiddler_kong_operator.kube.client import Client
from fiddler_kong_operator.kube.errors import Call
from fiddler_kong_operator.kube.objects import EVENT, LEASE, POD, Kind, Manifest, ObjectKey
from fiddler_kong_operator.kube.redaction import redact, redact_secret, values_of
from fiddler_kong_operator.observe.kinds.bindings import reduce_binding
from fiddler_kong_operator.observe.kinds.children import is_managed
from fiddler_kong_operator.plan.gateway.workload_kinds import WORKLOADS
from fiddler_kong_operator.plan.kinds import BINDING, DEPLOYMENT, KINDS, OWNED, SECRET
from fiddler_kong_operator.plan.references import references_of
from fiddler_kong_operator.reconcile.installations import WITHOUT_LEASE
from fiddler_kong_operator.settings import Settings

from .extracts import extract
from .offline import REDACTED
from .render import print_yaml

__all__ = ["Evidence"]

T = TypeVar("T")

_DEFINITION: Final = Kind("CustomResourceDefinition", "apiextensions.k8s.io", "v1", "customresourcedefinitions", namespaced=False)
_VERSION: Final = Kind("Version", "", "v1", "version", namespaced=False)

_LOG_LINES: Final = 2000
_LOG_BYTES: Final = 16 << 20
"""Bytes of a log, or of the metrics, that are read: tracebacks make lines long."""
_OPERATOR: Final = f"app.kubernetes.io/name={names.APPLICATION}"
_MEASURED: Final = ("fiddler_kong_operator_", "process_", "python_info", "# ")
_VERSION_FIELDS: Final = ("gitVersion", "platform")
_BETWEEN: Final = "\0"
_METRICS_PORT: Final = Settings.model_fields["metrics_port"].default


@dataclass
class Evidence:
    """The objects that were found, the texts beside them, and the logs."""

    client: Client
    objects: dict[ObjectKey, Manifest] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    logs: dict[str, str] = field(default_factory=dict, repr=False)
    missing: list[str] = field(default_factory=list)
    """A sentence for each thing that could not be read."""
    secrets: list[bytes] = field(default_factory=list, repr=False)
    """The values of every Secret in the namespaces of the bundle, as far as they could be read."""
    blind: bool = False
    """The Secrets of a namespace could not be listed: a key in a text of others would not be recognised."""

    async def gather(self, scopes: Sequence[str]) -> None:
        """Everything about the bindings of these namespaces, () for all, and about the operator.

        Raises Transient where the API server does not even tell its version: every other read would wait as long.
        """
        await self._cluster()
        bindings = [raw for scope in scopes or (None,) for raw in await self._all(BINDING, scope)]
        for raw in bindings:
            await self._around(raw)
        pods = await self._operator(bindings)
        spaces = sorted({key.namespace for key in self.objects if key.namespace})
        await self._values(spaces)
        await self._children(sorted({raw["metadata"]["namespace"] for raw in bindings}))
        await self._events(spaces)
        await self._definitions()
        for pod in pods:
            await self._voice(pod)

    def files(self) -> Iterator[tuple[str, str]]:
        """Name and content of each file, by the allow-lists and without any value of a Secret."""
        said: dict[str, str] = {}
        for raw in self.objects.values():
            extract(raw, lambda text: said.setdefault(text, text))
        clean = self._cleaned([*said, *self.logs.values()])
        for kind in sorted({key.kind for key in self.objects}):
            found = [extract(raw, clean.__getitem__) for key, raw in sorted(self.objects.items()) if key.kind == kind]
            yield f"objects/{kind}.yaml", self._without_values(print_yaml(found))
        for name, text in (*((name, clean[text]) for name, text in self.logs.items()), *self.texts.items()):
            yield name, self._without_values(text)

    def _without_values(self, text: str) -> str:
        """The whole text of a file: its ends do not cut off a message, and with it a key."""
        return redact(f"\n{text}\n", self.secrets)[1:-1]

    def _cleaned(self, texts: Sequence[str]) -> dict[str, str]:
        """Texts of others without keys, and without words that look like one. If a key may be unknown, the whole texts are redacted.

        All texts are searched at once: each search for a value costs far more than a longer text does.
        """
        parts = redact(_BETWEEN.join(texts), self.secrets).split(_BETWEEN)
        if self.blind or len(parts) != len(texts):
            return dict.fromkeys(texts, REDACTED)
        known = {word for key in self.objects for word in (key.name, key.namespace, f"{key.namespace}/{key.name}")}
        return {text: redact_secret(part, {}, *known) for text, part in zip(texts, parts, strict=True)}

    async def _around(self, raw: Manifest) -> None:
        """Gather the objects that a binding refers to, and the pods of its gateway."""
        for key in sorted(references_of(reduce_binding(BINDING.key(raw), raw))):
            found = await self._one(KINDS[key.kind], key.namespace, key.name)
            labels = ((found or {}).get("spec") or {}).get("selector", {}).get("matchLabels") if key.kind in WORKLOADS else None
            if labels:
                await self._all(_labelled(POD, ",".join(f"{name}={value}" for name, value in labels.items())), key.namespace)

    async def _operator(self, bindings: Iterable[Manifest]) -> list[Manifest]:
        """Gather the operator's Deployment, Lease and pods, where bindings say it is, else wherever a Deployment is; return the pods."""
        marks = {mark for raw in bindings if (mark := (raw.get("status") or {}).get("installation"))}
        homes = marks - {WITHOUT_LEASE}
        if not marks or WITHOUT_LEASE in marks:
            homes |= {raw["metadata"]["namespace"] for raw in await self._all(_labelled(DEPLOYMENT, _OPERATOR), None)}
        pods: list[Manifest] = []
        for home in sorted(homes or {names.APPLICATION}):
            await self._all(_labelled(DEPLOYMENT, _OPERATOR), home)
            pods += await self._all(_labelled(POD, _OPERATOR), home)
            await self._one(LEASE, home, names.APPLICATION)
        return pods

    async def _values(self, namespaces: Iterable[str]) -> None:
        """Gather the values that no file may hold."""
        for namespace in namespaces:
            listed = await self._try(f"Secrets of {namespace}, so texts are left out", _pages(self.client, SECRET, namespace))
            self.blind |= listed is None
            self.secrets += [value for raw in listed or () for value in values_of(raw)]

    async def _children(self, namespaces: Iterable[str]) -> None:
        for namespace in namespaces:
            for kind in OWNED:
                await self._all(_labelled(kind, f"{names.MANAGED_BY_LABEL}={names.APPLICATION}"), namespace, is_managed)

    async def _events(self, namespaces: Iterable[str]) -> None:
        """Gather the Events about objects of the bundle."""
        known = set(self.objects)
        for namespace in namespaces:
            await self._all(EVENT, namespace, lambda raw: _subject(raw) in known)

    async def _cluster(self) -> None:
        try:
            answer = await self.client.read(Call("get", _VERSION), "/version")
        except (Refused, Gone) as error:
            self.missing.append(f"the cluster's version: {error}")
            answer = b""
        cluster = {name: value for name, value in _parsed(answer).items() if name in _VERSION_FIELDS}
        self.texts["versions.yaml"] = print_yaml([{"fiddler-kong": __version__, "cluster": cluster}])

    async def _definitions(self) -> None:
        for kind in (kind for kind in KINDS.values() if "." in kind.group and not kind.group.endswith(".k8s.io")):
            await self._one(_DEFINITION, "", f"{kind.plural}.{kind.group}")

    async def _voice(self, pod: Manifest) -> None:
        """Gather the logs and the metrics of a pod of the operator."""
        namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
        log, page = POD.path(namespace, name, "log"), f"{POD.path(namespace, f'{name}:{_METRICS_PORT}', 'proxy')}/metrics"
        for title, previous in (("log", {}), ("previous log", {"previous": "true"})):
            lines = await self._lines(pod, f"{title} of", log, {"tailLines": _LOG_LINES, "timestamps": "true", **previous})
            if lines:
                self.logs[f"logs/{namespace}/{name}.{title.replace(' ', '-')}"] = "".join(lines)
        measured = await self._lines(pod, "metrics of", page)
        if measured:
            self.texts[f"metrics/{namespace}/{name}.txt"] = "".join(line for line in measured if line.startswith(_MEASURED))

    async def _lines(self, pod: Manifest, what: str, path: str, query: Mapping[str, Any] | None = None) -> list[str]:
        key = POD.key(pod)
        answer = await self._try(f"{what} {key}", self.client.read(Call("get", POD, key.namespace, key.name), path, query, _LOG_BYTES))
        if len(answer or b"") == _LOG_BYTES:
            self.missing.append(f"{what} {key}: the end, after {_LOG_BYTES >> 20} MiB")
        return (answer or b"").decode(errors="replace").splitlines(keepends=True)

    async def _one(self, kind: Kind, namespace: str, name: str) -> Manifest | None:
        found = await self._try(str(ObjectKey(kind.name, namespace, name)), self.client.get(kind, namespace, name))
        return self._keep(kind, found) if found else None

    async def _all(self, kind: Kind, namespace: str | None, fits: Callable[[Manifest], bool] = bool) -> list[Manifest]:
        listed = await self._try(f"{kind.name}s{f' in {namespace}' if namespace else ''}", _pages(self.client, kind, namespace))
        return [self._keep(kind, raw) for raw in listed or () if fits(raw)]

    def _keep(self, kind: Kind, raw: Manifest) -> Manifest:
        """Store an object with its kind, which items of a list do not name."""
        whole = {**raw, "apiVersion": kind.api_version, "kind": kind.name}
        self.objects[kind.key(whole)] = whole
        return whole

    async def _try(self, what: str, read: Awaitable[T]) -> T | None:
        try:
            return await read
        except Gone:
            self.missing.append(f"{what}: not there")
        except (Refused, Transient, Expired) as error:
            self.missing.append(f"{what}: {error}")
        return None


async def _pages(client: Client, kind: Kind, namespace: str | None) -> list[Manifest]:
    return [raw async for page in client.list_pages(kind, namespace) for raw in page.items]


def _labelled(kind: Kind, selector: str) -> Kind:
    return replace(kind, label_selector=selector)


def _subject(event: Manifest) -> ObjectKey:
    about = event.get("involvedObject") or {}
    return ObjectKey(about.get("kind", ""), about.get("namespace", ""), about.get("name", ""))


def _parsed(answer: bytes | None) -> Mapping[str, Any]:
    try:
        content = orjson.loads(answer or b"{}")
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}
