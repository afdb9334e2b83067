{{- /* Names and labels. All that the operator makes in its namespace begins with the fullname, which names the installation. */ -}}
{{- define "holdfast.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- /* Deployment, Service and Lease. */ -}}
{{- define "holdfast.operator" -}}
{{- printf "%s-operator" (include "holdfast.fullname" .) -}}
{{- end -}}

{{- /* Of what has no namespace: two releases of one name in two namespaces do not meet. */ -}}
{{- define "holdfast.clusterName" -}}
{{- printf "%s-%s" (include "holdfast.fullname" .) .Release.Namespace -}}
{{- end -}}

{{- define "holdfast.serviceAccount" -}}
{{- default (include "holdfast.operator" .) .Values.serviceAccount.name -}}
{{- end -}}

{{- define "holdfast.instanceLabels" -}}
app.kubernetes.io/name: holdfast
app.kubernetes.io/instance: {{ include "holdfast.fullname" . | quote }}
{{- end -}}

{{- /* Of what never changes: a Deployment's selector. */ -}}
{{- define "holdfast.operatorLabels" -}}
{{ include "holdfast.instanceLabels" . }}
app.kubernetes.io/component: operator
{{- end -}}

{{- define "holdfast.chartLabels" -}}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "holdfast.labels" -}}
{{ include "holdfast.instanceLabels" . }}
{{ include "holdfast.chartLabels" . }}
{{- end -}}

{{- /* The annotations of everything, with those of one thing: (list . more). Nothing where there are none. */ -}}
{{- define "holdfast.annotations" -}}
{{- $root := index . 0 -}}
{{- with merge (dict) (index . 1) $root.Values.commonAnnotations -}}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end -}}
{{- end -}}

{{- /* (list . image) */ -}}
{{- define "holdfast.image" -}}
{{- $root := index . 0 -}}
{{- $image := index . 1 -}}
{{- with $root.Values.image.registry }}{{ trimSuffix "/" . }}/{{ end -}}
{{- $image.repository -}}
{{- if $image.digest }}@{{ $image.digest }}{{ else }}:{{ default $root.Chart.AppVersion $image.tag }}{{ end -}}
{{- end -}}

{{- /* "all" or "some": which of the operator's rules are granted. */ -}}
{{- define "holdfast.serves" -}}
{{- if .Values.namespaces }}some{{ else }}all{{ end -}}
{{- end -}}

{{- /* What a container may not do, which passes `restricted`. */ -}}
{{- define "holdfast.containerSecurityContext" -}}
allowPrivilegeEscalation: false
capabilities:
  drop: [ALL]
readOnlyRootFilesystem: true
{{- end -}}
