#!/bin/sh
# Make .tools/containers/root.tar: a root of Debian in place of the images that ours and the compose files name, with
# the packages that our images install. Tests build from it without a network. It needs root, apt and pip.
set -eu
cd "$(dirname "$0")/../../.."
python=${VENV:-.venv}/bin/python
made=.tools/containers
mkdir -p "$made"

"$python" - >"$made/requirements.txt" <<'END'
import tomllib

with open("pyproject.toml", "rb") as file:
    whole = tomllib.load(file)
extras = whole["project"]["optional-dependencies"]
print(*whole["project"]["dependencies"], *extras["relay"], *extras["dora"], sep="\n")
print(*whole["build-system"]["requires"], sep="\n")
END
known=$(cat "$made/requirements.txt" "$0" | sha256sum)
[ "$(cat "$made/root.sum" 2>/dev/null)" = "$known" ] && exit 0

rm -rf "$made/wheels"
"$python" -m pip download --quiet --disable-pip-version-check --python-version 3.13 --only-binary :all: \
    --requirement "$made/requirements.txt" --dest "$made/wheels"
printf '[global]\nno-index = true\nfind-links = /opt/wheels\n' >"$made/pip.conf"
# What is removed at the end: where packages come from, so that apt asks no network; and what no test needs.
# $1 is the folder of the root, for mmdebstrap to fill in.
# shellcheck disable=SC2016
mmdebstrap --quiet --mode=root --variant=apt --aptopt='APT::Install-Recommends "0"' \
    --include=python3-minimal,python3-venv,git,ca-certificates,passwd,postgresql-17,nginx-light,patroni,python3-etcd,etcd-server,haproxy \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/share/man/*' \
    --customize-hook="copy-in $made/wheels /opt" --customize-hook="copy-in $made/pip.conf /etc" \
    --customize-hook='rm -rf "$1"/etc/apt/sources.list* "$1"/var/lib/apt/lists/* "$1"/usr/lib/*/libLLVM*' \
    --customize-hook='rm -rf "$1"/var/lib/postgresql/17 "$1"/etc/nginx/sites-enabled/default' \
    trixie "$made/root.part.tar"
mv "$made/root.part.tar" "$made/root.tar"
echo "$known" >"$made/root.sum"
