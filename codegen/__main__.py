"""`python -m codegen [--verify]`."""

from __future__ import annotations

import argparse
import difflib
import sys
from pathlib import Path

from codegen import outputs

ROOT = Path(__file__).resolve().parent.parent


def write(root: Path) -> None:
    """Write every generated file that differs below `root`."""
    for path, text in outputs.build_outputs().items():
        target = root / path
        if not target.exists() or target.read_text() != text:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
            print(f"wrote {path}")


def differences(root: Path) -> list[str]:
    """A unified diff for each generated file below `root` that differs from the generator's output."""
    return [diff for path, text in outputs.build_outputs().items() if (diff := _difference(root / path, path, text))]


def _difference(target: Path, path: str, text: str) -> str:
    found = target.read_text() if target.exists() else ""
    before, after = (content.splitlines(keepends=True) for content in (found, text))
    return "".join(difflib.unified_diff(before, after, f"{path} (as it is)", f"{path} (generated)"))


def main(arguments: list[str] | None = None) -> int:
    """Write the files, or only compare them with --verify; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m codegen", description="Write the generated files.")
    parser.add_argument("--verify", action="store_true", help="write nothing; fail where a file differs")
    parser.add_argument("--root", type=Path, default=ROOT, help="the checkout")
    options = parser.parse_args(arguments)
    if not options.verify:
        write(options.root)
        return 0
    found = differences(options.root)
    if found:
        print("\n".join(found))
        print("Generated files differ from their sources. Run `make generate` and commit what it writes.", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
