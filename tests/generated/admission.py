"""Validates objects with the API server (dry run) and with `fiddler-kong render`."""

from __future__ import annotations

import http.client
import json
from typing import Any, Final

from click.testing import CliRunner

from devcluster import Cluster
from devcluster.ports import LOOPBACK
from fiddler_kong_operator.cli.render import render
from fiddler_kong_operator.plan.kinds import KINDS

__all__ = ["Admission", "rendered"]

Manifest = dict[str, Any]
_REFUSED: Final = 400


class Admission:
    """Server-side dry runs over one kept connection, since a TLS handshake costs more than a validation."""

    def __init__(self, cluster: Cluster) -> None:
        self._api = cluster.api
        self._connection = http.client.HTTPSConnection(LOOPBACK, self._api.port, timeout=30, context=self._api.trust)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def ask(self, manifest: Manifest) -> tuple[Manifest, str]:
        """The object as it is stored and "", or {} and the refusal."""
        path = f"{KINDS[manifest['kind']].path(manifest['metadata']['namespace'])}?dryRun=All&fieldValidation=Strict"
        headers = {"Authorization": f"Bearer {self._api.token}", "Content-Type": "application/json"}
        self._connection.request("POST", path, json.dumps(manifest), headers)
        answer = self._connection.getresponse()
        content: Manifest = json.loads(answer.read())
        return ({}, str(content["message"])) if answer.status >= _REFUSED else (content, "")


def rendered(manifest: Manifest) -> tuple[int, str]:
    """Exit code and output of `fiddler-kong render` for a file with this object."""
    result = CliRunner().invoke(render, ["-", "--allow-http", "--output=json"], input=json.dumps(manifest))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stderr
