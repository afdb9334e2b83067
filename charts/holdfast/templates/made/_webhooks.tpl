{{- /* Made from operator/webhooks/configuration.ts by `make generate`. Do not edit. */ -}}
{{- define "holdfast.webhooks" }}
- name: pod.inject.holdfast.dev
  clientConfig:
    service:
      name: {{ include "holdfast.operator" . | quote }}
      namespace: {{ .Release.Namespace | quote }}
      path: /inject
      port: 443
  rules:
    - apiGroups:
        - ""
      apiVersions:
        - v1
      operations:
        - CREATE
      resources:
        - pods
      scope: Namespaced
  failurePolicy: Fail
  matchPolicy: Equivalent
  reinvocationPolicy: IfNeeded
  sideEffects: None
  timeoutSeconds: 5
  admissionReviewVersions:
    - v1
  namespaceSelector:
    matchExpressions:
      - key: kubernetes.io/metadata.name
        operator: NotIn
        values:
          - kube-system
          - {{ .Release.Namespace | quote }}
{{- if .Values.namespaces }}
      - key: kubernetes.io/metadata.name
        operator: In
        values:
          {{- toYaml .Values.namespaces | nindent 10 }}
{{- end }}
  objectSelector:
    matchExpressions:
      - key: holdfast.dev/inject
        operator: Exists
      - key: holdfast.dev/inject
        operator: NotIn
        values:
          - disabled
- name: namespace.inject.holdfast.dev
  clientConfig:
    service:
      name: {{ include "holdfast.operator" . | quote }}
      namespace: {{ .Release.Namespace | quote }}
      path: /inject
      port: 443
  rules:
    - apiGroups:
        - ""
      apiVersions:
        - v1
      operations:
        - CREATE
      resources:
        - pods
      scope: Namespaced
  failurePolicy: Fail
  matchPolicy: Equivalent
  reinvocationPolicy: IfNeeded
  sideEffects: None
  timeoutSeconds: 5
  admissionReviewVersions:
    - v1
  namespaceSelector:
    matchExpressions:
      - key: holdfast.dev/inject
        operator: Exists
      - key: holdfast.dev/inject
        operator: NotIn
        values:
          - disabled
      - key: kubernetes.io/metadata.name
        operator: NotIn
        values:
          - kube-system
          - {{ .Release.Namespace | quote }}
{{- if .Values.namespaces }}
      - key: kubernetes.io/metadata.name
        operator: In
        values:
          {{- toYaml .Values.namespaces | nindent 10 }}
{{- end }}
  objectSelector:
    matchExpressions:
      - key: holdfast.dev/inject
        operator: DoesNotExist
{{- end }}
