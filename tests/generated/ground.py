"""A namespace full of bindings, each with its own and with shared gateways and targets, and specs that fit there."""

from __future__ import annotations

from collections.abc import Mapping
from operator import attrgetter
from types import MappingProxyType
from typing import Any, Final

import trustme
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from devcluster.crds import INGRESS_CLASS
from devcluster.stage import APPLICATION_ID
from fiddler_kong_operator.plan.gateway.workload_kinds import WORKLOADS
from fiddler_kong_operator.plan.kinds import BINDING, OWNED
from tests.generated.case import Case, completed
from tests.generated.models import ACCOUNT
from tests.generated.valid import ACCOUNT_REFS, KEY_REFS, UPSTREAM_URLS, Scenery, Spec, specs
from tests.integration.arena import SETTINGS, Arena, Manifest
from tests.integration.pushed import Pushed
from tests.integration.targets import foreign_plugin, ingress, service

__all__ = ["Ground", "drafts"]

_SECRETS: Final = [("fiddler", "api-key"), ("openai", "api-key"), ("spare", "fiddler"), ("spare", "a_b.c")]
Targets = tuple[tuple[str, str], ...]
"""Kinds and names."""

_TARGETS: Final[Targets] = (("Service", "svc-@"), ("Ingress", "svc-@"), ("Service", "own-@"), ("Ingress", "own-@"))
"""`own-@` carries a user's ai-proxy, `svc-@` a user's cors; `@` is the binding's name."""

_GATEWAY: Final = {"namespace": "kong", "name": "kong"}
"""The Gateway that Kong's controller serves, with one listener."""

_KINDS: Final = sorted(name for name, row in WORKLOADS.items() if not row.operated)
"""Kinds of gateways that run pods without Kong Operator."""
_GATEWAYS: Final = [("gw-@", "proxy"), ("gw-@", "proxy"), ("gw-@", "second"), ("kong-gateway", "proxy")]


def drafts(targets: Targets = _TARGETS, own: Mapping[str, SearchStrategy[Any]] = MappingProxyType({})) -> SearchStrategy[Spec]:
    """Valid specs with `@` for the binding's name and `#` for the sink's port; `Ground.fitted` replaces both. `own` replaces fields."""
    refs = st.sampled_from(_SECRETS).map(lambda ref: {"name": ref[0], "key": ref[1]})
    fields = {
        "fiddler.url": st.sampled_from(["http://127.0.0.1:#", "http://127.0.0.1:#/", "http://localhost:#", "https://acme.fiddler.invalid"]),
        "fiddler.export.endpoint": st.sampled_from(["http://127.0.0.1:#", "http://localhost:#/"]),
        "fiddler.applicationId": st.just(APPLICATION_ID) | st.uuids().map(str),
        "fiddler.apiKeySecretRef": refs,
        "gateway.targetRef": st.sampled_from(_GATEWAYS).map(lambda gateway: {"name": gateway[0], "container": gateway[1]}),
        "gateway.container": st.just("proxy"),
        "gateway.ingressClassName": st.sampled_from(["kong", "kong", "kong", "internal"]),
        **dict.fromkeys(KEY_REFS, refs),
        **dict.fromkeys(ACCOUNT_REFS, st.just({"name": "spare", "key": "account.json"})),
        **dict.fromkeys(
            UPSTREAM_URLS,
            st.sampled_from(
                ["https://llm.example/call", "http://llm.example:8080/v1/invoke", "https://Models.example:8443/score?api-version=1"]
            ),
        ),
        "routes[].name": st.sampled_from(["openai", "chat", "b-c", "0"]),
        "routes[].expose.path": st.from_regex(r"(/[A-Za-z0-9_-]{1,9}){1,3}", fullmatch=True).map(lambda path: f"{path}/@"),
        "routes[].expose.host": st.sampled_from(["llm.example", "a"]),
        "routes[].expose.tlsSecretName": st.just("llm-tls"),
        "routes[].expose.gatewayRef": st.sampled_from([_GATEWAY, {**_GATEWAY, "sectionName": "http"}]),
    }
    return specs(Scenery(targets, 3, {**fields, **own})).map(lambda spec: {**spec, "suspend": False})


