{{- define "kinetail.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "kinetail.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else if contains (include "kinetail.name" .) .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "kinetail.name" .) | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "kinetail.selectorLabels" -}}
app.kubernetes.io/name: {{ include "kinetail.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "kinetail.labels" -}}
{{ include "kinetail.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "kinetail.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "kinetail.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "kinetail.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end -}}
{{- end -}}

{{- define "kinetail.volumeMounts" -}}
- name: config
  mountPath: /etc/kinetail
  readOnly: true
- name: state
  mountPath: /var/lib/kinetail
- name: logs
  mountPath: /var/log
  readOnly: true
{{- end -}}

{{- define "kinetail.volumes" -}}
- name: config
  configMap:
    name: {{ include "kinetail.fullname" . }}
- name: state
  hostPath:
    path: {{ .Values.stateHostPath }}
    type: DirectoryOrCreate
- name: logs
  hostPath:
    path: {{ .Values.logHostPath }}
    type: Directory
{{- end -}}

{{/* A string of HCL: JSON's escapes are HCL's, and what would begin a template is doubled. */}}
{{- define "kinetail.string" -}}
{{- . | toJson | replace "${" "$${" | replace "%{" "%%{" -}}
{{- end -}}

{{/* The stream argument: an ARN has its own name. */}}
{{- define "kinetail.stream" -}}
{{- if hasPrefix "arn:" . -}}
stream_arn = {{ include "kinetail.string" . }}
{{- else -}}
stream = {{ include "kinetail.string" . }}
{{- end -}}
{{- end -}}

{{- define "kinetail.config" -}}
{{- if .Values.config -}}
{{ .Values.config }}
{{- else -}}
{{- if not (or .Values.destination.kinesis.stream .Values.destination.firehose.stream) -}}
{{- fail "\n\nWhere should the logs go? Set destination.kinesis.stream or destination.firehose.stream, or write the whole configuration into config:\n\n  helm install kinetail ... --set destination.kinesis.stream=containers\n" -}}
{{- end -}}
agent {
  state_dir        = "/var/lib/kinetail"
  listen           = ":{{ .Values.port }}"
  memory_limit     = {{ include "kinetail.string" .Values.memoryLimit }}
  shutdown_timeout = "{{ .Values.shutdownTimeoutSeconds }}s"
}
{{ with .Values.aws.region }}
aws {
  region = {{ include "kinetail.string" . }}
}
{{ end }}
{{- if .Values.metadata.enabled }}
kubernetes {
  node = local.node
}
{{ end }}
locals {
  node = env("NODE_NAME", "")
}

flow "containers" {
  tail {
    paths = [
      {{- range .Values.namespaces.include }}
      {{ include "kinetail.string" (printf "/var/log/pods/%s_*/*/*.log" .) }},
      {{- end }}
    ]
    exclude = [
      {{ include "kinetail.string" (printf "/var/log/pods/%s_%s-*/**" .Release.Namespace (include "kinetail.fullname" .)) }}, # our own
      {{- range .Values.namespaces.exclude }}
      {{ include "kinetail.string" (printf "/var/log/pods/%s_*/**" .) }},
      {{- end }}
    ]
    format   = "cri"
    start_at = {{ include "kinetail.string" .Values.startAt }}
  }
{{ with .Values.steps }}
{{ trim . | indent 2 }}
{{ end }}
{{- with .Values.destination.kinesis }}
{{- if .stream }}
  emit "kinesis" {
    {{ include "kinetail.stream" .stream }}

{{ trim .arguments | indent 4 }}
  }
{{- end }}
{{- end }}
{{- with .Values.destination.firehose }}
{{- if .stream }}
  emit "firehose" {
    stream = {{ include "kinetail.string" .stream }}

{{ trim .arguments | indent 4 }}
  }
{{- end }}
{{- end }}
}
{{- end -}}
{{- end -}}
