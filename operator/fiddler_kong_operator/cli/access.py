"""The options of commands that look at a cluster, and their connection to it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn, Self, TypeVar

import click

from fiddler_kong_operator.kube.client import Client
from fiddler_kong_operator.kube.connection import Fence
from fiddler_kong_operator.kube.contexts import current_namespace

from .values import NAMESPACE

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")

__all__ = ["Access", "access_options", "namespace_options", "scope_options", "with_client"]

_everywhere: Final = click.option("-A", "--all-namespaces", "everywhere", is_flag=True, help="Bindings of every namespace.")


@dataclass(frozen=True, slots=True)
class Access:
    """A cluster as named by a kubeconfig and a context; the defaults are kubectl's."""

    kubeconfig: str | None = None
    context: str | None = None
    namespace: str | None = None
    everywhere: bool = False

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Self:
        """The cluster of a command with `access_options`."""
        return cls(*(options[name] for name in ("kubeconfig", "context", "namespace", "everywhere")))

    @property
    def default_namespace(self) -> str:
        """The namespace given, else the context's, else `default`."""
        return self.namespace or current_namespace(self.kubeconfig, self.context)

    @property
    def scopes(self) -> tuple[str, ...]:
        """The namespaces of the bindings to look at; () for all."""
        return () if self.everywhere else (self.default_namespace,)


def access_options(command: F) -> F:
    """--kubeconfig, --context, -n and -A; the command gets them as the parameters of `Access`."""
    return namespace_options(_everywhere(command))


def scope_options(command: F) -> F:
    """As `access_options`, but -n can be repeated: the parameter `namespace` is a tuple."""
    return namespace_options(_everywhere(command), several=True)


def namespace_options(command: F, *, several: bool = False) -> F:
    """As `access_options` without -A; with `several`, -n can be repeated."""
    repeatable = "; repeatable" if several else ""
    described = f"Namespace of the bindings; by default that of the context{repeatable}."
    for option in (
        click.option("-n", "--namespace", type=NAMESPACE, metavar="NAME", multiple=several, help=described),
        click.option("--context", metavar="NAME", help="Context of the kubeconfig."),
        click.option("--kubeconfig", type=click.Path(dir_okay=False), help="By default $KUBECONFIG, the pod's account, or ~/.kube/config."),
    ):
        command = option(command)
    return command


def _write_nothing() -> NoReturn:
    raise RuntimeError("this command writes nothing")


def with_client(access: Access, work: Callable[[Client], Awaitable[T]], fence: Fence = _write_nothing) -> T:
    """Run the work with a client, whose writes pass the fence. A caller in this process can set the client as click's context object.

    Raises FiddlerKongError where the cluster refuses or does not answer; `group` reports it.
    """
    given = click.get_current_context().find_object(Client)

    async def connected() -> T:
        async with given or await Client.connect(access.kubeconfig, access.context, fence=fence) as client:
            return await work(client)

    return asyncio.run(connected())
