"""The generated part of charts/fiddler-kong-operator: metadata, README, CRD, roles, settings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from pydantic.alias_generators import to_camel

from codegen.chart_metadata import build_metadata
from codegen.chart_readme import build_readme
from codegen.manifests import USER_ROLES, user_role
from codegen.options import OPTIONS, Option
from codegen.text import HEADER, dump, indent
from fiddler_kong_operator import names
from fiddler_kong_operator.api.crd import build_crd
from fiddler_kong_operator.observe.rbac import Scope, rules
from fiddler_kong_operator.settings import Settings

__all__ = ["build_chart"]

CHART: Final = f"charts/{names.APPLICATION}"
HERE: Final = Path(__file__).resolve().parent
COMMENT: Final = f"{{{{- /* {HEADER} */}}}}\n"
LABELS: Final = f'    {{{{- include "{names.APPLICATION}.labels" . | nindent 4 }}}}\n'
FULLNAME: Final = f'{{{{ include "{names.APPLICATION}.fullname" . }}}}'
CRD_ANNOTATIONS: Final = """\
  {{- if or .Values.crds.keep .Values.crds.annotations }}
  annotations:
    {{- if .Values.crds.keep }}
    helm.sh/resource-policy: keep
    {{- end }}
    {{- with .Values.crds.annotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- end }}
"""
LISTED: Final = "    resources:\n      - secrets\n    verbs:\n      - get\n"
LISTING: Final = "      - list\n      - watch\n"
CLUSTER_KINDS: Final = "-cluster-kinds"
CHART_DEFAULTS: Final = {"logFormat": "json"}
"""Defaults of the chart that differ from the program's: in a cluster, logs are collected."""


def build_chart() -> dict[str, str]:
    """Content of each generated file, by path."""
    return {
        f"{CHART}/Chart.yaml": f"# {HEADER}\n{dump(build_metadata())}",
        f"{CHART}/README.md": build_readme(_values(), _values_schema()),
        f"{CHART}/values.yaml": _values(),
        f"{CHART}/values.schema.json": json.dumps(_values_schema(), indent=2) + "\n",
        f"{CHART}/templates/_settings.tpl": _settings_template(),
        f"{CHART}/templates/crd.yaml": _crd_template(),
        f"{CHART}/templates/roles.yaml": _roles_template(),
    }


def _direct() -> list[Option]:
    return [option for option in OPTIONS if option.direct]


def _values() -> str:
    text, group = f"# {HEADER}\n" + (HERE / "values.head.yaml").read_text(), ""
    for option in _direct():
        *parents, leaf = option.value.split(".")
        if parents and parents[0] != group:
            group = parents[0]
            text += f"\n{group}:\n"
        text += _value(option, leaf, 2 if parents else 0)
    return text


def _value(option: Option, leaf: str, by: int) -> str:
    default = CHART_DEFAULTS.get(leaf, option.default)
    comment = f"# {option.description}\n" if option.description else ""
    return indent(comment + dump({leaf: "" if default is None else default}), by)


def _values_schema() -> dict[str, Any]:
    head: dict[str, Any] = json.loads((HERE / "values.head.schema.json").read_text())
    raw = Settings.model_json_schema()
    settings = _camel_properties(raw, raw["$defs"])
    top = {option.value.split(".")[0] for option in _direct()}
    head["properties"] |= {name: schema for name, schema in settings["properties"].items() if name in top}
    return head


def _camel_properties(node: dict[str, Any], defs: dict[str, Any]) -> dict[str, Any]:
    """The schema of the settings in the chart's spelling, with "" for None."""
    node = defs[node["$ref"].rsplit("/", 1)[-1]] if "$ref" in node else node
    schema = {key: value for key, value in node.items() if key in ("type", "enum", "minimum", "maximum", "exclusiveMinimum", "items")}
    if "anyOf" in node:
        return {"type": "string"}
    if "properties" in node:
        schema["additionalProperties"] = False
        schema["properties"] = {to_camel(name): _camel_properties(child, defs) for name, child in node["properties"].items()}
    return schema


def _settings_template() -> str:
    lines = "".join(_argument(option) for option in _direct())
    return f'{COMMENT}{{{{- define "{names.APPLICATION}.settings" }}}}\n{lines}{{{{- end }}}}\n'


