# What `postgresql.launch` sends after its assignments (volume, listen, rm_database,
# scheduler_database, shared_buffers). From the environment: PORT_SQL, PAMESOS_DATABASE_USER,
# PAMESOS_DATABASE_PASSWORD. POSIX sh; tests run it under dash as root and as an ordinary user.
# --- launch ---
export LC_ALL=C
data="$volume/data"
fail() { echo "database: $*" >&2; exit 1; }

# The volume belongs to the task's user, the data in it to the user that postgres runs as.
mkdir -p "$volume" || fail "cannot create $volume; create it for the task's user on this agent"
umask 077

# Binaries: from PATH or where Debian puts them, of the version that made the data.
wanted=$(cat "$data/PG_VERSION" 2>/dev/null || true)
major() { "$1/postgres" -V 2>/dev/null | sed -n 's/^[^0-9]*\([0-9]*\).*/\1/p'; }
bin=
IFS=:
for dir in $PATH $(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -rV | tr '\n' :); do
  # A link such as /usr/local/bin/postgres leads to the directory that holds the other tools too.
  dir=$(dirname "$(readlink -f "$dir/postgres" 2>/dev/null || echo "$dir/postgres")")
  if [ -x "$dir/postgres" ] && [ -x "$dir/initdb" ] && [ -x "$dir/pg_isready" ]; then
    if [ -z "$wanted" ] || [ "$(major "$dir")" = "$wanted" ]; then bin=$dir; break; fi
  fi
done
unset IFS
[ -n "$bin" ] || fail "no PostgreSQL $wanted on this agent (neither on PATH nor in" \
  "/usr/lib/postgresql); install it or give the database an image"
bin=$(dirname "$(readlink -f "$bin/postgres")")

# postgres refuses to run as root. Another user is used where it can reach binaries and data, else
# a user namespace, in which root's files belong to a user that is not 0 (virtual environments
# below /root), else a copy of the binaries.
drop=
if [ "$(id -u)" = 0 ]; then
  owner=$(stat -c %u "$data" 2>/dev/null || id -u postgres 2>/dev/null || id -u nobody)
  group=$(stat -c %g "$data" 2>/dev/null || id -g postgres 2>/dev/null || id -g nobody)
  switched="setpriv --reuid=$owner --regid=$group --clear-groups --"
  namespaced="unshare --user --map-user=65534 --map-group=65534 --"
  enters() { $1 sh -c 'cd "$1" && "$2/postgres" -V' sh "$volume" "$bin" >/dev/null 2>&1; }
  if [ "$owner" != 0 ] && enters "$switched"; then
    drop=$switched
  elif { [ "$owner" = 0 ] || [ ! -d "$data" ]; } && enters "$namespaced"; then
    drop=$namespaced owner=0 group=0
  else
    { [ "$owner" != 0 ] && $switched sh -c 'cd "$1"' sh "$volume"; } || fail "postgres must not" \
      "run as root, and user $owner cannot enter $volume; move it, or chmod a+x what is above it"
    copy="$volume/postgresql-$("$bin/postgres" -V | sed 's/[^0-9]*//; s/[^0-9.].*//')"
    if [ ! -d "$copy" ]; then
      # The wheel's libraries lie three directories above its binaries; keep them there.
      rm -rf "$copy.new"
      mkdir -p "$copy.new/package"
      cp -RL "${bin%/bin}" "$copy.new/package/postgresql"
      # A wheel keeps libraries in PACKAGE.libs beside the package and finds them by that way.
      ldd "$bin/postgres" "$bin/pg_isready" | sed -n 's#.*=> \(/.*\.libs\)/.*#\1#p' | sort -u |
        while read -r libraries; do cp -RL "$libraries" "$copy.new/"; done
      chmod -R a+rX "$copy.new"
      mv "$copy.new" "$copy"
    fi
    bin="$copy/package/postgresql/bin"
    enters "$switched" || fail "user $owner cannot run the copy of PostgreSQL in $copy"
    drop=$switched
  fi
fi
# The health check finds its tool through this link.
ln -sfn "$bin" "$volume/bin"

# A process group killed without its postgres leaves one that holds the data: stop it first.
# A stale postmaster.pid whose number now belongs to another program gets a number that no process
# can have; removing the file would take away the check for shared memory that is still in use.
if [ -f "$data/postmaster.pid" ]; then
  old=$(head -n 1 "$data/postmaster.pid")
  if [ "$(readlink "/proc/$old/cwd" 2>/dev/null)" = "$(readlink -f "$data")" ]; then
    echo "database: stopping process $old, left from an earlier task, that holds $data"
    kill -INT "$old" 2>/dev/null || true
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
      [ -d "/proc/$old" ] || break
      sleep 1
    done
    if [ -d "/proc/$old" ]; then fail "process $old still holds $data; stop it"; fi
  elif [ -d "/proc/$old" ]; then
    $drop sed -i '1s/.*/4194305/' "$data/postmaster.pid"
  fi
fi

# One statement a line on standard input: no password in any process list.
statements() {
  $drop "$bin/postgres" --single -D "$1" -c log_min_messages=fatal \
    -c log_min_error_statement=panic -c exit_on_error=on postgres >/dev/null
}
literal=$(printf '%s' "$PAMESOS_DATABASE_PASSWORD" | sed "s/'/''/g")
role="\"$PAMESOS_DATABASE_USER\""

# A data directory is made aside and renamed, so that half of one is never taken for a whole.
if [ ! -f "$data/PG_VERSION" ]; then
  rm -rf "$data.new"
  mkdir "$data.new"
  if [ "$(id -u)" = 0 ]; then chown "$owner:$group" "$data.new"; fi
  $drop "$bin/initdb" -D "$data.new" -U postgres -E UTF8 --locale=C -A reject >/dev/null
  statements "$data.new" <<END
create role $role login
create database "$rm_database" owner $role
create database "$scheduler_database" owner $role
END
  mv "$data.new" "$data"
fi
# At every start, so that a password changed in the description is changed here too.
statements "$data" <<END
alter role $role login password '$literal'
END
$drop sh -c 'cat >"$1/pg_hba.conf"' sh "$data" <<END
host all $role all scram-sha-256
END
unset PAMESOS_DATABASE_PASSWORD literal

# SIGTERM would make postgres wait for its clients for ever; SIGINT is its fast shutdown. It gets
# the same signal when this shell is killed.
leash=
if setpriv --pdeathsig INT true 2>/dev/null; then leash="setpriv --pdeathsig INT --"; fi
$drop $leash "$bin/postgres" -D "$data" -p "$PORT_SQL" -c listen_addresses="$listen" \
  -c unix_socket_directories= -c max_connections=200 -c shared_buffers="$shared_buffers" \
  -c password_encryption=scram-sha-256 &
server=$!
trap 'kill -INT "$server" 2>/dev/null || true' TERM INT
while :; do
  status=0
  wait "$server" || status=$?
  kill -0 "$server" 2>/dev/null || exit "$status"
done
