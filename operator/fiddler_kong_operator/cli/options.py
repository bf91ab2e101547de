"""The flags of `run`, derived from `settings.Settings`: a new setting is a new flag, environment variable and line of help."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import click
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from fiddler_kong_operator.settings import Settings

__all__ = ["read_settings", "settings_options"]

ENV_PREFIX: Final = "FIDDLER_KONG"


@dataclass(frozen=True, slots=True)
class _Setting:
    """One leaf of the settings: its path (`probe`, `timeout`) and pydantic's description of it."""

    path: tuple[str, ...]
    info: FieldInfo

    @property
    def parameter(self) -> str:
        return "_".join(self.path)

    @property
    def flag(self) -> str:
        return self.parameter.replace("_", "-")

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
    for setting in reversed(list(_leaves(Settings))):
        command = _option(setting)(command)
    return command


def read_settings(values: Mapping[str, Any]) -> Settings:
    """The settings from the options' values; click.UsageError names the flag whose value is out of bounds."""
    tree: dict[str, Any] = {}
    for setting in _leaves(Settings):
        value = values[setting.parameter]
        branch = tree
        for step in setting.path[:-1]:
            branch = branch.setdefault(step, {})
        branch[setting.path[-1]] = _flat(value) if isinstance(value, tuple) else value
    try:
        return Settings.model_validate(tree)
    except ValidationError as error:
        raise click.UsageError("\n".join(_problems(error))) from None


def _leaves(model: type[BaseModel], path: tuple[str, ...] = ()) -> Iterator[_Setting]:
    for name, info in model.model_fields.items():
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            yield from _leaves(info.annotation, (*path, name))
        else:
            yield _Setting((*path, name), info)


def _option(setting: _Setting) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    negation = f"/--no-{setting.flag}" if setting.kind is bool else ""
    default = setting.info.get_default(call_default_factory=True)
    return click.option(
        f"--{setting.flag}{negation}",
        setting.parameter,
        default=default,
        show_default=default is not None and default != (),
        envvar=f"{ENV_PREFIX}_{setting.parameter.upper()}",
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


def _help(setting: _Setting) -> str:
    return " ".join((setting.info.description or "").replace("`", "").split())


def _flat(value: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(word for words in value for word in (words if isinstance(words, tuple) else (words,)))


def _problems(error: ValidationError) -> Iterator[str]:
    for problem in error.errors(include_url=False, include_context=False):
        flag = "-".join(step for step in problem["loc"] if isinstance(step, str)).replace("_", "-")
        yield f"--{flag}: {problem['msg'].removeprefix('Value error, ')}"
