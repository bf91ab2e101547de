"""`fiddler-kong import`: makes bindings and Secrets from a declarative Kong file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final, TextIO

import click

from fiddler_kong_operator.api.crd import MAX_NAME
from fiddler_kong_operator.kube.objects import Manifest
from fiddler_kong_operator.plan.acceptance.endpoint import EndpointPolicy
from fiddler_kong_operator.plan.gateway.workload_kinds import WORKLOADS

from .files import read_file, title
from .importing import Choices, Given, Imported, import_kong, is_kong_file
from .importing.key_file import write_keys
from .importing.naming import slug
from .render import print_manifests, print_yaml
from .telling import tell
from .values import NAMESPACE

__all__ = ["import_"]

INCOMPLETE: Final = 1
_PLACE: Final = re.compile(r"(?:([a-z0-9-]{1,63})/)?([a-z0-9][a-z0-9.-]{0,252})")
_APPLY: Final = "{count} keys are in {path}, for you alone: `kubectl apply -f` it before the bindings, then delete it."


class Target(click.ParamType[Manifest]):
    """`kind/namespace/name`, `namespace/name` or `name`, as `spec.gateway.targetRef`."""

    name = "target"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> Manifest:
        """The fields that are given."""
        first, _, rest = value.partition("/")
        kind = next((kind for kind in WORKLOADS if kind.lower() == first.lower() and rest), None)
        found = _PLACE.fullmatch(rest if kind else value)
        if found is None:
            self.fail(f"must be name, namespace/name or kind/namespace/name, and kind one of {', '.join(WORKLOADS)}.", param, ctx)
        return {**({"kind": kind} if kind else {}), **({"namespace": found[1]} if found[1] else {}), "name": found[2]}


@click.command("import")
@click.argument("file", type=click.File(encoding="utf-8"))
@click.option("-n", "--namespace", type=NAMESPACE, default="default", show_default=True, help="Namespace of the bindings and Secrets.")
@click.option("--name", help="Name of the binding; the file's name if left out. A second binding gets a number.")
@click.option(
    "--gateway",
    type=Target(),
    default="Deployment/kong/kong-gateway",
    show_default=True,
    metavar="[[KIND/]NAMESPACE/]NAME",
    help="The workload that runs Kong.",
)
@click.option("--fiddler-url", metavar="URL", help="URL of your Fiddler instance, where FILE has a placeholder, a collector, or none.")
@click.option("--application-id", metavar="UUID", help="Id of the application in Fiddler, where FILE has a placeholder, or none.")
@click.option(
    "--secrets-file",
    type=click.Path(dir_okay=False, path_type=Path),
    default="fiddler-kong-secrets.yaml",
    show_default=True,
    help="Where to write the Secrets, which hold the keys. Made with mode 0600.",
)
@click.option("--force", is_flag=True, help="Overwrite the secrets file.")
@click.option(
    "-o", "--output", type=click.Choice(["yaml", "json"]), default="yaml", show_default=True, help="Format of the printed bindings."
)
@click.option("--allow-http", is_flag=True, help="Accept http:// for fiddler.url, as run --probe-allow-http does.")
def import_(  # noqa: PLR0913 - one for each option of the command
    *,
    file: TextIO,
    namespace: str,
    name: str | None,
    gateway: Manifest,
    fiddler_url: str | None,
    application_id: str | None,
    secrets_file: Path,
    output: str,
    force: bool,
    allow_http: bool,
) -> None:
    """Make bindings from a declarative Kong file.

    FILE (- for standard input) is the file of Fiddler's quick start, a kong.yml, or a dump of decK. The bindings are printed; their keys go
    into the secrets file and nowhere else. Standard error gets one line for each thing of FILE that a binding cannot carry, with what to
    do. Nothing is applied, and FILE is not changed.

    Exit codes: 0 everything is carried over; 1 something is not, or there is nothing to import; 2 FILE or the command is wrong.
    """
    content = _read(file)
    names = (name, Path(title(file)).stem if title(file) != "standard input" else None, "kong")
    base = next(found for found in (slug(wish, MAX_NAME) for wish in names) if found)
    policy = EndpointPolicy(allow_http=allow_http)
    imported = import_kong(content, Choices(namespace, gateway, base, Given(fiddler_url, application_id), policy))
    note = _write(imported.secrets, secrets_file, title(file), replace=force)
    _report(imported, note)
    print_manifests(imported.bindings, output)
    if not imported.bindings or any(remark.lost for remark in imported.remarks):
        raise SystemExit(INCOMPLETE)


def _read(file: TextIO) -> Manifest:
    documents = read_file(file)
    if len(documents) != 1:
        raise click.UsageError(f"{title(file)} must hold one declarative Kong file, and holds {len(documents) or 'no'} documents.")
    content = documents[0].manifest
    if not is_kong_file(content):
        raise click.UsageError(f"{title(file)} is no declarative Kong file: that has _format_version, and services, routes or plugins.")
    return content


def _write(secrets: Sequence[Manifest], path: Path, source: str, *, replace: bool) -> str:
    """Write the keys; return the sentence that says where they are, "" without keys. `source` is the name of the imported file."""
    if not secrets:
        return ""
    if path.exists() and Path(source).exists() and path.samefile(source):
        raise click.UsageError(f"{path} is the file to import. Name another --secrets-file.")
    if str(path) == "-":
        raise click.UsageError("Keys never go to standard output: name another --secrets-file.")
    try:
        write_keys(path, print_yaml(secrets), replace=replace)
    except FileExistsError:
        raise click.UsageError(f"{path} exists. Choose another --secrets-file, or overwrite an ordinary file with --force.") from None
    except OSError as error:
        raise click.UsageError(f"{path} cannot be written: {error.strerror}.") from None
    return _APPLY.format(count=sum(len(secret["stringData"]) for secret in secrets), path=path)


def _report(imported: Imported, note: str) -> None:
    for remark in imported.remarks:
        tell(f"{'' if remark.lost else 'Note: '}{remark}")
    if not imported.bindings:
        tell("Nothing to import: no route of the file has both an ai-proxy and a destination in Fiddler.")
    if note:
        tell(note)
