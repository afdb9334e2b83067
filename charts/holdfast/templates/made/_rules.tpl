{{- /* Made from operator/permissions.ts by `make generate`. Do not edit. */ -}}
{{- define "holdfast.rules.all.cluster" }}
# its uid names the cluster, so that two clusters never share one spec tree in etcd
- apiGroups:
    - ""
  resources:
    - namespaces
  resourceNames:
    - kube-system
  verbs:
    - get
# a sidecar that asks for its identity shows a token: whose it is, and for which pod, only the API server knows
- apiGroups:
    - authentication.k8s.io
  resources:
    - tokenreviews
  verbs:
    - create
# a namespace's user in etcd goes when the namespace is gone; those that are served by name are followed by name
- apiGroups:
    - ""
  resources:
    - namespaces
  verbs:
    - list
    - watch
# whether pods of a namespace get a sidecar is said by its label, which is read when one is to be made
- apiGroups:
    - ""
  resources:
    - namespaces
  verbs:
    - get
# whom the API server is to trust at the webhooks is written into their configuration by server-side apply, and nothing else of it; it is made by whoever installs the operator
- apiGroups:
    - admissionregistration.k8s.io
  resources:
    - mutatingwebhookconfigurations
  resourceNames:
    - {{ include "holdfast.clusterName" . | quote }}
  verbs:
    - get
    - patch
# the resources are followed by watches; one of them is read where a watch may be behind
- apiGroups:
    - holdfast.dev
  resources:
    - distributedlocks
  verbs:
    - get
    - list
    - watch
# statuses are written by server-side apply; the rest of a resource never is
- apiGroups:
    - holdfast.dev
  resources:
    - distributedlocks/status
  verbs:
    - patch
# Backends are followed by watches, also those that are not used: their status says so
- apiGroups:
    - holdfast.dev
  resources:
    - backends
  verbs:
    - list
    - watch
# the state of the etcd that is used is written into its status by server-side apply
- apiGroups:
    - holdfast.dev
  resources:
    - backends/status
  verbs:
    - patch
# the metadata of pods that have not ended is followed: a namespace gets its user in etcd with its first pod that has a sidecar, and pods that ask for one and run without, or whose sidecar is old, are counted and told
- apiGroups:
    - ""
  resources:
    - pods
  verbs:
    - list
    - watch
# what a person would want to know is told as Events, repetitions in the same one
- apiGroups:
    - events.k8s.io
  resources:
    - events
  verbs:
    - create
    - patch
{{- end }}
{{- define "holdfast.rules.all.own" }}
# the first operator makes the Lease; no rule can name what is made
- apiGroups:
    - coordination.k8s.io
  resources:
    - leases
  verbs:
    - create
# the leader renews the Lease, and gives it back when it ends
- apiGroups:
    - coordination.k8s.io
  resources:
    - leases
  resourceNames:
    - {{ include "holdfast.operator" . | quote }}
  verbs:
    - get
    - update
# the Backend `default` is made from the operator's options where it is missing; no rule can name what is made
- apiGroups:
    - holdfast.dev
  resources:
    - backends
  verbs:
    - create
# the Secrets that the Backend names are read: etcd's authority and its admin, under names that users choose
- apiGroups:
    - ""
  resources:
    - secrets
  verbs:
    - get
# the Secrets with the passwords of namespaces are followed: one that is deleted is made anew, with another password
- apiGroups:
    - ""
  resources:
    - secrets
  verbs:
    - list
    - watch
# a namespace's Secret is made by server-side apply when it gets its user in etcd, which takes both, and deleted when the namespace is gone
- apiGroups:
    - ""
  resources:
    - secrets
  verbs:
    - create
    - patch
    - delete
# the Secrets of the three authorities are read, and made where they are missing, by every operator; the leader writes them over the version that it read when one is renewed
- apiGroups:
    - ""
  resources:
    - secrets
  verbs:
    - get
    - create
    - update
# the StatefulSet of an etcd that the operator runs is made and kept by server-side apply, which takes both; read first, so that nobody else's is written over; it is never deleted
- apiGroups:
    - apps
  resources:
    - statefulsets
  verbs:
    - get
    - list
    - watch
    - create
    - patch
# its Services likewise
- apiGroups:
    - ""
  resources:
    - services
  verbs:
    - get
    - list
    - watch
    - create
    - patch
# what keeps its pod or its volume from coming up is told in the Backend's status
- apiGroups:
    - ""
  resources:
    - pods
    - persistentvolumeclaims
  verbs:
    - list
    - watch
# one annotation on its pod tells the kubelet that it is to trust others, where a new pod would lose the data; no rule can name a pod of a set whose name is an option
- apiGroups:
    - ""
  resources:
    - pods
  verbs:
    - patch
{{- end }}
{{- define "holdfast.rules.some.cluster" }}
# its uid names the cluster, so that two clusters never share one spec tree in etcd
- apiGroups:
    - ""
  resources:
    - namespaces
  resourceNames:
    - kube-system
  verbs:
    - get
