"""`fiddler-kong render` never prints a key, even from the wrong place in a file or from a broken file."""

from __future__ import annotations

from typing import Final

import pytest
from click.testing import CliRunner

from fiddler_kong_operator.cli import main
from tests.integration.test_canary import forms

CORE: Final = "c0ffee5e7ec0de0123456789abcdef99"
KEY: Final = f"sk-{CORE}"

BINDING: Final = """\
apiVersion: integrations.fiddler.ai/v1alpha1
kind: FiddlerKongBinding
metadata: {name: assistant, namespace: ai}
spec:
  fiddler:
    url: https://acme.fiddler.ai
    applicationId: 3f0c9a54-8a5e-4c1c-9d53-6d1f6d1b7c11
    apiKeySecretRef: {name: fiddler, key: api-key}
  gateway: {targetRef: {name: kong-gateway}}
  routes:
    - name: openai
      expose: {path: /openai}
      llm: {provider: openai, model: gpt-4o-mini, auth: {secretRef: {name: openai, key: api-key}}}
"""
SECRET: Final = "---\napiVersion: v1\nkind: Secret\nmetadata: {name: %s, namespace: ai}\n%s\n"
GOOD: Final = "".join(SECRET % (name, f"stringData: {{api-key: {KEY}}}") for name in ("fiddler", "openai"))


def with_secret(content: str) -> str:
    """The binding with a Secret for the provider with this content."""
    return BINDING + SECRET % ("fiddler", f"stringData: {{api-key: {KEY}}}") + SECRET % ("openai", content)


def with_change(old: str, new: str) -> str:
    """The binding with one part replaced, and its Secrets."""
    assert old in BINDING
    return BINDING.replace(old, new) + GOOD


BROKEN: Final = {
    "a quote that never ends": with_secret(f'stringData: {{api-key: "{KEY}'),
    "a tab": with_secret(f"stringData:\n\tapi-key: {KEY}"),
    "the same field twice": with_secret(f"stringData: {{api-key: {KEY}, api-key: {KEY}}}"),
    "an unknown tag": with_secret(f"stringData: {{api-key: !!python/object/new:os.system [{KEY}]}}"),
    "a key that is no base64": with_secret(f"data: {{api-key: {KEY}}}"),
    "text instead of fields": with_secret(f"stringData: {KEY}"),
    "a list instead of fields": with_secret(f"data: [{KEY}]"),
    "an object instead of text": with_secret(f"stringData: {{api-key: {{{KEY}: {KEY}}}}}"),
    "a control character": with_secret(f'stringData: {{api-key: "{KEY}\\u0007"}}'),
    "a file nested too deeply": with_secret(f"stringData: {{api-key: {'[' * 5000}{KEY}{']' * 5000}}}"),
    "a document that is only a key": BINDING + GOOD + f"---\n{KEY}\n",
    "the key in place of its reference": with_change("{name: fiddler, key: api-key}", KEY),
    "the key beside its reference": with_change("{name: fiddler, key: api-key}", f"{{name: fiddler, key: api-key, value: {KEY}}}"),
    "the key in the URL": with_change("https://acme", f"https://me:{KEY}@acme"),
    "the key as a number of tokens": with_change("model: gpt-4o-mini", f"model: gpt-4o-mini, options: {{maxTokens: {KEY}}}"),
}


@pytest.mark.parametrize("form", ["kubernetes", "kong"])
@pytest.mark.parametrize("title", list(BROKEN))
def test_no_word_of_the_key_is_printed(title: str, form: str) -> None:
    done = CliRunner().invoke(main, ["render", "-", f"--format={form}"], input=BROKEN[title])

    assert isinstance(done.exception, SystemExit | None)
    assert [shape for shape in forms(CORE) if shape in done.output + done.stderr] == []
    assert "assistant" in done.output or done.exit_code == 2
