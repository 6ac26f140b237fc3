#!/bin/sh
for one; do shift; set -- "$@" "$(echo "$one" | sed 's/:8700/:DORA/')"; done
exec "CURL" "$@"
