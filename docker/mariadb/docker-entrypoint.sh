#!/bin/bash
# MYSQL_USER, MYSQL_PASSWORD, MYSQL_DATABASE and /docker-entrypoint-initdb.d/*.sql, as in the
# official image: the data is made at the first start, then the arguments are run. root logs in by
# the socket only.
set -eu
data=/var/lib/mysql socket=/run/mysqld/mysqld.sock
if [ "$(id -u)" = 0 ]; then
  mkdir -p "$data" /run/mysqld
  chown -R mysql:mysql "$data" /run/mysqld
  exec setpriv --reuid=mysql --regid=mysql --init-groups -- "$0" "$@"
fi
if [ ! -d "$data/mysql" ]; then
  mariadb-install-db --no-defaults --datadir="$data" --skip-test-db \
    --auth-root-authentication-method=socket --auth-root-socket-user=mysql >/dev/null
  # Only by its socket: nobody takes it for ready before it is.
  mariadbd --no-defaults --datadir="$data" --skip-networking --socket="$socket" &
  for _ in {1..300}; do
    if mariadb-admin --no-defaults --socket="$socket" -u mysql ping --silent; then break; fi
    sleep 0.1
  done
  run() { mariadb --no-defaults --socket="$socket" -u mysql "$@"; }
  escaped=${MYSQL_PASSWORD//\\/\\\\}
  run <<END
create database \`$MYSQL_DATABASE\`;
create user '$MYSQL_USER'@'%' identified by '${escaped//\'/\'\'}';
grant all on \`$MYSQL_DATABASE\`.* to '$MYSQL_USER'@'%';
END
  for file in /docker-entrypoint-initdb.d/*.sql; do
    if [ -f "$file" ]; then run "$MYSQL_DATABASE" <"$file"; fi
  done
  mariadb-admin --no-defaults --socket="$socket" -u mysql shutdown
  wait
fi
unset MYSQL_PASSWORD
exec "$@" --datadir="$data" --socket="$socket"
