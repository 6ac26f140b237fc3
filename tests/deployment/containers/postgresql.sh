#!/bin/sh
# What the image `postgres` does at its start, as far as the compose file uses it.
set -eu
bin=/usr/lib/postgresql/17/bin
data=/var/lib/postgresql/data
as_postgres() { setpriv --reuid postgres --regid postgres --clear-groups "$@"; }
mkdir -p "$data" && chown postgres:postgres "$data"
install -d -o postgres /run/postgresql
if ! [ -e "$data/PG_VERSION" ]; then
    install -o postgres -m 600 "$POSTGRES_PASSWORD_FILE" /tmp/password
    as_postgres "$bin/initdb" -D "$data" -U "$POSTGRES_USER" --pwfile /tmp/password --auth-local trust \
        --auth-host scram-sha-256 --no-instructions
    echo "host all all all scram-sha-256" >>"$data/pg_hba.conf"
    echo "CREATE DATABASE $POSTGRES_DB;" | as_postgres "$bin/postgres" --single -D "$data" postgres
fi
exec setpriv --reuid postgres --regid postgres --clear-groups "$bin/postgres" -D "$data" -c listen_addresses='*'
