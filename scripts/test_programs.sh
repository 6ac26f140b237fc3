#!/bin/sh
# Install the programs that tests start on this machine, and local runners of CI platforms into .tools.
# With the argument `long` it also installs what builds and runs images, for the long forms of tests.
# It needs root, or a sudo without a password. Otherwise it prints the one line to run.
# Tests of a missing program are skipped, or fail with CI=true.
set -u
cd "$(dirname "$0")/.." || exit 1

missing() {
    echo "$1: expected it for the tests of $2, got none; $3" >&2
}

# Packages that are named like their program. gitlab-ci-local copies with rsync, Chromium opens the pages (its
# headless shell takes half the time, and the long forms open the whole browser), nginx and Caddy add TLS to the
# servers, the operating guide backs a store up with sqlite3, a step without curl sends with wget or busybox, openssl
# makes a test receiver's certificate, pgbouncer is between servers and their database, strace shows what a step opens, Alertmanager sends alerts to a relay, promtool
# evaluates alert rules, Prometheus watches servers that have faults, Groovy runs the step of Jenkins' shared library, npm installs runners. buildah, podman and
# runc build and run the image without a daemon, from a root that mmdebstrap makes. Under Patroni databases fail over,
# and HAProxy leads to the one that leads.
packages=""
long_forms=""
[ "${1:-}" != long ] || long_forms="prometheus chromium groovy buildah podman runc catatonit mmdebstrap patroni haproxy"
for program in git curl wget busybox openssl rsync dash chromium-headless-shell nginx caddy sqlite3 npm strace \
    pgbouncer prometheus-alertmanager promtool $long_forms; do
    PATH="$PATH:/usr/sbin" command -v "$program" >/dev/null || packages="$packages $program"
done
# Tests start and kill their own server, and back it up.
command -v pg_dump >/dev/null && ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 ||
    packages="$packages postgresql"
command -v systemd-analyze >/dev/null || packages="$packages systemd"
[ -z "$long_forms" ] || command -v etcd >/dev/null || packages="$packages etcd-server"
[ -z "$long_forms" ] || [ -d /usr/lib/python3/dist-packages/etcd ] || packages="$packages python3-etcd"
# Go renders the templates that users paste, with the functions that Argo's notifications have.
[ -z "$long_forms" ] || command -v go >/dev/null || packages="$packages golang-go"
[ -z "$long_forms" ] || [ -d /usr/share/gocode/src/github.com/Masterminds/sprig ] ||
    packages="$packages golang-github-masterminds-sprig-dev"
# Programs in these languages post to both servers.
[ -z "$long_forms" ] || command -v javac >/dev/null || packages="$packages default-jdk-headless"
[ -z "$long_forms" ] || command -v ruby >/dev/null || packages="$packages ruby"
[ -z "$long_forms" ] || php -m 2>/dev/null | grep -q curl || packages="$packages php-cli php-curl"
# Containers of the compose file find each other with these two.
[ -z "$long_forms" ] || [ -x /usr/lib/podman/netavark ] || packages="$packages netavark"
[ -z "$long_forms" ] || [ -x /usr/lib/podman/aardvark-dns ] || packages="$packages aardvark-dns"

# Packages must not start servers on this machine: invoke-rc.d(8) runs this file, and 101 forbids a start.
policy=/usr/sbin/policy-rc.d
apt_get_install() {
    [ -e "$policy" ] || {
        made=$policy
        printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null
        $as_root chmod 755 "$policy"
    }
    $as_root apt-get update -qq &&
        $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"
    failed=$?
    [ -z "${made:-}" ] || $as_root rm -f "$made"
    return $failed
}

if [ -n "$packages" ]; then
    as_root=""
    if ! command -v apt-get >/dev/null; then
        echo "to run every test, install:$packages" >&2
    elif [ "$(id -u)" = 0 ] || { as_root="sudo -n" && sudo -n true 2>/dev/null; }; then
        echo "installing what tests need:$packages"
        log=$(mktemp)
        # A list of names.
        # shellcheck disable=SC2086
        apt_get_install $packages >"$log" 2>&1 || {
            tail -n 5 "$log" >&2
            missing "${packages# }" "CI steps, pages, TLS and stores" "apt-get ended as above"
        }
        rm -f "$log"
    else
        echo "to run every test: sudo apt-get install --no-install-recommends$packages" >&2
    fi
fi

if [ -z "$long_forms" ]; then
    :
elif [ "$(id -u)" != 0 ]; then
    missing "the root of Debian for images" "the image and the compose file" "they need root"
elif command -v mmdebstrap >/dev/null; then
    sh tests/deployment/containers/make_root.sh ||
        missing "the root of Debian for images" "the image and the compose file" "see what was said above"
fi

if command -v npm >/dev/null; then
    # octokit's packages hold the schema and examples of GitHub's webhooks. oidc-provider is an OpenID provider.
    npm install --silent --no-audit --no-fund --prefix .tools bats@1.13.0 gitlab-ci-local@4.67.2 \
        @octokit/webhooks-examples@7.6.1 @octokit/webhooks-schemas@7.6.1 oidc-provider@9.13.3 ||
        missing "gitlab-ci-local, octokit's examples and oidc-provider" "GitLab, GitHub and sign-in" \
            "see what npm said above"
else
    missing npm "GitLab, GitHub, Buildkite and sign-in" "install Node.js"
fi

# bb-run needs Python 3.12. If no virtual environment can be made, go on without it.
if ! [ -x .tools/bb-run/bin/bb-run ]; then
    for python in python3.13 python3.12 python3.14 \
        "$HOME"/.pyenv/versions/3.13.*/bin/python "$HOME"/.pyenv/versions/3.12.*/bin/python; do
        command -v "$python" >/dev/null || continue
        "$python" -m venv --clear .tools/bb-run >/dev/null 2>&1 &&
            .tools/bb-run/bin/pip install -q --disable-pip-version-check bb-run==1.3.0 && break
    done
    [ -x .tools/bb-run/bin/bb-run ] || missing "bb-run" "Bitbucket" "it needs Python 3.12 with venv"
fi
