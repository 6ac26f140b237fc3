#!/bin/sh
# Patroni runs it once, when the first database is made. $1 is how to connect to it.
set -eu
password=$(cat "${GITDAILIES_PASSWORD_FILE:-/run/secrets/postgresql-password}")
psql --quiet --set=ON_ERROR_STOP=1 --set=password="$password" "$1" <<'END'
CREATE ROLE gitdailies LOGIN PASSWORD :'password';
CREATE DATABASE gitdailies OWNER gitdailies;
END
