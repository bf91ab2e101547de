"""The gateway stand-in as a process with Kong's own environment, as in a pod."""

from __future__ import annotations

import json
import os
import signal
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Mapping
from pathlib import Path

import pytest
import trustme

from devcluster.folders import PROJECT_ROOT

COMMAND = [sys.executable, "-m", "devcluster.gateway", "--own-environment"]
BOUND = 60.0


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(PROJECT_ROOT), **settings}


@pytest.mark.parametrize(
    ("name", "value"), [("KONG_TRACING_SAMPLING_RATE", "2"), ("KONG_UNTRUSTED_LUA", "lax"), ("KONG_TRACING_INSTRUMENTATIONS", "everything")]
)
def test_a_setting_that_kong_refuses_ends_the_process(name: str, value: str) -> None:
    done = subprocess.run(COMMAND, env=environment({name: value}), capture_output=True, text=True, timeout=BOUND, check=False)

    assert done.returncode == 2
    assert "Kong does not start" in done.stderr
    assert value in done.stderr or "between 0 and 1" in done.stderr


def test_settings_and_certificate_come_from_the_environment(tmp_path: Path) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    certificate, key = tmp_path / "tls.crt", tmp_path / "tls.key"
    issued.cert_chain_pems[0].write_to_path(certificate)
    issued.private_key_pem.write_to_path(key)
    settings = {"KONG_TRACING_INSTRUMENTATIONS": "request", "KONG_ADMIN_SSL_CERT": str(certificate), "KONG_ADMIN_SSL_CERT_KEY": str(key)}
    trust = ssl.create_default_context(cadata=authority.cert_pem.bytes().decode())

    with subprocess.Popen(COMMAND, env=environment(settings), stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            admin = json.loads(process.stdout.readline())["admin"]
            with urllib.request.urlopen(f"{admin}/stand-in", context=trust, timeout=BOUND) as response:  # noqa: S310 - https to the stand-in
                state = json.load(response)
        finally:
            process.send_signal(signal.SIGTERM)

    assert admin.startswith("https://")
    assert state["process"]["instrumentations"] == ["request"]
