"""Finds the keys of a stage wherever they must not be: anywhere but in Secrets."""

from __future__ import annotations

import json
from typing import Final

from tests.integration.arena import Arena
from tests.integration.test_canary import forms

__all__ = ["leaks"]

_KINDS: Final = ("FiddlerKongBinding", "KongPlugin", "Service", "Ingress", "Deployment", "Event")


def leaks(arena: Arena) -> list[str]:
    """Names every object, log or HTTP endpoint that shows one of the two keys, plain or in base64."""
    texts = {f"{item['kind']} {item['metadata']['name']}": json.dumps(item) for kind in _KINDS for item in arena.all_of(kind)}
    texts |= {"the log": arena.operator.log, "its HTTP endpoints": arena.operator.published()}
    keys = [form for key in (arena.stage.keys.fiddler, arena.stage.keys.provider) for form in forms(key)]
    return [where for where, text in texts.items() if any(key in text for key in keys)]
