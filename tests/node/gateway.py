"""The gateway's container: the stand-in for Kong, or Kong's own image.

With KONG_IMAGE, such as `kong/kong-gateway:3.13.0.7`, the node pulls that image; KONG_LICENSE_DATA holds a licence for it, if there is
one. The settings are those of Kong's chart. This was never run with Kong's image.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Final, Self

__all__ = ["ADMIN_PORT", "CERTIFICATES", "LICENSE", "Gateway"]

ADMIN_PORT: Final = 8444
CERTIFICATES: Final = "/etc/kong-admin"
LICENSE: Final = "kong-license"
"""Name of the Secret."""

_STAND_IN: Final = "docker.io/kong/kong-gateway:3.13.0.3"
"""On the node, the stand-in has the name of Kong's image, because the operator reads Kong's version from it."""

_SETTINGS: Final = {
    "KONG_DATABASE": "off",
    "KONG_ADMIN_SSL_CERT": f"{CERTIFICATES}/tls.crt",
    "KONG_ADMIN_SSL_CERT_KEY": f"{CERTIFICATES}/tls.key",
}
_STATUS_PORT: Final = 8100
_OF_KONG: Final = {
    "KONG_ADMIN_LISTEN": f"0.0.0.0:{ADMIN_PORT} ssl",
    "KONG_PROXY_LISTEN": "0.0.0.0:8000",
    "KONG_STATUS_LISTEN": f"0.0.0.0:{_STATUS_PORT}",
    "KONG_ADMIN_GUI_LISTEN": "off",
    "KONG_NGINX_WORKER_PROCESSES": "1",
}
_ARGUMENTS: Final = [
    "devcluster.gateway",
    "--own-environment",
    "--host=0.0.0.0",
    f"--admin-port={ADMIN_PORT}",
    "--proxy-port=8000",
    "--resolve=api.openai.com:443=http://provider.ai.svc:8080",
]
_READ: Final = "print(open('/proc/1/environ').read())"
_TEMPERATURE: Final = "          temperature: 0.7\n"
_PROVIDER: Final = "          upstreamUrl: http://provider.ai.svc.cluster.local:8080/v1/chat/completions\n"


@dataclass(frozen=True)
class Gateway:
    """Kong's image and licence; "" for the stand-in, and for none."""

    image: str = ""
    license: str = ""

    @classmethod
    def chosen(cls) -> Self:
        """That of the environment."""
        return cls(os.environ.get("KONG_IMAGE", ""), os.environ.get("KONG_LICENSE_DATA", ""))

    @property
    def own_names(self) -> tuple[str, ...]:
        """Further names that the image of the stand-ins has on the node."""
        return () if self.image else (_STAND_IN,)

    @property
    def container(self) -> dict[str, Any]:
        """The fields in which the container differs."""
        if not self.image:
            return {"image": _STAND_IN.removeprefix("docker.io/"), "args": _ARGUMENTS, "env": _variables(_SETTINGS)}
        licensed = {"name": "KONG_LICENSE_DATA", "valueFrom": {"secretKeyRef": {"name": LICENSE, "key": "license"}}}
        variables = [*_variables(_SETTINGS | _OF_KONG), *([licensed] if self.license else [])]
        return {"image": self.image, "imagePullPolicy": "IfNotPresent", "env": variables}

    @property
    def ready(self) -> tuple[int, str]:
        """Port and scheme of `/status/ready`, which Kong answers on its status port only."""
        return (_STATUS_PORT, "HTTP") if self.image else (ADMIN_PORT, "HTTPS")

    @property
    def environment(self) -> tuple[str, ...]:
        """The command that prints the variables with which the container was started.

        nginx writes its process title over the memory that /proc/1/environ shows, so in Kong's container a new process is asked: it gets
        the variables of the container, as Kong did.
        """
        return ("env",) if self.image else ("/opt/stand-ins/bin/python", "-c", _READ)

    def adapt(self, quickstart: str) -> str:
        """Let the sample call the stand-in for the provider: the stand-in for Kong resolves OpenAI's name to it, Kong does not."""
        if not self.image:
            return quickstart
        assert _TEMPERATURE in quickstart
        return quickstart.replace(_TEMPERATURE, _TEMPERATURE + _PROVIDER)


def _variables(values: dict[str, str]) -> list[dict[str, Any]]:
    return [{"name": name, "value": value} for name, value in values.items()]
