# Debian packages: which, why, and how to get them installed.
# shellcheck shell=bash

# One package a line, then the reason.
packages_for_build() {
  cat <<'LIST'
g++                  the reference compiler, GCC 12
cmake                the build description
ninja-build          the build runner
ccache               compiled objects are kept across builds
libboost1.81-dev     Asio and Beast: sockets, HTTP/1.1
libssl-dev           TLS, with its static archives
libnghttp2-dev       HTTP/2 framing and header compression, without I/O of its own
libyaml-cpp-dev      configuration files
libspdlog-dev        logging
libfmt-dev           formatting
libcli11-dev         command line
libeigen3-dev        matrix decompositions
nlohmann-json3-dev   JSON away from the serving path
libzstd-dev          compressed tables and traces
zlib1g-dev           the same, gzip
libjemalloc-dev      the gateway's memory allocator
dpkg-dev             unpacks the source package of simdjson
tzdata               the time-zone rules that the dates tool answers by
curl                 fetches models from their publisher
ca-certificates      trust roots for every fetch
python3              model fetcher, generators, checks
python3-venv         an isolated place for Python packages
LIST
}

packages_for_test() {
  cat <<'LIST'
clang-19             second compiler, sanitizers, fuzzing
clang-format-19      formatting check
clang-tidy-19        static checks
libclang-rt-19-dev   Clang's sanitizer and fuzzer run time
libgtest-dev         unit tests
libgmock-dev         unit tests
valgrind             counts instructions of a request
prometheus           promtool checks the metrics; nothing of it is started
LIST
}

packages_for_bench() {
  cat <<'LIST'
nginx-light          a named peer to compare the gateway with
LIST
}

packages_for_serve() {
  cat <<'LIST'
curl                 fetches models from their publisher
ca-certificates      trust roots for every fetch
python3              model fetcher
python3-venv         brings pip where there is none
LIST
}

packages_for_conformance() {
  cat <<'LIST'
python3              runs the clients and the tests
python3-venv         an isolated place for Python packages
LIST
}

# The packages of all purposes, each once; build is part of test and bench.
list_packages() {
  local purpose
  for purpose in "$@"; do
    case "$purpose" in
      test | bench)
        packages_for_build
        "packages_for_$purpose"
        ;;
      encoder)
        packages_for_build
        ;;
      *) "packages_for_$purpose" ;;
    esac
  done | awk '!seen[$1]++'
}

is_installed() {
  [[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" == installed ]]
}

check_system() {
  local codename=unknown
  if [[ -r /etc/os-release ]]; then
    codename="$(sed -n -E 's/^VERSION_CODENAME="?([a-z]+)"?$/\1/p' /etc/os-release)"
  fi
  if ! command -v dpkg-query >/dev/null || [[ "$codename" != bookworm ]]; then
    fail "this script knows Debian 12 (bookworm); this system is '$codename'." \
      "Install by hand what tools/setup/packages.sh lists, and do what simdjson.sh and llama.sh beside it do."
  fi
}

# as_root COMMAND...: runs it with the rights of an administrator, or fails where there are none.
as_root() {
  if ((EUID == 0)); then
    "$@"
  elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    sudo -n "$@"
  elif command -v sudo >/dev/null && [[ -t 0 ]]; then
    sudo "$@"
  else
    return 1
  fi
}

# apt_install PACKAGE...: without recommended packages, asking nothing; refreshes the package lists only on need.
apt_install() {
  local install=(env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@")
  local log
  if ! as_root true; then
    fail "some Debian packages are missing and this user may not install them. Ask an administrator for:" \
      "  apt-get update && apt-get install -y --no-install-recommends $*"
  fi
  log="$(mktemp --suffix=.apt.log)"
  say_change "installing $# Debian packages"
  if apt-get install --simulate --no-install-recommends "$@" >/dev/null 2>&1 &&
    run_logged "$log" as_root "${install[@]}"; then
    rm -f "$log"
    return 0
  fi
  say_change "refreshing the package lists: not all packages can be had with those on this machine"
  run_logged "$log" as_root apt-get update || fail "the package lists cannot be refreshed; see above"
  run_logged "$log" as_root "${install[@]}" || fail "the packages cannot be installed; see above"
  rm -f "$log"
}

# A service policy of "do nothing" while packages are installed: a benchmark peer must not start serving by itself.
apt_install_without_services() {
  local policy=/usr/sbin/policy-rc.d
  if [[ -e "$policy" ]] || ! as_root true; then
    apt_install "$@"
    return
  fi
  printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
  as_root chmod 755 "$policy"
  trap 'as_root rm -f /usr/sbin/policy-rc.d' EXIT
  apt_install "$@"
  as_root rm -f "$policy"
  trap - EXIT
}

install_packages() {
  local missing=() name reason
  check_system
  while read -r name reason; do
    if ! is_installed "$name"; then
      missing+=("$name")
      say_change "needs $name: $reason"
    fi
  done < <(list_packages "$@")
  if ((${#missing[@]} == 0)); then
    say "Debian packages: all there"
    return
  fi
  apt_install_without_services "${missing[@]}"
  if [[ " ${missing[*]} " == *" nginx-light "* && -d /run/systemd/system ]]; then
    # Nor at the next start of the machine.
    as_root systemctl disable --now nginx >/dev/null 2>&1 || true
  fi
}