def _argument(option: Option) -> str:
    """The template lines that turn a value into a flag; an empty or false value gives no flag."""
    value = f".Values.{option.value}"
    if isinstance(option.default, bool):
        return f"{{{{- if {value} }}}}\n- --{option.flag}\n{{{{- end }}}}\n"
    if isinstance(option.default, list):
        return f'{{{{- with {value} }}}}\n- --{option.flag}={{{{ join "," . }}}}\n{{{{- end }}}}\n'
    if option.default is None:
        return f"{{{{- with {value} }}}}\n- --{option.flag}={{{{ . }}}}\n{{{{- end }}}}\n"
    return f"- --{option.flag}={{{{ {value} }}}}\n"


def _crd_template() -> str:
    crd = build_crd()
    text = dump({"spec": crd["spec"]})
    if "{{" in text:
        raise ValueError("the CRD holds `{{`, which Helm would take for a template")
    head = dump({key: crd[key] for key in ("apiVersion", "kind")}) + dump({"metadata": {"name": crd["metadata"]["name"]}})
    return f"{COMMENT}{{{{- if .Values.crds.enabled }}}}\n{head}  labels:\n{LABELS}{CRD_ANNOTATIONS}{text}{{{{- end }}}}\n"


def _roles_template() -> str:
    everywhere = _role("ClusterRole", rules(Scope.WATCHED, Scope.CLUSTER)) + "---\n" + _role_binding("ClusterRole")
    listed = _role("Role", rules(Scope.WATCHED), "{{ $namespace }}") + "---\n" + _role_binding("Role", "{{ $namespace }}")
    kinds = _role("ClusterRole", rules(Scope.CLUSTER), suffix=CLUSTER_KINDS) + "---\n" + _role_binding("ClusterRole", suffix=CLUSTER_KINDS)
    own = _role("Role", rules(Scope.OWN), "{{ .Release.Namespace }}", "-lease")
    own += "---\n" + _role_binding("Role", "{{ .Release.Namespace }}", "-lease")
    users = "".join(f"---\n{_user_role(to)}" for to in USER_ROLES)
    return (
        f"{COMMENT}{{{{- if .Values.rbac.create }}}}\n"
        f"{{{{- if not .Values.watchNamespaces }}}}\n{everywhere}"
        f"{{{{- if .Values.rbac.aggregate }}}}\n{users}{{{{- end }}}}\n"
        f"{{{{- else }}}}\n{{{{- range $namespace := .Values.watchNamespaces }}}}\n{{{{- with $ }}}}\n---\n{listed}"
        f"{{{{- end }}}}\n{{{{- end }}}}\n{{{{- if .Values.readClusterKinds }}}}\n---\n{kinds}{{{{- end }}}}\n{{{{- end }}}}\n"
        f"{{{{- if .Values.leaderElection }}}}\n---\n{own}{{{{- end }}}}\n{{{{- end }}}}\n"
    )


def _role(kind: str, permitted: list[dict[str, Any]], namespace: str = "", suffix: str = "") -> str:
    return _head(kind, namespace, suffix) + _conditional(dump({"rules": permitted}))


def _conditional(text: str) -> str:
    """Secrets are listed and watched unless `secrets.access` is `get`."""
    return text.replace(f"{LISTED}{LISTING}", f'{LISTED}{{{{- if eq $.Values.secrets.access "watch" }}}}\n{LISTING}{{{{- end }}}}\n')


def _role_binding(kind: str, namespace: str = "", suffix: str = "") -> str:
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": FULLNAME + suffix}
    account = f'{{{{ include "{names.APPLICATION}.serviceAccountName" . }}}}'
    subject = {"kind": "ServiceAccount", "name": account, "namespace": "{{ .Release.Namespace }}"}
    return _head(f"{kind}Binding", namespace, suffix) + dump({"roleRef": reference, "subjects": [subject]})


def _user_role(to: str) -> str:
    role = user_role(to, "")
    labels = indent(dump(role["metadata"]["labels"]), 4)
    return _head("ClusterRole", "", f"-{to}") + labels + dump({"rules": role["rules"]})


def _head(kind: str, namespace: str, suffix: str) -> str:
    where = f"  namespace: {namespace}\n" if namespace else ""
    return f"apiVersion: rbac.authorization.k8s.io/v1\nkind: {kind}\nmetadata:\n  name: {FULLNAME}{suffix}\n{where}  labels:\n{LABELS}"
