"""The command line: `fiddler-kong`, also found by kubectl as `kubectl fiddler-kong`.

- `group`: the command group; each command is a module of its own name
- `options`: the flags of `run`, derived from the settings; `values`: types of options
- `telling`: sentences on standard error, and the exit codes after them
- `documents`, `strict`: a YAML file -> checked bindings, with unknown fields refused
- `offline`: a file's bindings -> what the operator would do with them
- `access`: the options of commands that look at a cluster; `changes`: a change there -> a diff without keys
- `evidence`, `extracts`: what a support bundle holds, and the fields that it shows of each kind
"""

from __future__ import annotations

from .group import main

__all__ = ["main"]
