"""`python -m fiddler_kong_operator`: the same as the command `fiddler-kong`."""

from __future__ import annotations

from .cli import main

if __name__ == "__main__":
    main()
