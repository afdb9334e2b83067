{{- /* What no schema can say: values that do not go together. Each message names them, and what to write. */ -}}
{{- define "holdfast.check" -}}
{{- $managed := .Values.etcd.managed.enabled -}}
{{- $external := .Values.etcd.external -}}
{{- if and $managed $external.endpoints -}}
{{- fail "etcd.external.endpoints stands beside etcd.managed.enabled=true: set etcd.managed.enabled=false, or leave the endpoints out" -}}
{{- end -}}
{{- if and (not $managed) (not $external.endpoints) -}}
{{- fail "etcd.managed.enabled is false, and etcd.external.endpoints is empty: write where etcd is, or let the operator run one" -}}
{{- end -}}
{{- range $name := list "caSecret" "adminSecret" "issuerSecret" "passwords" "maintenance" -}}
{{- if and $managed (index $external $name) -}}
{{- fail (printf "etcd.external.%s is of no use with etcd.managed.enabled=true: leave it out" $name) -}}
{{- end -}}
{{- end -}}
{{- with .Values.etcd.managed.storage -}}
{{- if and .ephemeral .className -}}
{{- fail "etcd.managed.storage.className is of no use with etcd.managed.storage.ephemeral=true, which has no volume: leave one of the two out" -}}
{{- end -}}
{{- end -}}
{{- if and $external.passwords $external.issuerSecret -}}
{{- fail "etcd.external.passwords stands beside etcd.external.issuerSecret: sidecars come with one of the two; leave the other out" -}}
{{- end -}}
{{- range $name := list "passwords" "issuerSecret" -}}
{{- if and (index $external $name) (not $external.adminSecret) -}}
{{- fail (printf "etcd.external.%s needs etcd.external.adminSecret: without an admin nobody can make users" $name) -}}
{{- end -}}
{{- end -}}
{{- $plain := list -}}
{{- $secured := list -}}
{{- range $external.endpoints -}}
{{- if hasPrefix "https:" . -}}{{- $secured = append $secured . -}}{{- else -}}{{- $plain = append $plain . -}}{{- end -}}
{{- end -}}
{{- if and $plain $secured -}}
{{- fail (printf "etcd.external.endpoints has %s beside %s: all of them are https, or none" (first $plain) (first $secured)) -}}
{{- end -}}
{{- range $name := list "caSecret" "issuerSecret" -}}
{{- if and $plain (index $external $name) -}}
{{- fail (printf "etcd.external.%s is of no use with %s: write https, or leave it out" $name (first $plain)) -}}
{{- end -}}
{{- end -}}
{{- range $bound := list (list "sessionTtl" "3s" "10m") (list "certificateLife" "30s" "720h") -}}
{{- $value := index $.Values (index $bound 0) -}}
{{- $ms := include "holdfast.ms" $value | int64 -}}
{{- if or (lt $ms (include "holdfast.ms" (index $bound 1) | int64)) (gt $ms (include "holdfast.ms" (index $bound 2) | int64)) -}}
{{- fail (printf "%s is %s: write %s to %s" (index $bound 0) $value (index $bound 1) (index $bound 2)) -}}
{{- end -}}
{{- end -}}
{{- if and (not .Values.serviceAccount.create) (not .Values.serviceAccount.name) -}}
{{- fail "serviceAccount.create is false, and serviceAccount.name is empty: write the name of the account that is there" -}}
{{- end -}}
{{- if has "kube-system" .Values.namespaces -}}
{{- fail "namespaces has kube-system: nothing is served there" -}}
{{- end -}}
{{- if and .Values.test.namespace .Values.namespaces (not (has .Values.test.namespace .Values.namespaces)) -}}
{{- fail (printf "test.namespace is %s, which is none of namespaces: write one that is served" .Values.test.namespace) -}}
{{- end -}}
{{- if and .Values.test.namespace (ne .Values.test.namespace .Release.Namespace) (not .Values.injection.enabled) -}}
{{- fail "test.namespace is another namespace than the release's, and injection.enabled is false: the test's pod would get no sidecar; leave test.namespace out" -}}
{{- end -}}
{{- if hasPrefix "kube-" .Release.Namespace -}}
{{- fail (printf "the release's namespace is %s: install it into one of its own (--namespace holdfast-system --create-namespace)" .Release.Namespace) -}}
{{- end -}}
{{- end -}}

{{- /* Of a duration as the schema takes it. */ -}}
{{- define "holdfast.ms" -}}
{{- $ms := 0.0 -}}
{{- range regexFindAll "[0-9.]+(ms|h|m|s)" . -1 -}}
{{- $unit := regexFind "[a-z]+$" . -}}
{{- $ms = addf $ms (mulf (trimSuffix $unit . | float64) (get (dict "h" 3600000.0 "m" 60000.0 "s" 1000.0 "ms" 1.0) $unit)) -}}
{{- end -}}
{{- int64 (round $ms 0) -}}
{{- end -}}
