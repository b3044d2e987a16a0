# What `mariadb.launch` sends after its assignments (volume, listen, check_host, rm_database,
# scheduler_database, buffer_pool). From the environment: PORT_SQL, PAMESOS_DATABASE_USER,
# PAMESOS_DATABASE_PASSWORD. POSIX sh; tests run it under dash and bash.
# --- launch ---
export LC_ALL=C
PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"
data="$volume/data"
fail() { echo "database: $*" >&2; exit 1; }

mkdir -p "$volume" || fail "cannot create $volume; create it for the task's user on this agent"
for tool in mariadbd mariadb-install-db mariadb; do
  command -v "$tool" >/dev/null || fail "no $tool on this agent; install Debian's" \
    "mariadb-server-core and mariadb-client-core, or give the database an image"
done
# The health check finds its tool through this link, and logs in as the server does.
ln -sfn "$(command -v mariadb)" "$volume/mariadb"
umask 077
cat >"$volume/client.cnf" <<END
[client]
protocol=tcp
host=$check_host
port=$PORT_SQL
connect-timeout=2
user=$PAMESOS_DATABASE_USER
password="$(printf '%s' "$PAMESOS_DATABASE_PASSWORD" | sed 's/\\/\\\\/g; s/"/\\"/g')"
END

# mariadbd should not run as root, and the data belongs to whom it runs as.
drop=
if [ "$(id -u)" = 0 ]; then
  owner=$(stat -c %u "$data" 2>/dev/null || id -u mysql 2>/dev/null || id -u nobody)
  group=$(stat -c %g "$data" 2>/dev/null || id -g mysql 2>/dev/null || id -g nobody)
  drop="setpriv --reuid=$owner --regid=$group --clear-groups --"
  $drop sh -c 'cd "$1"' sh "$volume" 2>/dev/null ||
    fail "mariadbd must not run as root, and user $owner cannot enter $volume; move it, or" \
      "chmod a+x what is above it"
fi

# A process group killed without its server leaves one that holds the data: stop it first.
old=$(cat "$data/mariadbd.pid" 2>/dev/null || true)
if [ -n "$old" ] && [ "$(readlink "/proc/$old/cwd" 2>/dev/null)" = "$(readlink -f "$data")" ]; then
  echo "database: stopping process $old, left from an earlier task, that holds $data"
  kill -TERM "$old" 2>/dev/null || true
  for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
    [ -d "/proc/$old" ] || break
    sleep 1
  done
  if [ -d "/proc/$old" ]; then fail "process $old still holds $data; stop it"; fi
fi

# A data directory is made aside and renamed, so that half of one is never taken for a whole.
if [ ! -d "$data/mysql" ]; then
  rm -rf "$data.new"
  mkdir "$data.new"
  if [ "$(id -u)" = 0 ]; then chown "$owner:$group" "$data.new"; fi
  (cd "$data.new" && $drop mariadb-install-db --no-defaults --datadir="$data.new" \
    --skip-test-db --auth-root-authentication-method=socket >"$volume/install.log" 2>&1) ||
    fail "cannot make the data directory: $(tail -n 3 "$volume/install.log")"
  rm -rf "$data"
  mv "$data.new" "$data"
fi

# One statement a line, in a file that only the server reads: no password in any process list. It
# is read at every start, so that a password changed in the description is changed here too.
quoted() { printf '%s' "$1" | sed "s/\\\\/\\\\\\\\/g; s/'/''/g"; }
statements="$data/init.sql"
role="'$(quoted "$PAMESOS_DATABASE_USER")'@'%'"
password="'$(quoted "$PAMESOS_DATABASE_PASSWORD")'"
$drop sh -c 'cat >"$1"' sh "$statements" <<END
DELETE FROM mysql.global_priv WHERE User='';
FLUSH PRIVILEGES;
CREATE DATABASE IF NOT EXISTS \`$rm_database\`;
CREATE DATABASE IF NOT EXISTS \`$scheduler_database\`;
CREATE USER IF NOT EXISTS $role;
ALTER USER $role IDENTIFIED BY $password;
GRANT ALL ON \`$rm_database\`.* TO $role;
GRANT ALL ON \`$scheduler_database\`.* TO $role;
END
unset PAMESOS_DATABASE_PASSWORD password

# SIGTERM ends it in order. It gets the same signal when this shell is killed.
leash=
if setpriv --pdeathsig TERM true 2>/dev/null; then leash="setpriv --pdeathsig TERM --"; fi
cd "$data"
$drop $leash mariadbd --no-defaults --datadir="$data" --port="$PORT_SQL" \
  --bind-address="$listen" --socket=mariadbd.sock --pid-file="$data/mariadbd.pid" \
  --init-file="$statements" --max-connections=200 --skip-name-resolve \
  --innodb-buffer-pool-size="$buffer_pool" --character-set-server=utf8mb4 \
  --collation-server=utf8mb4_general_ci &
server=$!
trap 'kill -TERM "$server" 2>/dev/null || true' TERM INT
while :; do
  status=0
  wait "$server" || status=$?
  kill -0 "$server" 2>/dev/null || exit "$status"
done
