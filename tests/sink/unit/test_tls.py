from __future__ import annotations

import ssl
from pathlib import Path

import aiohttp
import pytest
import trustme

from fiddler_kong_sink.server import Sink
from fiddler_kong_sink.settings import SinkSettings
from tests.sink.exports import HEADERS


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def certificate(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 and its key."""
    folder = tmp_path_factory.mktemp("tls")
    issued = authority.issue_cert("127.0.0.1")
    issued.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    issued.private_key_pem.write_to_path(folder / "key.pem")
    return folder / "cert.pem", folder / "key.pem"


async def test_sink_speaks_https(authority: trustme.CA, certificate: tuple[Path, Path], client: aiohttp.ClientSession) -> None:
    cert, key = certificate
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    async with Sink(SinkSettings(tls_cert=cert, tls_key=key)) as sink:
        assert sink.url.startswith("https://127.0.0.1:")
        async with client.post(f"{sink.url}/v1/traces", data=b"", headers=HEADERS, ssl=trust) as response:
            assert response.status == 200


async def test_untrusted_certificate_is_refused_by_the_client(certificate: tuple[Path, Path], client: aiohttp.ClientSession) -> None:
    cert, key = certificate
    async with Sink(SinkSettings(tls_cert=cert, tls_key=key)) as sink:
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await client.post(f"{sink.url}/v1/traces", data=b"", headers=HEADERS)


async def test_unreadable_certificate_stops_the_start(tmp_path: Path) -> None:
    sink = Sink(SinkSettings(tls_cert=tmp_path / "absent.pem"))

    with pytest.raises(FileNotFoundError):
        await sink.__aenter__()


def test_sink_that_is_not_started_has_no_url() -> None:
    with pytest.raises(RuntimeError, match="started first"):
        _ = Sink().url
