"""Computes what the operator would do with the bindings of a file, without a cluster. Pure.

Two things keep keys out of the output: real keys are only checked (`resolve_keys`) and never passed on, and the objects are built with
`REDACTED` instead.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from fiddler_kong_operator import names
from fiddler_kong_operator.api import BindingSpec, SecretKeyRef
from fiddler_kong_operator.api.conditions import Finding
from fiddler_kong_operator.kube.objects import Manifest, ObjectKey
from fiddler_kong_operator.observe.kinds.plugins import PluginFacts, facts_of, reduce_plugin
from fiddler_kong_operator.observe.surroundings import OtherPlugins
from fiddler_kong_operator.plan.acceptance.checks import Acceptance, evaluate_acceptance
from fiddler_kong_operator.plan.acceptance.endpoint import STRICT, EndpointPolicy
from fiddler_kong_operator.plan.gateway.condition import evaluate_gateway
from fiddler_kong_operator.plan.gateway.env import needed_settings
from fiddler_kong_operator.plan.kinds import HTTP_ROUTE, KINDS, KONG_CLUSTER_PLUGIN, KONG_PLUGIN, SECRET
from fiddler_kong_operator.plan.objects.attachable_kinds import ATTACHABLES, read_attachable
from fiddler_kong_operator.plan.objects.build import build
from fiddler_kong_operator.plan.objects.declarative import build_declarative, placeholders
from fiddler_kong_operator.plan.objects.desired import Attachment
from fiddler_kong_operator.plan.plugins import required_keys
from fiddler_kong_operator.plan.references import attach_targets, entry_of, exposed_routes, place_of
from fiddler_kong_operator.plan.secrets import ResolvedKeys, resolve_keys
from fiddler_kong_operator.plan.snapshot import Attachable, Binding, Snapshot
from fiddler_kong_operator.plan.status.verified import missing_names
from fiddler_kong_operator.plan.workload import Container, Rollout, Workload

from .documents import Document
from .files import understood

__all__ = ["REDACTED", "Outcome", "Surroundings", "gather_offline", "render_declarative", "render_objects"]

REDACTED: Final = "<redacted>"
_STAND_INS: Final = {"token": b"not-in-the-file", "service account": b'{"client_email": "", "private_key": ""}'}
"""Usable values by the form of a key."""

_PLUGINS: Final = frozenset({KONG_PLUGIN.name, KONG_CLUSTER_PLUGIN.name})


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome for one binding: the objects to print, the findings that refuse it (then nothing is printed), and notes."""

    binding: Binding
    printed: tuple[Manifest, ...] = ()
    refused: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The other objects of the file that a decision depends on."""

    bindings: tuple[Binding, ...]
    secrets: Mapping[tuple[str, str], Mapping[str, bytes]] = field(default_factory=dict, repr=False)
    targets: Mapping[ObjectKey, Attachable] = field(default_factory=dict)
    plugins: Mapping[ObjectKey, PluginFacts] = field(default_factory=dict)
    endpoints: EndpointPolicy = STRICT

    def listed(self, lists: Iterable[Attachable]) -> OtherPlugins:
        """The listed plugins that the file has."""
        return OtherPlugins.on(lists, lambda target, name: facts_of(lambda key, _: self.plugins.get(key), target, name))

    @classmethod
    def gather(
        cls, bindings: Iterable[Binding], documents: Iterable[Document], namespace: str, endpoints: EndpointPolicy = STRICT
    ) -> Surroundings:
        """Those in documents that are not bindings; `namespace` is for a document that names none. click.UsageError as `understood`."""
        objects = {_key(document, namespace): document.manifest for document in documents}
        return cls(
            tuple(bindings),
            {(key.namespace, key.name): _secret_data(m) for key, m in objects.items() if key.kind == SECRET.name},
            {key: understood(key, m, read_attachable) for key, m in objects.items() if key.kind in ATTACHABLES},
            {key: understood(key, m, reduce_plugin) for key, m in objects.items() if key.kind in _PLUGINS},
            endpoints,
        )


def render_objects(binding: Binding, around: Surroundings) -> Outcome:
    """The Kubernetes objects the operator would apply, keys redacted, in the order of creation."""
    spec = _spec(binding)
    snapshot = _snapshot(binding, around)
    acceptance, keys = evaluate_acceptance(snapshot), resolve_keys(spec, _secrets(binding, spec, around))
    hints = keys.advice if isinstance(keys, ResolvedKeys) else ()
    notes = (*_unchecked_secrets(binding, spec, around), *_assumptions(binding, around), *_advice(acceptance), *hints)
    notes += tuple(_version_notes(binding, spec))
    refused = tuple(found for found in (acceptance.finding, keys) if isinstance(found, Finding) and found.status != "True")
    if refused:
        return Outcome(binding, refused=refused, notes=notes)
    plan = build(snapshot, _redacted(spec), attach_lua=True)
    objects = (*(_without_data(desired.manifest) for desired in plan.objects), *map(_attachment, plan.attachments))
    missing = missing_names(snapshot, lua_withheld=False)
    by_hand = (missing.message,) if missing else ()
    return Outcome(binding, objects, notes=(*notes, *by_hand, _gateway_note(binding, spec)))


def gather_offline(binding: Binding, around: Surroundings) -> tuple[Snapshot, tuple[str, ...]]:
    """The snapshot of a valid binding as the files show it, without a gateway, and the assumptions that were made."""
    spec = _spec(binding)
    snapshot = replace(_snapshot(binding, around), secrets=_secrets(binding, spec, around))
    return snapshot, (*_unchecked_secrets(binding, spec, around), *_assumptions(binding, around))


def render_declarative(binding: Binding, around: Surroundings) -> Outcome:
    """The declarative file for a Kong without Kubernetes, with a placeholder such as `${OPENAI_API_KEY}` for each key.

    Secrets are ignored: the file holds no key; its user fills in the keys.
    """
    spec = _spec(binding)
    acceptance = evaluate_acceptance(_snapshot(binding, around))
    if acceptance.finding.status != "True":
        return Outcome(binding, refused=(acceptance.finding,))
    texts = placeholders(spec)
    keys = f"Replace {', '.join(sorted(set(texts.values())))} by the real keys before Kong reads the file: Kong replaces nothing itself."
    settings = f"Kong must run with the environment {', '.join(map(str, needed_settings(spec)))}."
    notes = (*_advice(acceptance), *_version_notes(binding, spec), *_certificate_notes(spec), keys, settings)
    return Outcome(binding, (build_declarative(spec, texts),), notes=notes)


def _spec(binding: Binding) -> BindingSpec:
    if binding.spec is None:
        raise ValueError(f"{binding.key} was not validated")
    return binding.spec


def _advice(acceptance: Acceptance) -> tuple[str, ...]:
    return (acceptance.advice,) if acceptance.advice else ()


def _snapshot(binding: Binding, around: Surroundings) -> Snapshot:
    wanted = {key: around.targets.get(key, _plain(key)) for key in attach_targets(binding)}
    others = tuple(other for other in around.bindings if other.key != binding.key)
    ingresses = [target for target in around.targets.values() if target.rules]
    ingresses += [ingress for other in others for ingress in _exposed(other)]
    routes = tuple(target for target in around.targets.values() if target.backends)
    behind = {key: around.targets[key] for target in wanted.values() for key in _led_to(target) if key in around.targets}
    lists = (*(route for route in routes if route.key.namespace == binding.namespace), *behind.values(), *wanted.values())
    plugins = around.listed(lists)
    return Snapshot(
        binding,
        now=0.0,
        siblings=others,
        targets=wanted,
        plugin_types=plugins.types,
        models=plugins.models or None,  # where the file has none, the cluster may
        ingresses=tuple(ingresses),
        routes=routes,
        behind=behind,
        endpoints=around.endpoints,
    )


def _led_to(target: Attachable) -> Iterator[ObjectKey]:
    """The Services behind an Ingress or HTTPRoute, in its namespace."""
    return (key for group in target.backends for key in group if key.namespace == target.key.namespace)


def _plain(key: ObjectKey) -> Attachable:
    return Attachable(key, uid="", resource_version="")


def _exposed(binding: Binding) -> Iterator[Attachable]:
    """The Ingresses and HTTPRoutes that the operator would create for another binding of the file."""
    for route, expose, _ in exposed_routes(binding.spec) if binding.spec else ():
        key, served = entry_of(binding, route), place_of(binding, expose)[0]
        seen = Attachable(key, "", "", rules=((expose.host or "", expose.path),))
        yield replace(seen, gateways=(served,)) if key.kind == HTTP_ROUTE.name else replace(seen, ingress_class=served)


def _refs(spec: BindingSpec) -> list[SecretKeyRef]:
    return [key.ref for key in required_keys(spec)]


def _secrets(binding: Binding, spec: BindingSpec, around: Surroundings) -> dict[str, Mapping[str, bytes]]:
    """The Secrets of the file, and a usable stand-in for each missing one, which may exist in the cluster."""
    found: dict[str, Mapping[str, bytes]] = {}
    for key in required_keys(spec):
        given = around.secrets.get((binding.namespace, key.ref.name))
        found[key.ref.name] = given if given is not None else {**found.get(key.ref.name, {}), key.ref.key: _STAND_INS[key.form]}
    return found


def _unchecked_secrets(binding: Binding, spec: BindingSpec, around: Surroundings) -> Iterator[str]:
    for name in sorted({ref.name for ref in _refs(spec)}):
        if (binding.namespace, name) not in around.secrets:
            yield f"Secret {binding.namespace}/{name} is not in the file; its value was not checked."


def _assumptions(binding: Binding, around: Surroundings) -> Iterator[str]:
    for key in attach_targets(binding):
        target = around.targets.get(key)
        if target is None:
            yield f"{key} is not in the file; it is taken to exist and to have no plugins."
        for name in target.plugins if target else ():
            if target and name not in around.listed([target]).facts:
                yield f"{key} lists {name}, which is not in the file. If the cluster has a plugin of that name, add it to the file."


def _version_notes(binding: Binding, spec: BindingSpec) -> Iterator[str]:
    """A note if a gateway of the version in the binding cannot serve it. Nothing else of the gateway is known."""
    if binding.workload is None or spec.gateway.kong_version is None:
        return
    entries = tuple(setting.entry for setting in needed_settings(spec))
    container = Container(spec.gateway.container, "(not in the file)", entries)
    workload = Workload(binding.workload, "", "", 1, (container,), Rollout(complete=True, ready=True), grant="*")
    found = evaluate_gateway(Snapshot(binding, now=0.0, workload=workload)).finding
    if found.status == "False":
        yield f"{found.reason.name}: {found.message}"


def _certificate_notes(spec: BindingSpec) -> Iterator[str]:
    """A note for each certificate, which Kong's file leaves out: it is in a Secret, with its key."""
    for index, route in enumerate(spec.routes):
        if route.expose and route.expose.tls_secret_name:
            field, host = f"spec.routes[{index}].expose.tlsSecretName", route.expose.host
            yield f"{field} is not in the file. Add the certificate for {host} to Kong's `certificates`, else Kong serves its own."


