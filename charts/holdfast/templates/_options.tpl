{{- /* The operator's options (operator/options.ts) as this release sets them. What is left out has the option's own default. */ -}}
{{- define "holdfast.options" -}}
- name: HOLDFAST_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
- name: HOLDFAST_NAMESPACES
  value: {{ default "*" (join "," .Values.namespaces) | quote }}
- name: HOLDFAST_INSTALLATION
  value: {{ include "holdfast.fullname" . | quote }}
- name: HOLDFAST_LEASE
  value: {{ include "holdfast.operator" . | quote }}
- name: HOLDFAST_SERVICE
  value: {{ include "holdfast.operator" . | quote }}
{{- if .Values.injection.enabled }}
- name: HOLDFAST_WEBHOOK_CONFIGURATION
  value: {{ include "holdfast.clusterName" . | quote }}
- name: HOLDFAST_SIDECAR_IMAGE
  value: {{ include "holdfast.image" (list . .Values.sidecar.image) | quote }}
- name: HOLDFAST_SIDECAR_PULL_POLICY
  value: {{ .Values.image.pullPolicy }}
{{- end }}
- name: HOLDFAST_CERTIFICATE_LIFE
  value: {{ .Values.certificateLife | quote }}
- name: HOLDFAST_SESSION_TTL
  value: {{ .Values.sessionTtl | quote }}
{{- with .Values.etcd.managed }}
{{- if .enabled }}
- name: HOLDFAST_ETCD_MANAGED
  value: "true"
- name: HOLDFAST_ETCD_IMAGE
  value: {{ include "holdfast.image" (list $ .image) | quote }}
{{- with include "holdfast.etcdPod" $ }}
- name: HOLDFAST_ETCD_POD
  value: {{ . | quote }}
{{- end }}
- name: HOLDFAST_ETCD_STORAGE
  value: {{ .storage.size | quote }}
{{- with .storage.className }}
- name: HOLDFAST_ETCD_STORAGE_CLASS
  value: {{ . | quote }}
{{- end }}
- name: HOLDFAST_ETCD_EPHEMERAL
  value: {{ .storage.ephemeral | quote }}
{{- end }}
{{- end }}
{{- with .Values.etcd.external }}
{{- if .endpoints }}
- name: HOLDFAST_ETCD_ENDPOINTS
  value: {{ join "," .endpoints | quote }}
{{- with .caSecret }}
- name: HOLDFAST_ETCD_CA_SECRET
  value: {{ . | quote }}
{{- end }}
{{- with .adminSecret }}
- name: HOLDFAST_ETCD_ADMIN_SECRET
  value: {{ . | quote }}
{{- end }}
{{- with .issuerSecret }}
- name: HOLDFAST_ETCD_ISSUER_SECRET
  value: {{ . | quote }}
{{- end }}
- name: HOLDFAST_ETCD_PASSWORDS
  value: {{ .passwords | quote }}
- name: HOLDFAST_ETCD_MAINTENANCE
  value: {{ .maintenance | quote }}
{{- end }}
{{- end }}
- name: HOLDFAST_LOG_LEVEL
  value: {{ .Values.logging.level }}
- name: HOLDFAST_LOG_FORMAT
  value: {{ .Values.logging.format }}
{{- end -}}

{{- /* Of the managed etcd, as JSON; empty: nothing is said. */ -}}
{{- define "holdfast.etcdPod" -}}
{{- $pod := dict -}}
{{- with .Values.image.pullSecrets -}}
{{- $_ := set $pod "imagePullSecrets" . -}}
{{- end -}}
{{- range $field := list "resources" "priorityClassName" "nodeSelector" "tolerations" "affinity" -}}
{{- with index $.Values.etcd.managed $field -}}
{{- $_ := set $pod $field . -}}
{{- end -}}
{{- end -}}
{{- with $pod -}}
{{- toJson . -}}
{{- end -}}
{{- end -}}
