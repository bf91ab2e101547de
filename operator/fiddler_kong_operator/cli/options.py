"""The flags of `run`, derived from `settings.Settings`: a new setting is a new flag, environment variable and line of help."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import click
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from fiddler_kong_operator.settings import ProbeSettings, Settings

__all__ = ["Setting", "flat", "leaves", "probe_options", "read_probe", "read_settings", "setting_options", "settings_options"]

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]
"""Changes a command."""

ENV_PREFIX: Final = "FIDDLER_KONG"


@dataclass(frozen=True, slots=True)
class Setting:
    """One leaf of the settings: its path (`probe`, `timeout`) and pydantic's description of it."""

    path: tuple[str, ...]
    info: FieldInfo

    @property
    def parameter(self) -> str:
        """Name of the command's parameter."""
        return "_".join(self.path)

    @property
    def flag(self) -> str:
        """The flag without its leading hyphens."""
        return self.parameter.replace("_", "-")

    @property
    def variable(self) -> str:
        """Environment variable."""
        return f"{ENV_PREFIX}_{self.parameter.upper()}"

    @property
    def kind(self) -> Any:
        """Its type, without `None`."""
        args = [arg for arg in typing.get_args(self.info.annotation) if arg is not type(None)]
        return args[0] if typing.get_origin(self.info.annotation) in {types.UnionType, typing.Union} else self.info.annotation


class _Words(click.ParamType[tuple[str, ...]]):
    """Several values in one: separated by commas or spaces."""

    name = "list"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        del param, ctx
        return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value


def settings_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command one option for each setting."""
    for leaf in reversed(list(leaves(Settings))):
        command = _option(Setting(*leaf))(command)
    return command


def probe_options(*names: str) -> Decorator:
    """Give a command the options of `run` for these settings of the probe."""
    return _chosen(leaves(ProbeSettings, ("probe",)), names)


def setting_options(*names: str) -> Decorator:
    """Give a command the options of `run` for these settings."""
    return _chosen(leaves(Settings), names)


def _chosen(among: Iterable[tuple[tuple[str, ...], FieldInfo]], names: Collection[str]) -> Decorator:
    chosen = [Setting(path, info) for path, info in among if path[-1] in names]

    def give(command: Callable[..., Any]) -> Callable[..., Any]:
        for setting in reversed(chosen):
            command = _option(setting)(command)
        return command

    return give


def read_probe(values: Mapping[str, Any]) -> ProbeSettings:
    """The settings of the probe from a command's values, among which are those of `probe_options`."""
    own = {name.removeprefix("probe_"): value for name, value in values.items() if name.startswith("probe_")}
    given = {name: flat(value) if isinstance(value, tuple) else value for name, value in own.items()}
    try:
        return ProbeSettings.model_validate(given)
    except ValidationError as error:
        raise click.UsageError("\n".join(_problems(error, "probe"))) from None


def read_settings(values: Mapping[str, Any]) -> Settings:
    """The settings from the options' values; click.UsageError names the flag whose value is out of bounds."""
    tree: dict[str, Any] = {}
    for path, info in leaves(Settings):
        setting = Setting(path, info)
        value = values[setting.parameter]
        branch = tree
        for step in path[:-1]:
            branch = branch.setdefault(step, {})
        branch[path[-1]] = flat(value) if isinstance(value, tuple) else value
    try:
        return Settings.model_validate(tree)
    except ValidationError as error:
        raise click.UsageError("\n".join(_problems(error))) from None


def leaves(model: type[BaseModel], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], FieldInfo]]:
    """Path and description of each value in a model of settings, in order."""
    for name, info in model.model_fields.items():
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            yield from leaves(info.annotation, (*path, name))
        else:
            yield (*path, name), info


def _option(setting: Setting) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    negation = f"/--no-{setting.flag}" if setting.kind is bool else ""
    default = setting.info.get_default(call_default_factory=True)
    return click.option(
        f"--{setting.flag}{negation}",
        setting.parameter,
        default=default,
        show_default=default is not None and default != (),
        envvar=setting.variable,
        show_envvar=True,
        help=_help(setting),
        **_type(setting.kind),
    )


def _type(kind: Any) -> dict[str, Any]:
    if typing.get_origin(kind) is Literal:
        return {"type": click.Choice(list(typing.get_args(kind)))}
    if typing.get_origin(kind) is tuple:
        return {"type": _Words(), "multiple": True, "metavar": "LIST"}
    return {} if kind is bool else {"type": kind}


def _help(setting: Setting) -> str:
    return " ".join((setting.info.description or "").replace("`", "").split())


def flat(value: tuple[Any, ...]) -> tuple[Any, ...]:
    """The values of an option that was given several times, each of which may be a list."""
    return tuple(word for words in value for word in (words if isinstance(words, tuple) else (words,)))


def _problems(error: ValidationError, *section: str) -> Iterator[str]:
    for problem in error.errors(include_url=False, include_context=False):
        flag = "-".join((*section, *(step for step in problem["loc"] if isinstance(step, str)))).replace("_", "-")
        yield f"--{flag}: {problem['msg'].removeprefix('Value error, ')}"
