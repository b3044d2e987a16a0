# What `authentication.launch` sends. It leaves in the positional parameters what the server shall
# be told. POSIX sh; tests run it under dash and bash.
# --- copy ---
set --
authentication="$PWD/authentication"
# Which properties have this value, be it only as a default in a comment.
named() {
  sed -n "s|^[#[:space:]]*\(pa\.[A-Za-z0-9._-]*\)[[:space:]]*=[[:space:]]*$1[[:space:]]*\$|\1|p" \
    "$PROACTIVE_HOME"/config/*/settings.ini 2>/dev/null | sort -u
}
if [ -d "$PROACTIVE_HOME/config/authentication" ]; then
  rm -rf "$authentication"
  (umask 077 && cp -RL "$PROACTIVE_HOME/config/authentication" "$authentication")
  chmod -R u+rwX,go-rwx "$authentication"
  for name in $(named 'config/authentication/*'); do
    set -- "$@" "-D$name=$authentication"
  done
  if [ "$#" = 0 ]; then
    # It has one fixed directory; then nothing is written there.
    for name in $(named true | grep 'create\.credentials\.when\.login$'); do
      set -- "$@" "-D$name=false"
    done
  fi
fi
# --- users ---
fail() {
  echo "users: $*" >&2
  rm -f "$PWD/users.new"
  exit 1
}
# LOGIN PASSWORD GROUP... as java.util.Properties reads it: \ and a leading space are escaped.
user() {
  printf '%s:%s\n' "$1" "$(printf '%s' "$2" | sed 's/\\/\\\\/g; s/^ /\\ /')" >>"$PWD/users.new"
  login=$1
  shift 2
  for group in "$@"; do printf '%s:%s\n' "$login" "$group" >>"$PWD/groups.new"; done
}
from_file() {
  password=
  [ -r "$1" ] || fail "cannot read $1 on this agent; write the password into it as its only line"
  IFS= read -r password <"$1" || [ -n "$password" ] || fail "$1 is empty"
}
rm -f "$PWD/users.new" "$PWD/groups.new"
# --- real ---
[ -d "$authentication" ] || fail "$PROACTIVE_HOME has no config/authentication"
for file in login.cfg group.cfg; do
  found=
  for name in $(named "config/authentication/$file"); do
    found=yes
    set -- "$@" "-D$name=$authentication/$file"
  done
  [ -n "$found" ] || fail "no config/*/settings.ini of $PROACTIVE_HOME says which property names" \
    "$file; make the users with its tools/proactive-users and take them out of the description"
done
# The distribution's own tool hashes them as the distribution wants them.
JAVA_OPTS="$*" "$PROACTIVE_HOME/tools/proactive-users" -C \
  -slf "$PWD/users.new" -sgf "$PWD/groups.new" -lf "$authentication/login.cfg" \
  -gf "$authentication/group.cfg" -kf "$authentication/keys/pub.key" ||
  fail "tools/proactive-users of $PROACTIVE_HOME failed"
rm -f "$PWD/users.new" "$PWD/groups.new"
# --- stand-in ---
authentication="$PWD/authentication"
rm -rf "$authentication"
mkdir "$authentication"
pamesos-stand-in users -C -slf "$PWD/users.new" -sgf "$PWD/groups.new" \
  -lf "$authentication/login.cfg" -gf "$authentication/group.cfg" || fail "cannot make them"
rm -f "$PWD/users.new" "$PWD/groups.new"
set -- "-Dpa.rm.defaultloginfilename=$authentication/login.cfg" \
  "-Dpa.rm.defaultgroupfilename=$authentication/group.cfg"
