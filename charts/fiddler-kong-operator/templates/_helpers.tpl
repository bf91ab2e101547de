{{- define "fiddler-kong-operator.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "fiddler-kong-operator.fullname" -}}
{{- $name := include "fiddler-kong-operator.name" . }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 52 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "fiddler-kong-operator.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "fiddler-kong-operator.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- /* fiddler-kong finds the operator by app.kubernetes.io/name, so nameOverride does not change it. */}}
{{- define "fiddler-kong-operator.selectorLabels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "fiddler-kong-operator.labels" -}}
{{- with omit .Values.commonLabels "app.kubernetes.io/name" "app.kubernetes.io/instance" }}
{{- toYaml . }}
{{ end }}
{{- include "fiddler-kong-operator.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "fiddler-kong-operator.image" -}}
{{- with .Values.image }}
{{- with .registry }}{{ . }}/{{ end }}{{ .repository }}
{{- if .digest }}
{{- with .tag }}:{{ . }}{{ end }}@{{ .digest }}
{{- else }}:{{ .tag | default $.Chart.AppVersion }}
{{- end }}
{{- end }}
{{- end }}

{{- define "fiddler-kong-operator.podSecurityContext" -}}
{{- if .Values.openshift }}
{{- omit .Values.podSecurityContext "runAsUser" "runAsGroup" "fsGroup" | toYaml }}
{{- else }}
{{- toYaml .Values.podSecurityContext }}
{{- end }}
{{- end }}

{{- define "fiddler-kong-operator.securityContext" -}}
{{- if .Values.openshift }}
{{- omit .Values.securityContext "runAsUser" "runAsGroup" | toYaml }}
{{- else }}
{{- toYaml .Values.securityContext }}
{{- end }}
{{- end }}

{{- /* Several replicas prefer different nodes. */}}
{{- define "fiddler-kong-operator.affinity" -}}
{{- if .Values.affinity }}
{{- toYaml .Values.affinity }}
{{- else if gt (int .Values.replicaCount) 1 -}}
podAntiAffinity:
  preferredDuringSchedulingIgnoredDuringExecution:
    - weight: 100
      podAffinityTerm:
        topologyKey: kubernetes.io/hostname
        labelSelector:
          matchLabels:
            {{- include "fiddler-kong-operator.selectorLabels" . | nindent 12 }}
{{- end }}
{{- end }}

{{- define "fiddler-kong-operator.topologySpreadConstraints" -}}
{{- $selector := dict "matchLabels" (include "fiddler-kong-operator.selectorLabels" . | fromYaml) }}
{{- range .Values.topologySpreadConstraints }}
- {{ hasKey . "labelSelector" | ternary . (merge (dict "labelSelector" $selector) .) | toYaml | indent 2 | trim }}
{{- end }}
{{- end }}

{{- /* The flags that say where the operator works. */}}
{{- define "fiddler-kong-operator.scope" -}}
{{- with .Values.watchNamespaces }}
- --namespaces={{ join "," . }}
{{- end }}
{{- if .Values.leaderElection }}
- --lease-namespace=$(POD_NAMESPACE)
{{- end }}
{{- end }}

{{- /* Fields that the pods of the operator and of the test have in common. */}}
{{- define "fiddler-kong-operator.pod" -}}
serviceAccountName: {{ include "fiddler-kong-operator.serviceAccountName" . }}
{{- if not .Values.serviceAccount.automountServiceAccountToken }}
automountServiceAccountToken: false
{{- end }}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.dnsPolicy }}
dnsPolicy: {{ . }}
{{- end }}
{{- with .Values.dnsConfig }}
dnsConfig:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.hostAliases }}
hostAliases:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- include "fiddler-kong-operator.podSecurityContext" . | nindent 2 }}
{{- with .Values.extraVolumes }}
volumes:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- /* Fields that their containers have in common. */}}
{{- define "fiddler-kong-operator.container" -}}
image: {{ include "fiddler-kong-operator.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
env:
  - name: POD_NAMESPACE
    valueFrom:
      fieldRef:
        fieldPath: metadata.namespace
  {{- with .Values.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with .Values.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- include "fiddler-kong-operator.securityContext" . | nindent 2 }}
{{- with .Values.extraVolumeMounts }}
volumeMounts:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- /* Ends the rendering where something is asked of /metrics and metricsPort switches it off. */}}
{{- define "fiddler-kong-operator.needMetrics" -}}
{{- if not .Values.metricsPort }}
{{- fail "monitoring needs /metrics: metricsPort must not be 0" }}
{{- end }}
{{- end }}

{{- /* Metadata of an object of .Values.monitoring. Takes a list: the root, the object's values, a suffix of the name. */}}
{{- define "fiddler-kong-operator.monitoringMetadata" -}}
{{- $root := index . 0 }}
{{- $values := index . 1 -}}
name: {{ include "fiddler-kong-operator.fullname" $root }}{{ index . 2 }}
namespace: {{ get $values "namespace" | default $root.Release.Namespace }}
labels:
  {{- include "fiddler-kong-operator.labels" $root | nindent 2 }}
  {{- with get $values "labels" }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with get $values "annotations" }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- /* The endpoint of a monitor. */}}
{{- define "fiddler-kong-operator.scrape" -}}
port: metrics
{{- with .interval }}
interval: {{ . }}
{{- end }}
{{- with .scrapeTimeout }}
scrapeTimeout: {{ . }}
{{- end }}
{{- with .relabelings }}
relabelings:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .metricRelabelings }}
metricRelabelings:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
