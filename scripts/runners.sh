#!/bin/sh
# Install the local runners of CI platforms that tests use, into .tools; nothing else needs them.
# One that cannot be had is named, and its tests are skipped, or fail with CI=true.
set -u
cd "$(dirname "$0")/.." || exit 1

missing() {
    echo "$1: expected it for the tests of $2, got none; $3" >&2
}

packages=""
# rsync is what gitlab-ci-local copies with, Chromium what the pages are looked at with, nginx and
# Caddy what bring TLS before the relay, sqlite3 what the operating guide backs a store up with.
for program in rsync curl dash chromium nginx caddy sqlite3; do
    command -v "$program" >/dev/null || packages="$packages $program"
done
# A server of the tests' own, to be killed, and what backs one up.
command -v pg_dump >/dev/null && ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 ||
    packages="$packages postgresql"
if [ -n "$packages" ]; then
    if [ "${CI:-}" = true ] && [ "$(id -u)" = 0 ]; then
        # A list of names.
        # shellcheck disable=SC2086
        { apt-get update -qq && apt-get install -y -qq $packages; } >/dev/null
    else
        missing "$packages" "CI steps, pages, TLS and stores" "apt-get install$packages"
    fi
fi

if command -v npm >/dev/null; then
    npm install --silent --no-audit --no-fund --prefix .tools bats@1.13.0 gitlab-ci-local@4.67.2 ||
        missing "gitlab-ci-local" "GitLab" "see what npm said above"
else
    missing npm "GitLab and Buildkite" "install Node.js"
fi

# bb-run needs Python 3.12; a virtual environment that cannot be made is no reason to stop.
if ! [ -x .tools/bb-run/bin/bb-run ]; then
    for python in python3.13 python3.12 python3.14 \
        "$HOME"/.pyenv/versions/3.13.*/bin/python "$HOME"/.pyenv/versions/3.12.*/bin/python; do
        command -v "$python" >/dev/null || continue
        "$python" -m venv --clear .tools/bb-run >/dev/null 2>&1 &&
            .tools/bb-run/bin/pip install -q --disable-pip-version-check bb-run==1.3.0 && break
    done
    [ -x .tools/bb-run/bin/bb-run ] || missing "bb-run" "Bitbucket" "it needs Python 3.12 with venv"
fi