def _redacted(spec: BindingSpec) -> ResolvedKeys:
    return ResolvedKeys(REDACTED, dict.fromkeys(_refs(spec), REDACTED))


def _without_data(manifest: Manifest) -> Manifest:
    """Show the redaction plainly: a Secret's values are base64 of a JSON string, which would hide it."""
    return {**manifest, "data": dict.fromkeys(manifest["data"], REDACTED)} if manifest["kind"] == SECRET.name else manifest


def _attachment(attachment: Attachment) -> Manifest:
    key = attachment.target
    annotations = {names.KONG_PLUGINS_ANNOTATION: ",".join(attachment.plugins)}
    metadata = {"name": key.name, "namespace": key.namespace, "annotations": annotations}
    return {"apiVersion": KINDS[key.kind].api_version, "kind": key.kind, "metadata": metadata}


def _gateway_note(binding: Binding, spec: BindingSpec) -> str:
    settings = ", ".join(map(str, needed_settings(spec)))
    gets = "gets" if spec.gateway.management == "Apply" else "must have"
    grant = f" Its owner must annotate it with {names.GRANT_ANNOTATION}: {binding.namespace}."
    foreign = binding.workload is not None and binding.workload.namespace != binding.namespace
    return f"{binding.workload}, container {spec.gateway.container}, {gets} the environment {settings}.{grant if foreign else ''}"


def _secret_data(manifest: Manifest) -> dict[str, bytes]:
    """The values of a Secret. A value that is not base64 becomes a byte that every check refuses."""
    encoded, plain = manifest.get("data"), manifest.get("stringData")
    data = {key: _decode(value) for key, value in encoded.items()} if isinstance(encoded, dict) else {}
    return data | ({key: str(value).encode() for key, value in plain.items()} if isinstance(plain, dict) else {})


def _decode(value: Any) -> bytes:
    try:
        return base64.b64decode(str(value), validate=True)
    except ValueError:
        return b"\xff"


def _key(document: Document, namespace: str) -> ObjectKey:
    return ObjectKey(document.kind, "" if document.kind == KONG_CLUSTER_PLUGIN.name else document.namespace or namespace, document.name)
