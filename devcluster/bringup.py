"""Starts a control plane: etcd and API server, then their clients, then nodes and resource definitions."""

from __future__ import annotations

import json
import ssl
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from . import controlplane, crds, nodes
from .api import ApiServer, wait_until
from .audit import audit_policy
from .pki import USERS, Credentials, write_kubeconfig, write_private, write_signing_key
from .ports import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from .processes import ProcessSet
    from .state import Layout

__all__ = ["Foundation", "bring_up"]

_AT_ONCE: Final = 4
"""Resource definitions that are installed side by side."""

_START_SECONDS: Final = 90.0
"""Long enough for a busy machine; a component that ends is noticed at once."""


@dataclass(frozen=True)
class Foundation:
    """Address, trust and administrator's client of a running control plane."""

    layout: Layout
    server: str
    authority: bytes = field(repr=False)
    """PEM of the certificates to trust."""
    api: ApiServer


def bring_up(
    layout: Layout,
    processes: ProcessSet,
    programs: Mapping[str, Path],
    definitions: Sequence[dict[str, Any]],
    *,
    audit_reads: bool = False,
) -> Foundation:
    """Start everything and return when it is usable. Started processes are in `processes`, even when this raises."""
    ports = controlplane.ControlPlanePorts.choose()
    credentials = Credentials.generate()
    _write_configuration(layout, credentials, audit_reads=audit_reads)
    processes.start("etcd", controlplane.etcd_command(programs["etcd"], layout, ports))
    processes.start("kube-apiserver", controlplane.apiserver_command(programs["kube-apiserver"], layout, ports))
    foundation = _meet_apiserver(layout, processes, ports.apiserver, credentials)
    processes.start("kube-controller-manager", controlplane.controller_manager_command(programs["kube-controller-manager"], layout))
    processes.start("kube-scheduler", controlplane.scheduler_command(programs["kube-scheduler"], layout))
    processes.start("kwok", nodes.kwok_command(programs["kwok"], layout))
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        list(threads.map(lambda manifest: foundation.api.apply([manifest]), [nodes.NODE, *definitions]))
    _wait_usable(foundation.api, processes, definitions)
    return foundation


def _write_configuration(layout: Layout, credentials: Credentials, *, audit_reads: bool) -> None:
    credentials.write_token_file(layout.private / "tokens.csv")
    write_signing_key(layout.private / controlplane.SERVICE_ACCOUNT_KEY)
    write_private(layout.private / "audit-policy.json", json.dumps(audit_policy(reads=audit_reads)))


def _meet_apiserver(layout: Layout, processes: ProcessSet, port: int, credentials: Credentials) -> Foundation:
    """Wait for the API server, write a kubeconfig for each user and return the administrator's view."""
    certificates = layout.private / "certificates"
    # The key is written after the certificate, so the certificate is complete once the key exists.
    wait_until((certificates / "apiserver.key").exists, "The API server's certificate", _START_SECONDS, processes.check)
    authority = (certificates / "apiserver.crt").read_bytes()
    server = f"https://{LOOPBACK}:{port}"
    for user in USERS:
        write_kubeconfig(layout.kubeconfig(user.name), server, authority, user.name, credentials.tokens[user.name])
    api = ApiServer(port, credentials.tokens["admin"], ssl.create_default_context(cadata=authority.decode()))
    wait_until(lambda: api.answers("/readyz"), "The API server's readiness", _START_SECONDS, processes.check)
    return Foundation(layout, server, authority, api)


def _wait_usable(api: ApiServer, processes: ProcessSet, definitions: Sequence[dict[str, Any]]) -> None:
    account = "/api/v1/namespaces/default/serviceaccounts/default"
    wait_until(lambda: crds.established(api, definitions), "Serving the resource definitions", _START_SECONDS, processes.check)
    wait_until(lambda: nodes.node_is_ready(api), "Readiness of the simulated node", _START_SECONDS, processes.check)
    wait_until(lambda: api.get(account) is not None, "The controller manager's first work", _START_SECONDS, processes.check)
