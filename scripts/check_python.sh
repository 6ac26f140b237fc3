#!/bin/sh
# Say what to type where no Python can make the virtual environment; `make` gives the one that it found.
set -eu
python=${1:-python3}
need='make: expected Python 3.11 or newer'

# Print the line that installs $1. Root needs no sudo, and often has none. A fresh machine has no lists of packages.
line() {
    sudo='sudo '
    [ "$(id -u)" != 0 ] || sudo=''
    echo "${sudo}apt update && ${sudo}apt install $1"
}

# Print what to do for a newer Python. Ubuntu 22.04 has Python 3.10, and 3.11 beside it.
remedy() {
    for package in python3.14-venv python3.13-venv python3.12-venv python3.11-venv; do
        case $(apt-cache policy "$package" 2>/dev/null) in
        *'Candidate: '[0-9]*) echo "type: $(line "$package")" && return ;;
        esac
    done
    echo "use Docker as README.md says, or install Python, then type: make run PYTHON=python3.12"
}

if ! found=$("$python" --version 2>/dev/null); then
    echo "$need, got no command $python; $(remedy)" >&2
    exit 2
fi
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "$need, got $found; $(remedy)" >&2
    exit 2
fi
if ! "$python" -c 'import ensurepip' 2>/dev/null; then
    echo "make: $found cannot make virtual environments; type: $(line python3-venv)" >&2
    exit 2
fi
