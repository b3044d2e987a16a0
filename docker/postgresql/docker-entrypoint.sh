#!/bin/bash
# POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_DB, PGDATA and /docker-entrypoint-initdb.d/*.sql, as
# in the official image: the data is made at the first start, then the arguments are run.
set -eu
if [ "$(id -u)" = 0 ]; then
  mkdir -p "$PGDATA"
  chown -R postgres:postgres "$PGDATA"
  chmod 700 "$PGDATA"
  exec setpriv --reuid=postgres --regid=postgres --init-groups -- "$0" "$@"
fi
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  : "${POSTGRES_PASSWORD:?is not set}" "${POSTGRES_USER:=postgres}"
  initdb -D "$PGDATA" -U "$POSTGRES_USER" -E UTF8 --auth-local=trust --auth-host=scram-sha-256 \
    --pwfile=<(printf '%s\n' "$POSTGRES_PASSWORD") >/dev/null
  echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
  echo "listen_addresses = '*'" >>"$PGDATA/postgresql.conf"
  # Only by its socket: nobody takes it for ready before it is.
  pg_ctl -D "$PGDATA" -o "-c listen_addresses= -c unix_socket_directories=/tmp" -w start >/dev/null
  database=${POSTGRES_DB:-$POSTGRES_USER}
  run() { psql -q -v ON_ERROR_STOP=1 -h /tmp -U "$POSTGRES_USER" "$@"; }
  if [ "$database" != postgres ]; then run -d postgres -c "create database \"$database\""; fi
  for file in /docker-entrypoint-initdb.d/*.sql; do
    if [ -f "$file" ]; then run -d "$database" -f "$file"; fi
  done
  pg_ctl -D "$PGDATA" -m fast -w stop >/dev/null
fi
unset POSTGRES_PASSWORD
exec "$@"
