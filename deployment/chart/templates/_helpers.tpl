{{/* The name of everything: the release, with the chart's name if it does not hold it. */}}
{{- define "gitdailies.name" -}}
{{- $name := ternary .Release.Name (printf "%s-%s" .Release.Name .Chart.Name) (contains .Chart.Name .Release.Name) }}
{{- $name | trunc 40 | trimSuffix "-" }}
{{- end }}

{{/* Labels by which Services find pods. They never change. Needs dict "root" and "part". */}}
{{- define "gitdailies.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .part }}
{{- end }}

{{- define "gitdailies.labels" -}}
{{ include "gitdailies.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end }}

{{- define "gitdailies.image" -}}
{{- if .Values.image.digest }}{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else }}{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end }}
{{- end }}

{{/* How many servers of a kind there are. With SQLite there can only be one, since it is a file of one process.
     Needs dict "root", "part" and "replicas". */}}
{{- define "gitdailies.replicas" -}}
{{- $shared := ne .root.Values.store.url "" }}
{{- $replicas := int (.replicas | default (ternary 2 1 $shared)) }}
{{- if and (not $shared) (gt $replicas 1) }}
{{- fail (printf "%s.replicas: expected 1 with SQLite, got %d; set store.url to a PostgreSQL database, which servers can share" .part $replicas) }}
{{- end }}
{{- $replicas }}
{{- end }}

{{/* Without PostgreSQL the old pod must end before the new one opens its file. */}}
{{- define "gitdailies.strategy" -}}
strategy: {{ if .Values.store.url }}{type: RollingUpdate, rollingUpdate: {maxUnavailable: 0, maxSurge: 1}}{{ else }}{type: Recreate}{{ end }}
{{- end }}

{{/* Pods of one kind run on different nodes and in different zones, where there are some. */}}
{{- define "gitdailies.spread" -}}
# Five seconds until nothing is sent to it any more, and ten in which it ends what it has begun.
terminationGracePeriodSeconds: 25
topologySpreadConstraints:
  {{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{- include "gitdailies.selector" $ | nindent 8 }}
  {{- end }}
{{- end }}

{{/* Of several pods, a drained node takes one at a time. Needs dict "root", "part" and "replicas". */}}
{{- define "gitdailies.disruption" -}}
{{- if gt (int (include "gitdailies.replicas" .)) 1 }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ include "gitdailies.name" .root }}-{{ .part }}
  labels: {{- include "gitdailies.labels" . | nindent 4 }}
spec:
  maxUnavailable: 1
  selector:
    matchLabels: {{- include "gitdailies.selector" . | nindent 6 }}
{{- end }}
{{- end }}

{{/* gitdailies.yml: what the chart sets, and over it the value `config`. */}}
{{- define "gitdailies.config" -}}
{{- $name := include "gitdailies.name" . }}
{{- /* Not in the schema: Helm would print a value that does not fit, and a password with it. */}}
{{- if .Values.store.url }}
{{- if regexMatch "^postgres(ql)?://[^/@]*:[^@]*@|[?&](ssl)?password=" .Values.store.url }}
{{- fail "store.url: expected an address without a password, got one with a password; put it into a Secret, and name that in store.passwordSecret" }}
{{- end }}
{{- /* The servers read the rest by libpq: several hosts, a socket, a service, TLS. */}}
{{- if not (regexMatch "^postgres(ql)?://[^/\\s]*/[^\\s]+$" .Values.store.url) }}
{{- fail "store.url: expected postgresql://USER@HOST/DATABASE, got another form" }}
{{- end }}
{{- end }}
{{- if (.Values.config.relay | default dict).store }}
{{- fail "config.relay.store: the chart sets it; set store.url, and store.passwordSecret for the password" }}
{{- end }}
{{- if hasKey .Values "webhooks" }}
{{- fail "webhooks: these values are called dora now; rename them, what is in them stays as it is" }}
{{- end }}
{{- if not (or .Values.dora.enabled .Values.receiver.url) }}
{{- fail "receiver.url: expected an address, since dora.enabled is false and the relay has nowhere to send to" }}
{{- end }}
{{- $key := dict "file" (printf "/run/gitdailies/key/%s" .Values.receiver.keyKey) }}
{{- $receiver := dict "url" (.Values.receiver.url | default (printf "http://%s-dora:8700/webhooks" $name)) "key" $key }}
{{- if not .Values.receiver.url }}{{ $_ := set $receiver "allow_http" true }}{{ end }}
{{- $relay := dict "listen" "0.0.0.0:8701" "status" "0.0.0.0:8702" "status_hosts" (list (printf "%s-relay-status" $name)) }}
{{- if .Values.store.url }}{{ $_ := set $relay "store" .Values.store.url }}{{ end }}
{{- $file := dict "gitdailies" $receiver "relay" $relay }}
{{- if .Values.relay.statusKeySecret }}
{{- $statusKey := dict "file" (printf "/run/gitdailies/status-key/%s" .Values.relay.statusKeyKey) }}
{{- $_ := set $relay "status_key" $statusKey }}
{{- if .Values.relay.enabled }}
{{- $asked := dict "url" (printf "http://%s-relay-status:8702" $name) "allow_http" true "key" $statusKey }}
{{- $_ := set $file "dora" (dict "relay" $asked) }}
{{- end }}
{{- end }}
{{- toYaml (mergeOverwrite $file (deepCopy .Values.config)) }}
{{- end }}

{{/* The parts of a pod that all of them share. Needs dict "root" and "part". */}}
{{- define "gitdailies.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .root.Values.pod.serviceAccountName }}
serviceAccountName: {{ . }}
{{- end }}
{{- with .root.Values.pod.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with .root.Values.pod.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.pod.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.pod.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  # Volumes and files of Secrets get this group, so that the servers can read them.
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "gitdailies.container" -}}
image: {{ include "gitdailies.image" .root | quote }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}

{{/* PostgreSQL's library refuses a file with a password that a group can read, as files of a Secret are. */}}
{{- define "gitdailies.passwordCopy" -}}
{{- if and .root.Values.store.url .root.Values.store.passwordSecret }}
initContainers:
  - name: database-password
    {{- include "gitdailies.container" . | nindent 4 }}
    command: [sh, -c]
    args:
      - umask 077 && sed -e 's/[\\:]/\\&/g' -e 's/^/*:*:*:*:/' "/run/gitdailies/database/$KEY" > /run/gitdailies/pgpass/pgpass
    env:
      - name: KEY
        value: {{ .root.Values.store.passwordKey | quote }}
    resources: {requests: {cpu: 10m, memory: 16Mi}, limits: {memory: 64Mi}}
    volumeMounts:
      - {name: database-password, mountPath: /run/gitdailies/database, readOnly: true}
      - {name: pgpass, mountPath: /run/gitdailies/pgpass}
{{- end }}
{{- end }}

{{- define "gitdailies.env" -}}
- name: GITDAILIES_DATA
  value: /data
{{- if .root.Values.store.url }}
- name: GITDAILIES_STORE
  value: {{ .root.Values.store.url | quote }}
{{- if .root.Values.store.passwordSecret }}
- name: PGPASSFILE
  value: /run/gitdailies/pgpass/pgpass
{{- end }}
{{- end }}
{{- with .root.Values.pod.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* The claim of the DORA server keeps its first name: a new name would be a new, empty volume. */}}
{{- define "gitdailies.claim" -}}
{{ include "gitdailies.name" .root }}-{{ if eq .part "dora" }}webhooks{{ else }}{{ .part }}{{ end }}
{{- end }}

{{- define "gitdailies.mounts" -}}
- {name: config, mountPath: /etc/gitdailies, readOnly: true}
- {name: data, mountPath: /data}
- {name: tmp, mountPath: /tmp}
{{- if ne .part "dora" }}
- {name: key, mountPath: /run/gitdailies/key, readOnly: true}
{{- end }}
{{- if .root.Values.relay.statusKeySecret }}
- {name: status-key, mountPath: /run/gitdailies/status-key, readOnly: true}
{{- end }}
{{- if and .root.Values.store.url .root.Values.store.passwordSecret }}
- {name: pgpass, mountPath: /run/gitdailies/pgpass, readOnly: true}
{{- end }}
{{- range .root.Values.secrets }}
- {name: {{ printf "secret-%s" . }}, mountPath: {{ printf "/run/secrets/%s" . }}, readOnly: true}
{{- end }}
{{- with .root.Values.pod.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* A whole folder of a Secret is mounted, never one file of it: only then a new value arrives in a running pod. */}}
{{- define "gitdailies.volumes" -}}
- name: config
  configMap: {name: {{ include "gitdailies.name" .root }}}
- name: tmp
  emptyDir: {}
- name: data
{{- if or .root.Values.store.url (eq .part "check") }}
  emptyDir: {}
{{- else }}
  {{- $persistence := (index .root.Values .part).persistence }}
  persistentVolumeClaim: {claimName: {{ $persistence.existingClaim | default (include "gitdailies.claim" .) }}}
{{- end }}
{{- if ne .part "dora" }}
- name: key
  secret: {secretName: {{ .root.Values.receiver.keySecret }}, defaultMode: 0440}
{{- end }}
{{- if .root.Values.relay.statusKeySecret }}
- name: status-key
  secret: {secretName: {{ .root.Values.relay.statusKeySecret }}, defaultMode: 0440}
{{- end }}
{{- if and .root.Values.store.url .root.Values.store.passwordSecret }}
- name: database-password
  secret: {secretName: {{ .root.Values.store.passwordSecret }}, defaultMode: 0440}
- name: pgpass
  emptyDir: {medium: Memory, sizeLimit: 1Mi}
{{- end }}
{{- range .root.Values.secrets }}
- name: {{ printf "secret-%s" . }}
  secret: {secretName: {{ . }}, defaultMode: 0440}
{{- end }}
{{- with .root.Values.pod.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "gitdailies.podMeta" -}}
labels:
  {{- include "gitdailies.labels" . | nindent 2 }}
  {{- with .root.Values.pod.labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
annotations:
  # Pods start anew when gitdailies.yml or a file beside it changes.
  checksum/config: {{ printf "%s%s" (include "gitdailies.config" .root) (toJson .root.Values.files) | sha256sum }}
  {{- with .root.Values.pod.annotations }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{/* Ready: a commit reached the store. Alive: the process answers. A store that comes back needs no restart. */}}
{{- define "gitdailies.probes" -}}
# Endpoints hear of the end of a pod later than the pod does.
lifecycle: {preStop: {exec: {command: [sleep, "5"]}}}
# A process that migrates its store is alive, however long that takes.
startupProbe:
  httpGet: {path: /healthz, port: http}
  periodSeconds: 2
  failureThreshold: 30
readinessProbe:
  httpGet: {path: /readyz, port: http}
  periodSeconds: 5
  timeoutSeconds: 5
livenessProbe:
  httpGet: {path: /healthz, port: http}
  periodSeconds: 10
  timeoutSeconds: 10
  failureThreshold: 3
{{- end }}
