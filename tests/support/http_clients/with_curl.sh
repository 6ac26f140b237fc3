#!/bin/sh
# With $2, an option of curl such as --http2. One curl makes all calls, so that it keeps its connections.
set -f
calls=$1 option=$2
tab=$(printf '\t')
set --
while IFS="$tab" read -r url mode body fields; do
    set -- "$@" --next --silent ${option:+"$option"} --output /dev/null --write-out '%{http_code}\n' --data-binary "@$body"
    [ "$mode" != chunked ] || set -- "$@" --header 'Transfer-Encoding: chunked'
    IFS="$tab"
    for field in $fields; do set -- "$@" --header "$field"; done
    unset IFS
    set -- "$@" "$url"
done <"$calls"
shift
exec curl "$@"
