#!/bin/sh
echo "$@" >>"$RESULTS/gh"
for one; do [ ! -f "$one" ] || echo "$one" >>"$RESULTS/assets"; done
