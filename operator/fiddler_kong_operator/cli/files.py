"""Files of Kubernetes objects as commands read them: errors end the command, faults of bindings are told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Final

import click

from fiddler_kong_operator import names
from fiddler_kong_operator.plan.snapshot import Binding

from .documents import Document, DocumentError, read_documents
from .strict import InvalidBindingError, parse_binding

__all__ = ["coloured", "parse_bindings", "read_file", "read_files", "title"]

_ENDINGS: Final = frozenset({".json", ".yaml", ".yml"})
"""The files of a directory that are read, as kubectl does."""


def read_files(paths: Sequence[str]) -> list[Document]:
    """The objects of files, of directories (not those within), and of standard input for `-`; click.UsageError as `read_file`."""
    return [document for path in paths for file in _files(path) for document in _read(file)]


def _files(path: str) -> Iterator[str]:
    if path == "-" or not Path(path).is_dir():
        yield path
        return
    found = sorted(str(file) for file in Path(path).iterdir() if file.suffix in _ENDINGS and file.is_file())
    if not found:
        raise click.UsageError(f"{path} holds no file that ends in {', '.join(sorted(_ENDINGS))}.")
    yield from found


def _read(path: str) -> list[Document]:
    try:
        with click.open_file(path, encoding="utf-8") as file:
            return read_file(file)
    except OSError as error:
        raise click.UsageError(f"{path} cannot be read: {error.strerror}.") from None


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
            _tell(document, namespace, f'line {line}: kubectl reads {word} without quotes as a boolean; write "{word}".')
        try:
            binding = parse_binding(document, namespace)
        except InvalidBindingError as error:
            faulty = True
            for problem in error.problems:
                _tell(document, namespace, f"{coloured('InvalidSpec', 'red')}: {_sentence(problem)}")
        else:
            if str(binding.key) in bindings:
                raise click.UsageError(f"{binding.key} stands in the file twice.")
            bindings[str(binding.key)] = binding
    return list(bindings.values()), faulty


def _sentence(text: str) -> str:
    return text if text.endswith("?") else f"{text}."


def _tell(document: Document, namespace: str, text: str) -> None:
    key = f"{document.namespace or namespace}/{document.name}" if document.name else "(without a name)"
    click.echo(f"{names.KIND} {key}: {text}", err=True)


def coloured(text: str, colour: str) -> str:
    """The text in bold and in a colour, which click leaves out where the output is no terminal."""
    return click.style(text, fg=colour, bold=True)


def title(file: IO[str]) -> str:
    """The file's name as shown in messages."""
    name = getattr(file, "name", "")
    return "standard input" if name in ("", "<stdin>", "-") else str(name)
