#!/bin/sh
# Say what to type where no Python can make the virtual environment; `make` gives the one that it found.
set -eu
python=${1:-python3}
need='make: expected Python 3.11 or newer'
if ! found=$("$python" --version 2>/dev/null); then
    echo "$need, got no command $python; install Python, then type: make run PYTHON=python3.12" >&2
    exit 2
fi
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "$need, got $found; install a newer one beside it, then type: make run PYTHON=python3.12" >&2
    exit 2
fi
if ! "$python" -c 'import ensurepip' 2>/dev/null; then
    echo "make: $found cannot make virtual environments; type: sudo apt install python3-venv" >&2
    exit 2
fi
