# Sourced by the other tools: where things lie that are worth keeping between builds, and who runs a PostgreSQL server.
# The servers refuse root and then run as user postgres, who can read nothing below root's home: hence two caches.
if [ "$(id -u)" -eq 0 ]; then
  default_cache=/var/cache/dbm
  as_postgres=(setpriv --reuid=postgres --regid=postgres --clear-groups --)
else
  default_cache=${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}/dbm
  as_postgres=()
fi
cache=${DBM_CACHE:-$default_cache}
pg_bin=/usr/lib/postgresql/15/bin

# A port nobody listens on; the kernel picks it.
free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
