#!/bin/sh
cp -r "$RESULTS/release/." dist
echo "$@" >>"$RESULTS/make"
