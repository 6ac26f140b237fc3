#!/bin/sh
# A fresh environment that takes what it needs from this one, and a server on ports that are free here.
[ "$1 $2" != "-m venv" ] || {
    mkdir -p "$3/bin"
    cat >"$3/bin/pip" <<'END'
#!/bin/sh
echo "$@" >>"$RESULTS/pip"
wheel=$(echo dist/*.whl)
[ -s "$wheel" ] && "EXECUTABLE" -m zipfile -e "$wheel" "$RESULTS/site" 2>/dev/null || true
END
    cat >"$3/bin/gitdailies" <<'END'
#!/bin/sh
[ "$1" != up ] || set -- "$@" PORTS
[ -d "$RESULTS/site" ] || [ "$1" != --version ] || { echo "gitdailies, version $VERSION"; exit; }
PYTHONPATH="$RESULTS/site" exec "EXECUTABLE" -m gitdailies_cli "$@"
END
    chmod +x "$3/bin/pip" "$3/bin/gitdailies"
    exit
}
exec "EXECUTABLE" "$@"
