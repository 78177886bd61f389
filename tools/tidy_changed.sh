#!/usr/bin/env bash
# tidy_changed.sh BASE: clang-tidy on the sources changed since BASE, with the compile commands of the release build.
set -euo pipefail
cd "$(dirname "$0")/.."
base=${1:-HEAD}
if [ ! -f build/release/compile_commands.json ]; then
  echo "error: build/release is not configured; run \`make test\` first" >&2
  exit 3
fi
mapfile -t files < <(git diff --name-only --diff-filter=d "$base" -- 'thalamus/*.cpp' 'app/*.cpp')
if [ "${#files[@]}" -eq 0 ]; then
  echo "no source changed since $base"
  exit 0
fi
# The build is GCC's: Clang does not know all of its warnings.
printf '%s\n' "${files[@]}" | xargs -P "$(nproc)" -n 4 clang-tidy-19 -p build/release --quiet --warnings-as-errors='*' \
  --extra-arg=-Wno-unknown-warning-option
