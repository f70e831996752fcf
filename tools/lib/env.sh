# shellcheck shell=bash
# What the scripts in tools/ share. Source it, don't run it:
#
#   . "$(dirname "${BASH_SOURCE[0]}")/lib/env.sh"
#
# Sourcing defines functions and MOULT_ROOT (this checkout) and does nothing else.
#
#   log, warn, die TEXT…          a line on stderr; die exits 1
#   have COMMAND                  is it there?
#   version_ge A B                is version A at least B?
#   moult_cache_dir               what is fetched or built once for all checkouts:
#                                 ${MOULT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/moult}
#   moult_scratch_dir             where test clusters live: ${MOULT_SCRATCH:-${TMPDIR:-/tmp}/moult-kafka-UID}
#   librdkafka_prefix             the librdkafka that tools/setup chose, or nothing for the distribution's
#   export_librdkafka [distro]    lets pkg-config find it (PKG_CONFIG_PATH), or only the distribution's
#   configure_build DIR [ARG…]    cmake -S root -B DIR ARG…; a no-op when DIR was configured with the same arguments
#   build_preset PRESET [TARGET…] configure build/PRESET and build it
#   remove_unmounted DIR          removes a folder in which things are mounted at times, unless they are now
#   close_extra_fds               for a daemon's subshell: lets go of every descriptor above 2

MOULT_ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)"

log() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
warn() { log "warning: $*"; }
die() {
  log "error: $*"
  exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

version_ge() { [[ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" == "$2" ]]; }

moult_cache_dir() {
  if [[ -n "${MOULT_CACHE:-}" ]]; then
    printf '%s\n' "$MOULT_CACHE"
  else
    printf '%s\n' "${XDG_CACHE_HOME:-${HOME:?is not set; set MOULT_CACHE to a folder}/.cache}/moult"
  fi
}

moult_scratch_dir() { printf '%s\n' "${MOULT_SCRATCH:-${TMPDIR:-/tmp}/moult-kafka-$(id -u)}"; }

# A link that tools/setup keeps, so that `cmake --preset release` finds the same library as the scripts do.
librdkafka_link() { printf '%s\n' "$MOULT_ROOT/build/deps/librdkafka"; }

librdkafka_prefix() {
  local link
  link="$(librdkafka_link)"
  if [[ -e "$link/lib/pkgconfig/rdkafka.pc" ]]; then
    readlink -f "$link"
  fi
}

export_librdkafka() {
  local prefix="" kept="" part
  [[ "${1:-}" == distro ]] || prefix="$(librdkafka_prefix)"
  # Forget an earlier choice, keep what the caller had.
  while IFS= read -r part; do
    [[ -z "$part" || "$part" == */librdkafka-*/lib/pkgconfig ]] || kept+="${kept:+:}$part"
  done < <(tr ':' '\n' <<<"${PKG_CONFIG_PATH:-}")
  if [[ -n "$prefix" ]]; then
    kept="$prefix/lib/pkgconfig${kept:+:$kept}"
  fi
  export PKG_CONFIG_PATH="$kept"
}

# What one build folder has compiled another may have: debug information names sources by whole paths.
export CCACHE_NOHASHDIR=1

configure_build() {
  local dir="$1" stamp wanted
  shift
  local -a args=(-S "$MOULT_ROOT" -B "$dir" "$@")
  [[ -n "${CMAKE_GENERATOR:-}" || "$*" == *"-G"* ]] || args+=(-G Ninja)
  if have ccache && [[ "$*" != *_COMPILER_LAUNCHER* ]]; then
    args+=(-DCMAKE_C_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
  fi
  if [[ "$*" != *MOULT_RDKAFKA_PREFIX* && "$*" != *distro-rdkafka* ]]; then
    args+=("-DMOULT_RDKAFKA_PREFIX=$(librdkafka_prefix)")
  fi
  stamp="$dir/.configured"
  wanted="$(printf '%q ' "${args[@]}" "${CC:-}" "${CXX:-}" "${CFLAGS:-}" "${CXXFLAGS:-}" "${LDFLAGS:-}"
    [[ ! -e "$MOULT_ROOT/CMakePresets.json" ]] || cksum <"$MOULT_ROOT/CMakePresets.json")"
  if [[ -e "$dir/CMakeCache.txt" && -e "$stamp" && "$(<"$stamp")" == "$wanted" ]]; then
    return 0
  fi
  rm -f "$stamp"
  cmake "${args[@]}" || return
  printf '%s\n' "$wanted" >"$stamp"
}

build_preset() {
  local preset="$1" dir="$MOULT_ROOT/build/$1" target
  shift
  configure_build "$dir" --preset "$preset" || return
  local -a targets=()
  for target in "$@"; do targets+=(--target "$target"); done
  cmake --build "$dir" "${targets[@]}"
}

# With anything mounted in it nothing is touched.
remove_unmounted() {
  if grep -qF " $1/" /proc/self/mountinfo; then die "$1: something is mounted in it; unmount that"; fi
  rm -rf --one-file-system "$1"
}

close_extra_fds() {
  local fd
  for fd in /proc/self/fd/*; do
    fd="${fd##*/}"
    if ((fd > 2)) && ((fd != 255)); then eval "exec $fd>&-" 2>/dev/null || true; fi
  done
}
