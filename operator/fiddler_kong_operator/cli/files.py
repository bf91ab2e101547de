"""Files of Kubernetes objects as commands read them: errors end the command, faults of bindings are reported."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Final, TypeVar

import click

from fiddler_kong_operator import names
from fiddler_kong_operator.kube.objects import Manifest, ObjectKey
from fiddler_kong_operator.plan.snapshot import Binding

from .documents import Document, DocumentError, read_documents
from .strict import InvalidBindingError, parse_binding
from .telling import tell

__all__ = ["parse_bindings", "read_file", "read_files", "title", "understood"]

T = TypeVar("T")

_ENDINGS: Final = frozenset({".json", ".yaml", ".yml"})
"""The files of a directory that are read, as kubectl does."""


def read_files(paths: Sequence[str]) -> list[Document]:
    """The objects of files, of directories (without subdirectories), and of standard input for `-`; click.UsageError as `read_file`."""
    documents: list[Document] = []
    for path in paths:
        try:
            documents += (document for file in _files(path) for document in _read(file))
        except OSError as error:
            raise click.UsageError(f"{error.filename or path} cannot be read: {error.strerror}.") from None
    return documents


def _files(path: str) -> list[str]:
    if path == "-" or not Path(path).is_dir():
        return [path]
    found = sorted(str(file) for file in Path(path).iterdir() if file.suffix in _ENDINGS and file.is_file())
    if not found:
        raise click.UsageError(f"{path} holds no file that ends in {', '.join(sorted(_ENDINGS))}.")
    return found


def _read(path: str) -> list[Document]:
    with click.open_file(path, encoding="utf-8") as file:
        return read_file(file)


def read_file(file: IO[str]) -> list[Document]:
    """The objects of an open file; click.UsageError where it has something else."""
    try:
        return read_documents(file.read())
    except DocumentError as error:
        raise click.UsageError(f"{title(file)}: {error}.") from None
    except UnicodeDecodeError:
        raise click.UsageError(f"{title(file)} is not UTF-8 text.") from None


def parse_bindings(documents: Sequence[Document], namespace: str) -> tuple[list[Binding], bool]:
    """The valid bindings, and whether there were invalid ones, whose errors are reported here; `namespace` is for those that name none."""
    bindings: dict[str, Binding] = {}
    faulty = False
    for document in documents:
        for line, word in document.legacy_booleans:
            tell(f'line {line}: kubectl reads {word} without quotes as a boolean; write "{word}".', _title(document, namespace))
        try:
            binding = parse_binding(document, namespace)
        except InvalidBindingError as error:
            faulty = True
            for problem in error.problems:
                tell(_sentence(problem), _title(document, namespace), "InvalidSpec")
        else:
            if str(binding.key) in bindings:
                raise click.UsageError(f"{binding.key} is in the file twice.")
            bindings[str(binding.key)] = binding
    return list(bindings.values()), faulty


def _sentence(text: str) -> str:
    return text if text.endswith("?") else f"{text}."


def _title(document: Document, namespace: str) -> str:
    return f"{names.KIND} {f'{document.namespace or namespace}/{document.name}' if document.name else '(without a name)'}"


def understood(key: ObjectKey, manifest: Manifest, read: Callable[[ObjectKey, Manifest], T]) -> T:
    """The facts that the operator reads from an object; click.UsageError for one that no API server would accept."""
    try:
        return read(key, manifest)
    except (AttributeError, LookupError, TypeError, ValueError):
        raise click.UsageError(f"{key} is not a valid {key.kind}.") from None


def title(file: IO[str]) -> str:
    """The file's name as shown in messages."""
    name = getattr(file, "name", "")
    return "standard input" if name in ("", "<stdin>", "-") else str(name)
