# Shared by tools/build, tools/demo and tools/test: what they say, and how they install what is missing.
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
export CCACHE_BASEDIR=$ROOT CCACHE_NOHASHDIR=1  # compiled objects serve every clone
PYTHON=/usr/bin/python3  # Debian's own: the packages below belong to it

say() { printf '\033[1m==\033[0m %s\n' "$*"; }
fail() { printf 'tributary: %s\n' "$*" >&2; exit 1; }

PACKAGES_BUILD=(g++ cmake ninja-build pkg-config ccache git ca-certificates libpaho-mqttpp-dev libpaho-mqtt-dev liblmdb-dev
  librdkafka-dev libnanopb-dev nanopb libcpp-httplib-dev libtomlplusplus-dev libcli11-dev libspdlog-dev libsimdjson-dev nlohmann-json3-dev
  libhowardhinnant-date-dev libssl-dev zlib1g-dev libbrotli-dev libgtest-dev libbenchmark-dev)
PACKAGES_RUN=(mosquitto mosquitto-clients curl tzdata python3 python3-paho-mqtt)
PACKAGES_KAFKA=(maven openjdk-17-jre-headless)  # the broker itself: tools/lib/kafka.py
PACKAGES_TEST=(kcat lmdb-utils faketime prometheus python3-pytest python3-venv chromium fonts-liberation clang-14 libclang-rt-14-dev clang-format-14 clang-tidy-14
  gcc-arm-none-eabi
  libstdc++-arm-none-eabi-newlib libnewlib-arm-none-eabi openssl procps systemd)

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; elif command -v sudo >/dev/null; then sudo "$@"; else
    fail "missing packages can only be installed by root, and there is no sudo. Run as root: apt-get install $*"
  fi
}

# install_packages NAME...: Debian packages that are not there yet. Says what it installs; does nothing when all are there.
install_packages() {
  command -v dpkg-query >/dev/null || fail "this needs Debian (found no dpkg). On other systems install by hand: $*"
  local missing=() package
  for package in "$@"; do
    [ "$(dpkg-query -W -f='${db:Status-Abbrev}' "$package" 2>/dev/null | cut -c1-2)" = ii ] || missing+=("$package")
  done
  [ ${#missing[@]} = 0 ] && return 0
  local begin=$SECONDS log
  log=$(mktemp)
  say "installing ${#missing[@]} packages: ${missing[*]}"
  # A freshly installed Mosquitto must not start a broker of its own on the port that the demo uses.
  local policy=/usr/sbin/policy-rc.d held=no
  if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' | as_root tee $policy >/dev/null && as_root chmod +x $policy && held=yes
  fi
  local ok=yes
  as_root apt-get update -q >"$log" 2>&1 || true
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}" >>"$log" 2>&1 || ok=no
  [ $held = yes ] && as_root rm -f $policy
  if [ $ok = no ]; then
    tail -n 15 "$log" >&2
    fail "apt-get could not install: ${missing[*]} (its last lines stand above)"
  fi
  rm -f "$log"
  say "installed in $((SECONDS - begin)) s"
}

# Node from wherever it came; Debian's own if there is none.
install_node() {
  if ! command -v node >/dev/null || ! command -v npm >/dev/null; then install_packages nodejs npm; fi
  local major
  major=$(node -p 'process.versions.node.split(".")[0]')
  [ "$major" -ge 18 ] || fail "found Node $major, expected 18 or later"
}

# Apache Kafka itself, for tests and the demo: Java and Maven if they are missing, then its files into the cache, once.
install_kafka() {
  local begin=$SECONDS there=no
  "$PYTHON" -B "$ROOT/tools/lib/kafka.py" fetched && there=yes
  command -v java >/dev/null && { [ $there = yes ] || command -v mvn >/dev/null; } || install_packages "${PACKAGES_KAFKA[@]}"
  [ $there = yes ] && return 0
  say "fetching Kafka with Maven"
  "$PYTHON" -B "$ROOT/tools/lib/kafka.py" fetch >/dev/null || exit 1
  say "fetched Kafka in $((SECONDS - begin)) s"
}

# The tester of the API's document: a Python environment of its own in the cache, once.
SCHEMATHESIS=4.32.5
SCHEMATHESIS_DIR=${TRIBUTARY_CACHE:-$HOME/.cache/tributary}/schemathesis-$SCHEMATHESIS
install_schemathesis() {
  [ -x "$SCHEMATHESIS_DIR/bin/schemathesis" ] && return 0
  local begin=$SECONDS
  rm -rf "$SCHEMATHESIS_DIR"
  mkdir -p "$(dirname "$SCHEMATHESIS_DIR")"
  "$PYTHON" -m venv "$SCHEMATHESIS_DIR" && "$SCHEMATHESIS_DIR/bin/pip" install -q --disable-pip-version-check "schemathesis==$SCHEMATHESIS" ||
    { rm -rf "$SCHEMATHESIS_DIR"; fail "pip could not install schemathesis $SCHEMATHESIS"; }
  say "installed schemathesis $SCHEMATHESIS in $((SECONDS - begin)) s"
}

# build PRESET TARGET...: configure and build with progress; nothing to do takes about a second.
build() {
  local preset=$1 begin=$SECONDS
  shift
  mkdir -p "$ROOT/build"
  say "building $preset: $*"
  (cd "$ROOT" && cmake --preset "$preset" >"build/configure-$preset.log" 2>&1) || {
    tail -n 20 "$ROOT/build/configure-$preset.log" >&2
    fail "cmake could not configure the preset $preset (its last lines stand above)"
  }
  if [ -t 1 ]; then
    (cd "$ROOT" && cmake --build --preset "$preset" --target "$@") || fail "the build of preset $preset failed (see above)"
  else
    (cd "$ROOT" && cmake --build --preset "$preset" --target "$@" >"build/build-$preset.log" 2>&1) || {
      grep -E 'error|FAILED' "$ROOT/build/build-$preset.log" | head -n 20 >&2
      tail -n 20 "$ROOT/build/build-$preset.log" >&2
      fail "the build of preset $preset failed (its last lines stand above; all in build/build-$preset.log)"
    }
  fi
  say "built $preset in $((SECONDS - begin)) s"
}

PROGRAMS=(tributary-edge tributary-bridge tributary-aggregator tributaryctl)
