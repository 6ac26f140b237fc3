#!/bin/sh
# What people type in the guide, done by the engines here.
case "$1" in
build) shift; exec buildah bud BUILD "$@" ;;
compose) shift; exec PYTHON -m podman_compose "$@" ;;
*) exec podman "$@" ;;
esac
