"""A stand-in for LLM providers, each in its own form. It always answers the same question in the same way.

The `Host` of a call decides which provider it stands for; where no form claims the host, it is OpenAI. Each provider has a key of its
own, which it accepts only in its own place; its other calls end with its own refusal.

It proves that a request arrived at the right host and path, in the provider's form, with the right key in the right place. It proves
nothing about a real model: not its answers, not its tokenizer (a token here is a word), not its rate limits. Its answers and records
never contain an expected key. Left out are:
- streams of other forms than OpenAI's, and every operation but chat (embeddings and models: OpenAI's form only);
- Vertex AI, Hugging Face, and servers of one's own in another form than OpenAI's;
- the identities of Azure and Google Cloud, and AWS' roles and session tokens: only a key, or an access key's signature;
- the age of a signature; the existence of a model, a deployment or a version of an API; the fields that a form checks beside these.
"""

from __future__ import annotations

from .standin import FORMS, ProviderStandIn, SeenRequest

__all__ = ["FORMS", "ProviderStandIn", "SeenRequest"]