# a sidecar that asks for its identity shows a token: whose it is, and for which pod, only the API server knows
- apiGroups:
    - authentication.k8s.io
  resources:
    - tokenreviews
  verbs:
    - create
# a namespace's user in etcd goes when the namespace is gone; those that are served by name are followed by name
- apiGroups:
    - ""
  resources:
    - namespaces
  resourceNames:
    {{- toYaml .Values.namespaces | nindent 4 }}
  verbs:
    - list
    - watch
# whether pods of a namespace get a sidecar is said by its label; and with a namespace goes the Role in it: whether that is why its resources are forbidden is asked
- apiGroups:
    - ""
  resources:
    - namespaces
  resourceNames:
    {{- toYaml .Values.namespaces | nindent 4 }}
  verbs:
    - get
# whom the API server is to trust at the webhooks is written into their configuration by server-side apply, and nothing else of it; it is made by whoever installs the operator
- apiGroups:
    - admissionregistration.k8s.io
  resources:
    - mutatingwebhookconfigurations
  resourceNames:
    - {{ include "holdfast.clusterName" . | quote }}
  verbs:
    - get
    - patch
{{- end }}
{{- define "holdfast.rules.some.own" }}
# the first operator makes the Lease; no rule can name what is made
- apiGroups:
    - coordination.k8s.io
  resources:
    - leases
  verbs:
    - create
# the leader renews the Lease, and gives it back when it ends
- apiGroups:
    - coordination.k8s.io
  resources:
    - leases
  resourceNames:
    - {{ include "holdfast.operator" . | quote }}
  verbs:
    - get
    - update
# the Backend `default` is made from the operator's options where it is missing; no rule can name what is made
- apiGroups:
    - holdfast.dev
  resources:
    - backends
  verbs:
    - create
# the Secrets that the Backend names are read: etcd's authority and its admin, under names that users choose
- apiGroups:
    - ""
  resources:
    - secrets
  verbs:
    - get
# the Secrets with the passwords of namespaces are followed: one that is deleted is made anew, with another password
- apiGroups:
    - ""
  resources:
    - secrets
  verbs:
    - list
    - watch
# a namespace's Secret is made by server-side apply when it gets its user in etcd, which takes both, and deleted when the namespace is gone
- apiGroups:
    - ""
  resources:
    - secrets
  verbs:
    - create
    - patch
    - delete
# the Secrets of the three authorities are read, and made where they are missing, by every operator; the leader writes them over the version that it read when one is renewed
- apiGroups:
    - ""
  resources:
    - secrets
  verbs:
    - get
    - create
    - update
# the StatefulSet of an etcd that the operator runs is made and kept by server-side apply, which takes both; read first, so that nobody else's is written over; it is never deleted
- apiGroups:
    - apps
  resources:
    - statefulsets
  verbs:
    - get
    - list
    - watch
    - create
    - patch
# its Services likewise
- apiGroups:
    - ""
  resources:
    - services
  verbs:
    - get
    - list
    - watch
    - create
    - patch
# what keeps its pod or its volume from coming up is told in the Backend's status
- apiGroups:
    - ""
  resources:
    - pods
    - persistentvolumeclaims
  verbs:
    - list
    - watch
# one annotation on its pod tells the kubelet that it is to trust others, where a new pod would lose the data; no rule can name a pod of a set whose name is an option
- apiGroups:
    - ""
  resources:
    - pods
  verbs:
    - patch
# Backends are followed by watches, also those that are not used: their status says so
- apiGroups:
    - holdfast.dev
  resources:
    - backends
  verbs:
    - list
    - watch
# the state of the etcd that is used is written into its status by server-side apply
- apiGroups:
    - holdfast.dev
  resources:
    - backends/status
  verbs:
    - patch
# what a person would want to know is told as Events, repetitions in the same one
- apiGroups:
    - events.k8s.io
  resources:
    - events
  verbs:
    - create
    - patch
{{- end }}
{{- define "holdfast.rules.some.served" }}
# the resources are followed by watches; one of them is read where a watch may be behind
- apiGroups:
    - holdfast.dev
  resources:
    - distributedlocks
  verbs:
    - get
    - list
    - watch
# statuses are written by server-side apply; the rest of a resource never is
- apiGroups:
    - holdfast.dev
  resources:
    - distributedlocks/status
  verbs:
    - patch
# Backends are followed by watches, also those that are not used: their status says so
- apiGroups:
    - holdfast.dev
  resources:
    - backends
  verbs:
    - list
    - watch
# the state of the etcd that is used is written into its status by server-side apply
- apiGroups:
    - holdfast.dev
  resources:
    - backends/status
  verbs:
    - patch
# the metadata of pods that have not ended is followed: a namespace gets its user in etcd with its first pod that has a sidecar, and pods that ask for one and run without, or whose sidecar is old, are counted and told
- apiGroups:
    - ""
  resources:
    - pods
  verbs:
    - list
    - watch
# what a person would want to know is told as Events, repetitions in the same one
- apiGroups:
    - events.k8s.io
  resources:
    - events
  verbs:
    - create
    - patch
{{- end }}
