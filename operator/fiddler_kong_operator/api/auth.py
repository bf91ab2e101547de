"""How the gateway identifies itself to a provider: by a key, or as an identity of AWS, Azure or Google Cloud."""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Literal

from pydantic import StringConstraints

from .headers import KeyHeader
from .rules import Rule, form
from .types import ApiModel, HeaderPrefix, SecretKeyRef

__all__ = ["AwsAuth", "AzureAuth", "GcpAuth", "Identifier", "LlmAuth"]

_WORD: Final = form(r"[A-Za-z0-9][A-Za-z0-9._:/@+=,-]*", "must be letters, digits and . _ : / @ + = , -, beginning with a letter or digit")

Identifier = Annotated[str, StringConstraints(min_length=1, max_length=2048), _WORD]
"""An id of a cloud: a role's ARN, a client's or tenant's UUID."""

ParamName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=64),
    form(r"[A-Za-z][A-Za-z0-9_.-]*", "must be letters, digits and _ . -, beginning with a letter"),
]
"""A parameter's name in a query or body."""

_IDENTITIES: Final = ("secretRef", "aws", "azure", "gcp")


class AwsAuth(ApiModel):
    """An identity of AWS. With nothing in it, the identity that the gateway's pods have (IRSA, an instance's role)."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="has(self.accessKeyIdRef) == has(self.secretAccessKeyRef)",
            message="must be given together with accessKeyIdRef: AWS needs both",
            holds=lambda a: (a.access_key_id_ref is None) == (a.secret_access_key_ref is None),
            field="secretAccessKeyRef",
        ),
    )

    access_key_id_ref: SecretKeyRef | None = None
    """Secret that holds the id of an access key. If left out, Kong uses the identity of the gateway's pods."""

    secret_access_key_ref: SecretKeyRef | None = None
    """Secret that holds the secret access key, for `accessKeyIdRef`."""

    assume_role_arn: Identifier | None = None
    """ARN of a role that the gateway assumes, for example `arn:aws:iam::123456789012:role/llm`. None if left out."""

    role_session_name: Identifier | None = None
    """Name of the session under that role, as the logs of AWS show it."""


class AzureAuth(ApiModel):
    """An identity of Microsoft Entra. With nothing in it, the managed identity that the gateway's pods have."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="!has(self.clientSecretRef) || (has(self.clientId) && has(self.tenantId))",
            message="must be given only with clientId and tenantId: the three name one application",
            holds=lambda a: a.client_secret_ref is None or (a.client_id is not None and a.tenant_id is not None),
            field="clientSecretRef",
        ),
    )

    client_id: Identifier | None = None
    """Client id of the application, or of a user-assigned managed identity. If left out, the identity that the gateway's pods have."""

    client_secret_ref: SecretKeyRef | None = None
    """Secret that holds the client secret of the application; needs `clientId` and `tenantId`. If left out, a managed identity is used."""

    tenant_id: Identifier | None = None
    """Id of the application's tenant."""


class GcpAuth(ApiModel):
    """An identity of Google Cloud. With nothing in it, the identity that the gateway's pods have (workload identity)."""

    service_account_ref: SecretKeyRef | None = None
    """Secret that holds the JSON key of a service account. If left out, Kong uses the identity of the gateway's pods."""


class LlmAuth(ApiModel):
    """How the gateway identifies itself to the provider: by one of `secretRef`, `aws`, `azure` and `gcp`."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel=f"[{', '.join(f'has(self.{name})' for name in _IDENTITIES)}].exists_one(given, given)",
            message="must have exactly one of secretRef, aws, azure and gcp",
            holds=lambda a: sum(found is not None for found in (a.secret_ref, a.aws, a.azure, a.gcp)) == 1,
        ),
        Rule(
            cel="has(self.secretRef) || !(has(self.headerName) || has(self.headerPrefix) || has(self.paramName))",
            message="must be given where headerName, headerPrefix or paramName says where a key goes",
            holds=lambda a: a.secret_ref is not None or (a.header_name is None and a.header_prefix is None and a.param_name is None),
            field="secretRef",
        ),
        Rule(
            cel="!has(self.paramName) || !(has(self.headerName) || has(self.headerPrefix))",
            message="must not be given beside headerName or headerPrefix: a key goes into one of the two",
            holds=lambda a: a.param_name is None or (a.header_name is None and a.header_prefix is None),
            field="paramName",
        ),
    )

    secret_ref: SecretKeyRef | None = None
    """Secret that holds the provider's bare API key. The operator adds the header and the prefix that the provider wants."""

    header_name: KeyHeader | None = None
    """Request header for the key. If left out, the provider's usual one, such as `Authorization`."""

    header_prefix: HeaderPrefix | None = None
    """Text before the key in the header, for example `Bearer ` with the space, or empty. If left out, the provider's usual one."""

    param_name: ParamName | None = None
    """Parameter of the request for the key. If left out, the key goes into a header."""

    param_location: Literal["query", "body"] = "query"
    """Part of the request that has the parameter `paramName`: `query` or `body`."""

    aws: AwsAuth | None = None
    """For `bedrock`, which needs it: an identity of AWS. `{}` is the identity of the gateway's pods, for example by IRSA."""

    azure: AzureAuth | None = None
    """For `azure`, instead of a key: an identity of Microsoft Entra. `{}` is the managed identity of the gateway's pods."""

    gcp: GcpAuth | None = None
    """For `gemini` on Vertex AI, which needs it: an identity of Google Cloud. `{}` is the identity of the gateway's pods."""
