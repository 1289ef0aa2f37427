#!/usr/bin/env bash
# `make run`: a real migration through every phase on a throw-away PostgreSQL, then a crash and what comes of it. Starts its
# own server on a free port, and stops and removes all it made.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source tools/paths.sh

dbm=${DBM:-$PWD/build/dbm}
desk=
killed_by_us=

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
  bold=$'\e[1m' dim=$'\e[2m' green=$'\e[32m' plain=$'\e[0m'
else
  bold='' dim='' green='' plain=''
fi

heading() { printf '\n%s── %s%s\n' "$bold" "$*" "$plain"; }
say() { printf '%s\n' "$*"; }
fail() {
  printf 'demo: %s\n' "$*" >&2
  exit 1
}

clean_up() {
  local status=$?
  if [ -n "$killed_by_us" ]; then kill -KILL "$killed_by_us" 2>/dev/null || true; fi
  if [ -n "$desk" ]; then
    if [ -e "$desk/server/data/postmaster.pid" ]; then
      "${as_postgres[@]}" "$pg_bin/pg_ctl" -D "$desk/server/data" -s -m immediate stop || true
    fi
    rm -rf "$desk"
  fi
  exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

# The server's own user over its socket, in a folder nobody else may enter; everybody else with a password.
start_server() {
  desk=$(mktemp -d "${TMPDIR:-/tmp}/dbm-demo-XXXXXX")
  chmod 755 "$desk"
  local data=$desk/server/data
  mkdir -m 700 "$desk/server"
  if [ "$(id -u)" -eq 0 ]; then chown postgres: "$desk/server"; fi
  port=$(free_port)
  "${as_postgres[@]}" "$pg_bin/initdb" -D "$data" -U postgres --auth-local=trust --auth-host=scram-sha-256 -E UTF8 \
    --locale=C.UTF-8 --no-instructions >"$desk/initdb.log" 2>&1 || fail "initdb failed: $(tail -1 "$desk/initdb.log")"
  "${as_postgres[@]}" tee -a "$data/postgresql.conf" >/dev/null <<CONF
listen_addresses = '127.0.0.1'
port = $port
unix_socket_directories = '$desk/server'
CONF
  "${as_postgres[@]}" "$pg_bin/pg_ctl" -D "$data" -l "$desk/server/log" -s -w start || fail "the server does not start"
}

as_superuser() { "${as_postgres[@]}" "$pg_bin/psql" -X -q -v ON_ERROR_STOP=1 -h "$desk/server" -p "$port" -U postgres "$@"; }

# A database, a login that owns it and is no superuser, and what is in it.
make_database() {
  local name=$1 schema=$2 password
  password=$(head -c 18 /dev/urandom | base64 | tr -d '+/=')
  as_superuser -d postgres -c "CREATE ROLE $name LOGIN PASSWORD '$password'" -c "CREATE DATABASE $name OWNER $name" \
    -c "GRANT pg_read_all_stats TO $name" # so that it can name who holds a lock it waits for
  printf -v "url_of_$name" '%s' "postgres://$name:$password@127.0.0.1:$port/$name"
  local url=url_of_$name
  "$pg_bin/psql" -X -q -v ON_ERROR_STOP=1 -d "${!url}" -f "$schema"
}

query() { "$pg_bin/psql" -X -At -d "$1" -c "$2"; }

# Shows the command as one would type it, and runs it.
run() {
  printf '\n%s$ %s%s\n' "$dim" "$*" "$plain"
  "$@"
}
# What is typed as `dbm` is what was just built.
dbm() { "$dbm" "$@"; }

[ -x "$dbm" ] || fail "build/dbm is not there: run make build"
export XDG_STATE_HOME
started=$SECONDS

heading "A throw-away PostgreSQL 15"
start_server
XDG_STATE_HOME=$desk/state
mkdir "$desk/state"
make_database ticketing migrations/examples/ticketing/schema.sql
export TICKETING_URL=$url_of_ticketing
cp -r migrations/examples/ticketing migrations/examples/long-update "$desk"
cd "$desk/ticketing"
say "on port $port, with a ticketing database: $(query "$TICKETING_URL" 'SELECT count(*) FROM tickets') tickets," \
  "$(query "$TICKETING_URL" 'SELECT count(*) FROM events') events. Six scripts wait for it:"
ls scripts | sed 's/^/  /'

secret=(--secret ticketing-db=url:env:TICKETING_URL)

heading "What would be done, and why"
run dbm plan -f ticketing.yaml "${secret[@]}"

heading "Backup, dry run, apply, validate"
run dbm apply -f ticketing.yaml "${secret[@]}"

heading "Where the database is now"
run dbm status -f ticketing.yaml "${secret[@]}"
run dbm history -f ticketing.yaml "${secret[@]}"

heading "The backup that was made before anything was touched"
run dbm backup list -f ticketing.yaml "${secret[@]}"
run dbm backup verify -f ticketing.yaml "${secret[@]}"

heading "The same once more: nothing is done twice"
run dbm apply -f ticketing.yaml "${secret[@]}"
say
say "What the new view says:"
"$pg_bin/psql" -X -d "$TICKETING_URL" -c 'SELECT * FROM sales_by_venue ORDER BY venue, channel LIMIT 4'

heading "Second act: killed in the middle of a long UPDATE"
make_database readings "$desk/long-update/schema.sql"
export READINGS_URL=$url_of_readings
cd "$desk/long-update"
secret=(--secret readings-db=url:env:READINGS_URL)
say "500,000 readings are to be doubled, once. The canary stands at $(query "$READINGS_URL" 'SELECT v FROM canary')."
printf '\n%s$ dbm apply -f readings.yaml %s &%s\n' "$dim" "${secret[*]}" "$plain"
"$dbm" apply -f readings.yaml "${secret[@]}" &
killed_by_us=$!

running="SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'UPDATE readings%'"
for ((tries = 0; ; ++tries)); do
  if [ "$(as_superuser -At -d readings -c "$running")" != 0 ]; then break; fi
  kill -0 "$killed_by_us" 2>/dev/null || fail "dbm ended before the UPDATE was seen"
  [ "$tries" -lt 1200 ] || fail "the UPDATE did not begin within a minute"
  sleep 0.05
done
kill -KILL "$killed_by_us"
{ wait "$killed_by_us" || true; } 2>/dev/null
say
say "${bold}The UPDATE was seen in pg_stat_activity, and dbm killed with SIGKILL.${plain}"
killed_by_us=
say "canary: $(query "$READINGS_URL" 'SELECT v FROM canary'), readings that were doubled:" \
  "$(query "$READINGS_URL" "SELECT count(*) FROM readings WHERE note LIKE '%calibrated'")"

heading "An ordinary start finishes the work"
run dbm apply -f readings.yaml "${secret[@]}"

canary=$(query "$READINGS_URL" 'SELECT v FROM canary')
twice=$(query "$READINGS_URL" "SELECT count(*) FROM readings WHERE note <> 'reading ' || id || ', calibrated'")
say
if [ "$canary" != 3 ] || [ "$twice" != 0 ]; then fail "the canary is $canary (3 was due), and $twice readings are not as they should be"; fi
say "${green}canary: 3. The script took effect once, and every reading was doubled once.${plain}"

heading "Your own database"
say "The login must own the tables it changes and be no superuser. In this folder:"
cat <<'TEXT'

  export ORDERS_URL=postgres://USER:PASSWORD@HOST:5432/DATABASE
  mkdir -p orders/scripts && cp migrations/examples/orders.yaml orders/
  echo 'CREATE TABLE notes (id bigint PRIMARY KEY, body text);' > orders/scripts/0001_notes.sql
  build/dbm plan -f orders/orders.yaml --secret orders-db=url:env:ORDERS_URL
  build/dbm apply -f orders/orders.yaml --secret orders-db=url:env:ORDERS_URL
TEXT
say
say "${dim}Took $((SECONDS - started)) s. The server and all that was made for this are removed.${plain}"
