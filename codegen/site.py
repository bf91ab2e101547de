"""Fits the pages to MkDocs, which loads this file as hooks (mkdocs.yml).

The pages are written to be read in the repository too. docs/README.md is the table of contents: its sections become the navigation.
A page may link to a file outside docs/, such as a sample: the site then has a page with that file. Python-Markdown wants lists apart
from the paragraph before them, and their contents indented by four spaces.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from posixpath import normpath, relpath
from typing import Any, Final

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

__all__ = ["on_config", "on_files", "on_page_markdown"]

_ROOT: Final = Path(__file__).resolve().parent.parent
_DOCS: Final = "docs/"
_REPOSITORY: Final = "repository/"
"""Folder of the site with the files from outside docs/."""

_FENCE: Final = re.compile(r"^( *)```.*?^ *```$", re.MULTILINE | re.DOTALL)
_LINK: Final = re.compile(r"\[([^\]]*)\]\(([^)\s#]+)")
_TITLE: Final = re.compile(r"^# (.*)$", re.MULTILINE)
_ENTRY: Final = re.compile(r"^(?:- |\d+\. )\[([^\]]+)\]\(([^)#]+)\)", re.MULTILINE)
_ITEM: Final = re.compile(r"(?:-|\d+\.) +")
_LANGUAGES: Final = {".lua": "lua", ".py": "python", ".yaml": "yaml"}


def on_config(config: MkDocsConfig) -> None:
    """Make the navigation of docs/README.md."""
    contents = (_ROOT / _DOCS / "README.md").read_text()
    sections = re.split(r"^## (.*)$", contents, flags=re.MULTILINE)[1:]
    config.nav = [{"Home": "README.md"}, *_navigation(sections)]


def _navigation(sections: list[str]) -> Iterator[dict[str, Any]]:
    for title, text in zip(sections[::2], sections[1::2], strict=True):
        yield {title: [{name: _entry(_join("docs/README.md", target))} for name, target in _ENTRY.findall(text)]}


def _entry(path: str) -> str | list[str]:
    folder = _ROOT / path
    return [_place(_below(page)) for page in sorted(folder.glob("*.md"))] if folder.is_dir() else _place(path)


def on_files(files: Files, config: MkDocsConfig) -> None:
    """Add the files outside docs/ that pages link to, and those that these link to."""
    pending = [(_DOCS + file.src_uri, file.content_string) for file in files.documentation_pages()]
    while pending:
        page, text = pending.pop()
        for path in _linked(page, text):
            if files.get_file_from_path(_place(path)) is None:
                content = _content(path)
                files.append(File.generated(config, _place(path), content=content))
                pending.append((path, content))


def _linked(page: str, text: str) -> Iterator[str]:
    """The files and folders of the checkout that a page links to and that are no pages of docs/."""
    for _, link in _LINK.findall(_FENCE.sub("", text)):
        path = _join(page, link)
        target = _ROOT / path
        if "://" not in link and target.exists() and (target.is_dir() or not path.startswith(_DOCS)):
            yield path


def _content(path: str) -> str:
    target = _ROOT / path
    if target.is_dir():
        pages = (page.relative_to(target).as_posix() for page in sorted(target.rglob("*")) if page.is_file())
        return f"# {path}\n\n" + "".join(f"- [{page}]({page})\n" for page in pages)
    text = target.read_text()
    return text if target.suffix == ".md" else f"# {path}\n\n```{_LANGUAGES.get(target.suffix, '')}\n{text}```\n"


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links to files into links to their places on the site, by their titles, and lists into Python-Markdown's."""
    del config
    here = page.file.src_uri
    source = _source(here)

    def moved(link: re.Match[str]) -> str:
        path = _join(source, link[2])
        place = _place(path)
        if files.get_file_from_path(place) is None:
            return link[0]
        return f"[{_name(link[1], path)}]({relpath(place, PurePosixPath(here).parent)}"

    return "".join(part if part.lstrip().startswith("```") else _LINK.sub(moved, part) for part in _parts(_fit_lists(markdown)))


def _name(text: str, path: str) -> str:
    """The text of a link: the title of the page where it is only the name of its file."""
    title = _TITLE.search((_ROOT / path).read_text()) if text.endswith(".md") and " " not in text else None
    return title[1] if title else text


def _parts(text: str) -> Iterator[str]:
    """The text, cut before and after each block of code."""
    start = 0
    for block in _FENCE.finditer(text):
        yield text[start : block.start()]
        yield block[0]
        start = block.end()
    yield text[start:]


def _fit_lists(text: str) -> str:
    lines: list[str] = []
    inner, fenced = 0, False
    for line in text.splitlines():
        item = None if fenced else _ITEM.match(line)
        if item and not inner and lines and lines[-1]:
            lines.append("")
        if item:
            inner = item.end()
        elif line and not line.startswith(" ") and (fenced or not lines[-1:] or not lines[-1]):
            inner = 0
        fenced ^= line.lstrip().startswith("```")
        lines.append("    " + line[inner:] if inner and line[:inner].isspace() else line)
    return "\n".join(lines) + "\n"


def _join(page: str, link: str) -> str:
    return normpath(PurePosixPath(page).parent / link)


def _below(target: Path) -> str:
    return target.relative_to(_ROOT).as_posix()


def _place(path: str) -> str:
    """The source of a file's page on the site; a folder's is its README.md."""
    page = f"{path}/README.md" if (_ROOT / path).is_dir() else path
    if page.startswith(_DOCS):
        return page.removeprefix(_DOCS)
    return _REPOSITORY + (page if page.endswith(".md") else f"{page}.md")


def _source(place: str) -> str:
    """The file of the checkout from which a page was made."""
    if not place.startswith(_REPOSITORY):
        return _DOCS + place
    path = place.removeprefix(_REPOSITORY)
    return path if (_ROOT / path).exists() else path.removesuffix(".md")
