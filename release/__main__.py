"""`python -m release check|sbom|files`: what `make release-check`, `make sbom` and `make release-files` run."""

from __future__ import annotations

import argparse
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from release.bom import build_bom
from release.check import problems
from release.files import Image, write_files

ROOT: Final = Path(__file__).resolve().parent.parent
DIST: Final = ROOT / "dist"


def _check(options: argparse.Namespace) -> int:
    found = problems(options.root, options.tag)
    print("\n".join(found) or "Ready to be released.")
    return 1 if found else 0


def _sbom(_options: argparse.Namespace) -> int:
    DIST.mkdir(exist_ok=True)
    target = DIST / "fiddler-kong-operator.cdx.json"
    target.write_text(build_bom(datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH", "0")), UTC)))
    print(f"wrote {target.relative_to(ROOT)}")
    return 0


def _files(options: argparse.Namespace) -> int:
    try:
        write_files(ROOT, DIST, Image(options.repository, options.digest))
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    print("\n".join(sorted(f"dist/{file.name}" for file in DIST.iterdir())))
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Run one verb; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m release", description="Make a release.")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    check = verbs.add_parser("check", help="say what keeps this checkout from being released")
    check.add_argument("--root", type=Path, default=ROOT, help="the checkout")
    check.add_argument("--tag", help="the tag that is being published")
    verbs.add_parser("sbom", help="write the bill of materials to dist/; its time is SOURCE_DATE_EPOCH")
    files = verbs.add_parser("files", help="write the files of the release to dist/")
    files.add_argument("--repository", required=True, help="where the image is published")
    files.add_argument("--digest", required=True, help="its digest")
    options = parser.parse_args(arguments)
    return {"check": _check, "sbom": _sbom, "files": _files}[options.verb](options)


if __name__ == "__main__":
    sys.exit(main())
