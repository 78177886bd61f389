#!/usr/bin/env bash
# Learns data/auto.snapshot, the default route's snapshot, from the recorded outcomes of the default targets, unless it
# is there and newer than what it is learned from. Prefers the table recorded on this machine (`make probe`).
set -euo pipefail
cd "$(dirname "$0")/.."

thalamus=${THALAMUS:-build/release/thalamus}
snapshot=data/auto.snapshot
table=data/probe-default.jsonl.gz
[ -f data/probe-local.jsonl.gz ] && table=data/probe-local.jsonl.gz

if [ ! -x "$thalamus" ]; then
  echo "error: $thalamus is not built; run \`make release\` first" >&2
  exit 3
fi
if [ -f "$snapshot" ] && [ "$snapshot" -nt "$table" ]; then
  # Damaged, or of features that this build reads otherwise: learn it anew.
  "$thalamus" explain --snapshot "$snapshot" "Is it readable?" > /dev/null 2>&1 && exit 0
  echo "$snapshot cannot be read by this build"
fi
# Of the methods tried by cross-validation, knn has the best held-out utility at the default route's worth on what no
# tool covers; `--method auto` prefers a simpler one that is within one standard error (docs/first-run.md).
echo "learning $snapshot from $table (small, large)"
"$thalamus" train --data "$table" --models small,large --method knn --seed 1 --out "$snapshot" --quiet
