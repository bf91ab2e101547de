"""The registry of codes. Append only: a code keeps its meaning for ever, and one that is no longer used stays.

The first two digits are the area, in the order of the data path. Every reason of a condition has a code; its cause and fix are those of
`api.reasons`. Faults that only the doctor sees are in `OWN`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from fiddler_kong_operator.api.conditions import REASONS, Reason

from .diagnosis import Code, Severity
from .own_codes import OWN

__all__ = ["AREAS", "CODES", "PAGE_ROWS", "code_of"]

AREAS: Final = MappingProxyType(
    {
        "01": "Cluster",
        "02": "Resource definitions",
        "03": "Operator",
        "04": "Kong's controller",
        "05": "Ingress class",
        "06": "Binding",
        "07": "Secrets",
        "08": "Gateway",
        "09": "Pods of the gateway",
        "10": "Plugins",
        "11": "Plugins that run",
        "12": "Kong's exporter",
        "13": "Trace endpoint",
        "14": "Arrivals",
        "16": "Readiness",
    }
)
"""The areas by the first two digits of a code."""

BY_REASON: Final = {
    "FKB0601": "Accepted",
    "FKB0602": "ShadowsGlobalPlugin",
    "FKB0603": "ShadowsServicePlugin",
    "FKB0604": "ShadowedPlugin",
    "FKB0605": "PathOverlap",
    "FKB0606": "InvalidSpec",
    "FKB0607": "WatchForbidden",
    "FKB0608": "EndpointRefused",
    "FKB0609": "GatewayNotGranted",
    "FKB0610": "GatewaySettingsClash",
    "FKB0611": "IngressClassNotFound",
    "FKB0612": "GatewayApiNotInstalled",
    "FKB0613": "TargetNotReadable",
    "FKB0614": "TargetNotFound",
    "FKB0615": "TargetOwned",
    "FKB0616": "OtherIngressClass",
    "FKB0617": "RoutesNotReadable",
    "FKB0618": "SharedBackend",
    "FKB0619": "TlsVerificationOff",
    "FKB0620": "PluginClash",
    "FKB0621": "UnknownPlugin",
    "FKB0622": "RouteClash",
    "FKB0623": "NameTaken",
    "FKB0624": "KongNotInstalled",
    "FKB0625": "Suspended",
    "FKB0701": "SecretsResolved",
    "FKB0702": "SecretNotFound",
    "FKB0703": "SecretKeyNotFound",
    "FKB0704": "SecretValueEmpty",
    "FKB0705": "SecretValuePlaceholder",
    "FKB0706": "SecretValuePrefixed",
    "FKB0707": "SecretValueUnusable",
    "FKB0708": "SecretValueTooLong",
    "FKB0709": "SecretNotReadable",
    "FKB0710": "SecretsNotEvaluated",
    "FKB0801": "GatewayConfigured",
    "FKB0802": "GatewayVersionAdvised",
    "FKB0803": "GatewayNotReadable",
    "FKB0804": "GatewayNotFound",
    "FKB0805": "GatewayContainerNotFound",
    "FKB0806": "GatewayContainerNotKong",
    "FKB0807": "GatewayControlPlaneOnly",
    "FKB0808": "GatewayControllerOnly",
    "FKB0809": "GatewayControlledElsewhere",
    "FKB0810": "GatewayPluginsNotEnabled",
    "FKB0811": "GatewayVersionUnsupported",
    "FKB0812": "GatewayVersionUnknown",
    "FKB0813": "GatewaySettingConflict",
    "FKB0814": "GatewaySettingFromSource",
    "FKB0815": "GatewaySettingUnsupported",
    "FKB0816": "GatewaySettingDuplicate",
    "FKB0817": "GatewaySettingsMissing",
    "FKB0818": "GatewayManagedElsewhere",
    "FKB0819": "GatewaySettingsReverted",
    "FKB0820": "GatewayWriteRefused",
    "FKB0821": "GatewayWriteFailing",
    "FKB0822": "GatewayPending",
    "FKB0823": "GatewayRollingOut",
    "FKB0824": "GatewayRolloutManual",
    "FKB0825": "GatewayRolloutPaused",
    "FKB0826": "GatewayRolloutStuck",
    "FKB0827": "GatewayScaledToZero",
    "FKB0828": "GatewayNotRunning",
    "FKB0829": "GatewayNotEvaluated",
    "FKB1001": "PluginsProgrammed",
    "FKB1002": "GatewayFrozen",
    "FKB1003": "PluginsNotAdded",
    "FKB1004": "PluginsPending",
    "FKB1005": "WaitingForGateway",
    "FKB1006": "KongNotConfirmed",
    "FKB1007": "RouteNotAccepted",
    "FKB1008": "KongRefused",
    "FKB1009": "KongTranslationFailed",
    "FKB1010": "ChildrenReverted",
    "FKB1011": "PluginsWriteRefused",
    "FKB1012": "KongDefinitionOutdated",
    "FKB1013": "QuotaExceeded",
    "FKB1014": "PermissionMissing",
    "FKB1015": "WriteFailing",
    "FKB1016": "DeletionBlocked",
    "FKB1301": "Reachable",
    "FKB1302": "ProbePending",
    "FKB1303": "NameNotResolved",
    "FKB1304": "ConnectionRefused",
    "FKB1305": "ProbeTimeout",
    "FKB1306": "ConnectionFailed",
    "FKB1307": "TlsUntrusted",
    "FKB1308": "TlsExpired",
    "FKB1309": "TlsWrongHost",
    "FKB1310": "Redirected",
    "FKB1311": "Unauthorized",
    "FKB1312": "Forbidden",
    "FKB1313": "ApplicationNotFound",
    "FKB1314": "EndpointNotFound",
    "FKB1315": "RateLimited",
    "FKB1316": "ServerError",
    "FKB1317": "UnexpectedSuccess",
    "FKB1318": "NotOtlp",
    "FKB1319": "UnexpectedAnswer",
    "FKB1320": "AddressRefused",
    "FKB1401": "Arriving",
    "FKB1402": "ArrivingWithDefects",
    "FKB1403": "AgentUnknown",
    "FKB1404": "NoTracesYet",
    "FKB1405": "NotLookedFor",
    "FKB1406": "SpansNotReadable",
    "FKB1407": "SpansNotQueried",
    "FKB1408": "SpansNotRecognized",
    "FKB1409": "SpansWithoutText",
    "FKB1410": "SpansWithoutSessions",
    "FKB1601": "Ready",
}
"""The reason of each code."""

PENDING: Final = frozenset({"SecretsNotEvaluated", "GatewayNotEvaluated", "PluginsPending", "ProbePending"})
"""Reasons that only say that an earlier condition decides."""

NOTICES: Final = frozenset({"ArrivingWithDefects", "AgentUnknown", "NoTracesYet", "NotLookedFor", "SpansNotReadable", "SpansNotQueried"})
"""Reasons that are worth knowing and no fault: there may be no calls yet, or the key may only send."""

PAGE_ROWS: Final = MappingProxyType(
    {
        "Kong fails to start": ("SecretValuePlaceholder", "InvalidSpec", "KongRefused"),
        "Traces not appearing in Fiddler": ("ApplicationNotFound", "SecretValuePlaceholder", "ExportUnauthorized", "ExportRefused"),
        "Prompt and response content not showing": ("PayloadsOff", "SpansWithoutText"),
        "Spans not being emitted by Kong": ("GatewaySettingsMissing", "GatewaySettingConflict", "PodLacksSettings"),
        "Span type showing as Unknown": ("SpansNotRecognized", "OtherPluginRuns"),
    }
)
"""The rows of the integration page's troubleshooting section, with the names of the codes that say the cause."""


def _severity(reason: Reason) -> Severity | None:
    if reason.name in PENDING or (reason.status == "True" and not reason.remedy):
        return None
    if reason.name in NOTICES:
        return Severity.NOTICE
    return Severity.ERROR if reason.status == "False" or reason.stalls else Severity.WARNING


def _codes() -> Iterator[Code]:
    yield from OWN
    for code, name in BY_REASON.items():
        reason = REASONS[name]
        yield Code(code, name, _severity(reason), reason.summary, reason.remedy)


CODES: Final[Mapping[str, Code]] = MappingProxyType({code.name: code for code in sorted(_codes(), key=lambda code: code.code)})
"""Every code by its name, in order."""


def code_of(name: str) -> Code:
    """The code of a reason, or of a fault that only the doctor sees; KeyError for another name, which is a bug."""
    return CODES[name]