class Ground(Arena):
    """The namespace; `keys` are those that a spec may refer to, by Secret and entry."""

    keys: Mapping[tuple[str, str], str]

    def build(self, bindings: list[str]) -> None:
        """Make the gateways, the Secrets, the targets, and the ingress class that no Kong serves."""
        self.stage.cluster.api.apply([{**INGRESS_CLASS, "metadata": {"name": "internal"}}])
        self.put(self.gateway(image="kong/kong-gateway:3.14.0.3", env=SETTINGS))
        spare = {"fiddler": self.stage.keys.fiddler, "a_b.c": "sk-spare-key-0123456789", "account.json": ACCOUNT}
        self.put(self.manifest("v1", "Secret", "spare", stringData=spare), self._certificate("llm-tls", "llm.example", "a"))
        self.put(foreign_plugin(self, "theirs"), foreign_plugin(self, "their-proxy", "ai-proxy"))
        for name in bindings:
            for target, listed in ((f"svc-{name}", "theirs"), (f"own-{name}", "their-proxy")):
                self.put(service(self, target, listed), ingress(self, target, backend=target))
            self.put(self._own_gateway(f"gw-{name}", _kind(name)))
        self.keys = {("spare", entry): key for entry, key in spare.items()} | {
            ("fiddler", "api-key"): self.stage.keys.fiddler,
            ("openai", "api-key"): self.stage.keys.provider,
        }

    def _certificate(self, name: str, *hosts: str) -> Manifest:
        issued = trustme.CA().issue_cert(*hosts)
        pair = {"tls.crt": issued.cert_chain_pems[0].bytes().decode(), "tls.key": issued.private_key_pem.bytes().decode()}
        return self.manifest("v1", "Secret", name, type="kubernetes.io/tls", stringData=pair)

    def _own_gateway(self, name: str, kind: str) -> Manifest:
        gateway = self.gateway(image="kong/kong-gateway:3.14.0.4", kind=kind, name=name)
        foreign = [{"name": "KONG_TRACING_SAMPLING_RATE", "value": "0.5"}]
        gateway["spec"]["template"]["spec"]["containers"].append({"name": "second", "image": "kong/kong-gateway:3.14.0.5", "env": foreign})
        return gateway

    def fitted(self, draft: Spec, name: str) -> Spec:
        """A draft with the names and places of one binding, which no other binding has."""
        spec: Spec = _replaced(draft, {"@": name, "#": self.stage.sink.url.rpartition(":")[2]})
        for route in spec["routes"]:
            if "expose" in route:
                route["expose"]["path"] = f"{route['expose']['path']}-{self.namespace}"
        gateway = spec["gateway"]
        gateway["container"] = gateway["targetRef"].pop("container")
        if gateway["targetRef"]["name"] == f"gw-{name}":
            gateway["targetRef"]["kind"] = _kind(name)
        if gateway["targetRef"]["name"] == "kong-gateway" and gateway.get("untrustedLua") != "Unmanaged":
            gateway["untrustedLua"] = "on"  # shared: two values would conflict
        return spec

    def offer(self, name: str, spec: Spec, *, create: bool) -> None:
        """Create a binding, or replace its spec as `kubectl replace` does; ApiError if that is refused."""
        if create:
            self.create(self.manifest(BINDING.api_version, BINDING.name, name, spec=spec))
            return
        path = f"{BINDING.path(self.namespace, name)}?fieldValidation=Strict"
        patch = [{"op": "replace", "path": "/spec", "value": spec}]
        self.stage.cluster.api.request("PATCH", path, patch, "application/json-patch+json")

    def cases(self, wanted: Mapping[str, Spec], config: Any) -> dict[str, Case]:
        """The case of each of these bindings, with the spec that it must satisfy."""
        bindings = {raw["metadata"]["name"]: raw for raw in self.all_of("FiddlerKongBinding")}
        objects = {(kind, raw["metadata"]["name"]): raw for kind in map(attrgetter("name"), OWNED) for raw in self.all_of(kind)}
        gateways = {raw["metadata"]["name"]: raw for kind in _KINDS for raw in self.all_of(kind)}
        pushed = Pushed.of(config, self.namespace)
        return {
            name: Case(name, self.namespace, completed(spec), bindings.get(name, {}), pushed, objects, gateways, self.keys)
            for name, spec in wanted.items()
        }


def _kind(binding: str) -> str:
    """The kind of a binding's own gateway: bindings take turns by their names."""
    return _KINDS[sum(binding.encode()) % len(_KINDS)]


def _replaced(value: Any, words: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: _replaced(item, words) for name, item in value.items()}
    if isinstance(value, list):
        return [_replaced(item, words) for item in value]
    if isinstance(value, str):
        for mark, word in words.items():
            value = value.replace(mark, word)
    return value
