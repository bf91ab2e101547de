"""`fiddler-kong render`: prints the objects that a file of bindings would become."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, Final, TextIO

import click
import yaml

from fiddler_kong_operator import names
from fiddler_kong_operator.kube.objects import Manifest
from fiddler_kong_operator.plan.acceptance.endpoint import EndpointPolicy
from fiddler_kong_operator.plan.kinds import BINDING, KONG_CLUSTER_PLUGIN, KONG_PLUGIN, SECRET
from fiddler_kong_operator.plan.objects.attachable_kinds import ATTACHABLES
from fiddler_kong_operator.plan.snapshot import Binding

from .documents import LEGACY_BOOLEANS, Document
from .files import parse_bindings, read_file, title
from .offline import Outcome, Surroundings, render_declarative, render_objects
from .options import probe_options, read_probe
from .telling import tell
from .values import NAMESPACE

__all__ = ["print_manifests", "print_yaml", "render"]

REFUSED: Final = 1
_USED: Final = frozenset({*ATTACHABLES, *(kind.name for kind in (BINDING, SECRET, KONG_PLUGIN, KONG_CLUSTER_PLUGIN))})
_RENDERERS: Final[dict[str, Callable[[Binding, Surroundings], Outcome]]] = {"kubernetes": render_objects, "kong": render_declarative}

_FORMATS: Final = "kubernetes: the operator's objects; kong: Kong's declarative file, for DB-less gateways, decK and Konnect."


@click.command()
@click.argument("file", type=click.File(encoding="utf-8"))
@click.option("--format", "format_", type=click.Choice(list(_RENDERERS)), default="kubernetes", show_default=True, help=_FORMATS)
@click.option("-o", "--output", type=click.Choice(["yaml", "json"]), default="yaml", show_default=True, help="Format of the output.")
@click.option("-n", "--namespace", type=NAMESPACE, default="default", show_default=True, help="Namespace of objects that name none.")
@click.option("--binding", "name", metavar="NAME", help="Only this binding of the file.")
@probe_options("allow_http", "allowed_addresses")
def render(file: TextIO, format_: str, output: str, namespace: str, name: str | None, **options: Any) -> None:
    """Print the objects that the operator would create.

    It needs no cluster. FILE (- for standard input) may hold several YAML documents: bindings and, if you like, the Secrets, Services,
    Ingresses, HTTPRoutes and KongPlugins around them. Keys are never printed: they show as <redacted>, and in Kong's format as placeholders
    such as ${OPENAI_API_KEY}.

    Exit codes: 0 printed; 1 a binding is invalid or would be refused, see standard error; 2 FILE or the command is wrong.
    """
    documents = read_file(file)
    bindings, faulty = parse_bindings([d for d in documents if d.kind == names.KIND and name in (None, d.name)], namespace)
    if not bindings and not faulty:
        raise click.UsageError(f"{title(file)} holds no {names.KIND}{f' named {name}' if name else ''}.")
    if format_ == "kong" and len(bindings) > 1:
        raise click.UsageError(f"{title(file)} holds several bindings; a Kong file has room for one. Choose with --binding.")
    endpoints = EndpointPolicy.of(read_probe(options))
    around = Surroundings.gather(bindings, [d for d in documents if d.kind != names.KIND], namespace, endpoints)
    outcomes = [_RENDERERS[format_](binding, around) for binding in bindings]
    _tell_ignored(documents)
    for outcome in outcomes:
        _tell(outcome)
    print_manifests([manifest for outcome in outcomes for manifest in outcome.printed], output, bare=format_ == "kong")
    if faulty or any(outcome.refused for outcome in outcomes):
        raise SystemExit(REFUSED)


def _tell_ignored(documents: Sequence[Document]) -> None:
    kinds = sorted({document.kind or "objects without a kind" for document in documents} - _USED)
    if kinds:
        tell(f"Ignored: {', '.join(kinds)}.")


def _tell(outcome: Outcome) -> None:
    for finding in outcome.refused:
        tell(finding.message, outcome.binding.key, finding.reason.name)
    for note in outcome.notes:
        tell(note, outcome.binding.key)


def print_manifests(manifests: Sequence[Manifest], output: str, *, bare: bool = False) -> None:
    """Print objects to standard output as YAML or JSON; `bare`: the one object, without a list around it."""
    if not manifests:
        return
    if output == "json":
        whole = manifests[0] if bare else {"apiVersion": "v1", "kind": "List", "items": manifests}
        click.echo(json.dumps(whole, indent=2))
    else:
        click.echo(print_yaml(manifests), nl=False)


def print_yaml(manifests: Sequence[Manifest]) -> str:
    """Several objects as YAML for people. Texts of several lines are blocks; words that kubectl takes for booleans are in quotes.

    Placeholders are in quotes too, so that a replacement stays a text even if it is digits or JSON.
    """
    return yaml.dump_all(manifests, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=140)


class _Dumper(yaml.SafeDumper):
    """Texts of several lines as blocks; no anchors."""

    def ignore_aliases(self, data: object) -> bool:
        """Always true: each document must be complete without the others."""
        del data
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else '"' if LEGACY_BOOLEANS.match(text) else "'" if "${" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)
