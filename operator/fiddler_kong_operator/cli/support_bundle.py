"""`fiddler-kong support-bundle`: everything that helps to find a fault, without keys, in one archive."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click

from fiddler_kong_operator.kube.client import Client

from .access import Access, access_options, with_client
from .evidence import Evidence
from .telling import refusal, tell

__all__ = ["support_bundle"]

_OWNER_ONLY: Final = 0o600


@dataclass(frozen=True, slots=True)
class _Bundle:
    """The files by name, a sentence for everything that could not be read, and whether no object was found at all."""

    files: tuple[tuple[str, str], ...]
    missing: tuple[str, ...]
    empty: bool

    @property
    def index(self) -> str:
        """A list of the files and of everything that is missing, for the person who opens the archive."""
        return "\n".join((*_INTRODUCTION, "", *(name for name, _ in self.files), "", *self._left_out(), ""))

    def _left_out(self) -> Iterator[str]:
        yield "Could not be read:" if self.missing else "Everything could be read."
        yield from (f"- {text}" for text in self.missing)


_INTRODUCTION: Final = (
    "Support bundle of fiddler-kong.",
    "Objects hold only fields that are known to hold no key; other values are left out or show as <redacted>. Values of Secrets, and what",
    "looks like a key, are redacted from logs and messages. Read it before you pass it on: names, hosts and images show.",
)


@click.command("support-bundle")
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="The archive to write, a .tar.gz that does not exist."
)
@access_options
def support_bundle(output: Path | None, **options: Any) -> None:
    """Write an archive with what helps to find a fault.

    It has the bindings, their objects, the gateway, Events, the operator's logs, and versions. It holds no keys: of each kind of object
    only fields that cannot hold one, of an environment only the settings that the operator knows, and from logs and messages every value of
    a Secret is redacted. The archive is readable only by you (mode 0600); index.txt in it lists what is there, and what you may not read.

    Exit codes: 0 written; 2 the cluster could not be reached, it shows nothing, or the archive cannot be written.
    """
    access = Access.of(options)
    path = output or Path(f"fiddler-kong-support-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.tar.gz")
    if path.exists():
        raise click.UsageError(f"{path} exists already.")

    async def gather(client: Client) -> _Bundle:
        evidence = Evidence(client)
        await evidence.gather(access.scopes)
        return _Bundle(tuple(evidence.files()), tuple(evidence.missing), not evidence.objects)

    bundle = with_client(access, gather)
    for text in bundle.missing:
        tell(f"Not in it: {text}")
    if bundle.empty:
        raise refusal("the cluster shows nothing that belongs in a bundle.")
    _write(path, bundle)
    click.echo(f"{path}: {len(bundle.files)} files. Read it before you pass it on.")


def _write(path: Path, bundle: _Bundle) -> None:
    folder, now = path.name.removesuffix(".gz").removesuffix(".tar"), datetime.now(UTC).timestamp()
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
        with os.fdopen(descriptor, "wb") as file, tarfile.open(fileobj=file, mode="w:gz") as archive:
            for name, text in (("index.txt", bundle.index), *bundle.files):
                content = text.encode()
                member = tarfile.TarInfo(f"{folder}/{name}")
                member.size, member.mode, member.mtime = len(content), _OWNER_ONLY, int(now)
                archive.addfile(member, io.BytesIO(content))
    except OSError as error:
        raise refusal(f"{path} cannot be written: {error.strerror}.") from None
