"""The reasons of SecretsResolved: whether its keys are there."""

from __future__ import annotations

from typing import Final

from .contract import ConditionType, Reason

__all__ = ["REASONS"]

_S: Final = ConditionType.SECRETS_RESOLVED

# Rows are easier to read in this form than in the formatter's.
# fmt: off
REASONS: Final = (
    Reason("SecretsResolved", _S, "True", "Every referenced key exists and is usable."),
    Reason(
        "SecretNotFound", _S, "False", "A referenced Secret does not exist.",
        "Create it in the binding's namespace; the operator continues as soon as it exists.",
    ),
    Reason("SecretKeyNotFound", _S, "False", "A Secret lacks the referenced key.", "Add the key, or correct the reference."),
    Reason("SecretValueEmpty", _S, "False", "A referenced value is empty.", "Store the key in it."),
    Reason(
        "SecretValuePlaceholder", _S, "False", "A referenced value is still a placeholder such as ${FIDDLER_API_KEY}.",
        "Replace it with the real key.",
    ),
    Reason(
        "SecretValuePrefixed", _S, "False", "A referenced value starts with `Bearer `, so Kong would send the prefix twice.",
        "Store the bare key.",
    ),
    Reason(
        "SecretValueUnusable", _S, "False", "A referenced value contains characters that an HTTP header must not contain.",
        "Store the key as printable ASCII on one line; for auth.gcp, the unchanged JSON key file.",
    ),
    Reason(
        "SecretValueTooLong", _S, "False", "A referenced value has more than 8000 characters; web servers refuse such a header.",
        "Store the bare key.",
    ),
    Reason(
        "SecretNotReadable", _S, "Unknown", "The API server does not answer a read of a referenced Secret.",
        "See the message; the operator tries again.",
    ),
    Reason("SecretsNotEvaluated", _S, "Unknown", "Not checked, because the spec is invalid."),
)
# fmt: on
