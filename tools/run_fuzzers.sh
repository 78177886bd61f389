#!/usr/bin/env bash
# run_fuzzers.sh BUILD_FOLDER SECONDS: runs every libFuzzer target of the build for SECONDS on its committed corpus.
# New inputs go to BUILD_FOLDER/corpus; a finding ends the run and is kept there.
set -euo pipefail
build=${1:?usage: run_fuzzers.sh BUILD_FOLDER SECONDS}
seconds=${2:?usage: run_fuzzers.sh BUILD_FOLDER SECONDS}
seeds=$(cd "$(dirname "$0")/.." && pwd)/tests/fuzz/corpus
for target in "$build"/tests/fuzz_*; do
  [ -x "$target" ] || continue
  name=$(basename "$target")
  name=${name#fuzz_}
  mkdir -p "$build/corpus/$name"
  echo "== $name for $seconds s"
  "$target" -max_total_time="$seconds" -rss_limit_mb=4096 -print_final_stats=0 -verbosity=0 \
    -artifact_prefix="$build/corpus/" "$build/corpus/$name" "$seeds/$name"
done
