# Shared by the parts of tools/setup.sh: messages, the dependency folder, stamps.
# shellcheck shell=bash disable=SC2154 # "here" is set by setup.sh

quiet=no
deps="${THALAMUS_DEPS_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/thalamus/deps}"
# Work that is under way; what is left here after an interruption is continued or overwritten.
work="$deps/.work"

be_quiet() {
  quiet=yes
}

say() {
  [[ "$quiet" == yes ]] || printf 'setup: %s\n' "$*"
}

# A step that changes the machine is told even with --quiet.
say_change() {
  printf 'setup: %s\n' "$*"
}

fail() {
  printf 'setup: %s\n' "$@" >&2
  exit 3
}

# Makes the folder and holds its lock until this script ends, so that two runs do not build in the same place.
prepare_folder() {
  mkdir -p "$deps" "$work" "$deps/.stamps" || fail "$deps cannot be written; set THALAMUS_DEPS_DIR to another folder"
  exec {lock_handle}>"$deps/.lock"
  if ! flock --nonblock "$lock_handle"; then
    say_change "another run of this script is at work in $deps; waiting for it"
    flock "$lock_handle"
  fi
}

# The key of a step: a digest of the files that say what it does, or of standard input.
key_of() {
  cat "$@" | sha256sum | cut -d' ' -f1
}

# is_done STEP KEY RESULT: true when that step ended well with that key and its result is still there.
is_done() {
  [[ -e "$3" && "$(cat "$deps/.stamps/$1" 2>/dev/null)" == "$2" ]]
}

mark_done() {
  printf '%s\n' "$2" >"$deps/.stamps/$1"
}

# check_digest FILE SHA256: ends the script when the file is another one.
check_digest() {
  local found
  found="$(sha256sum "$1" | cut -d' ' -f1)"
  [[ "$found" == "$2" ]] || fail "$1: not the expected content" "  expected SHA-256 $2" "  found    SHA-256 $found" \
    "  remedy:  delete the file and run again; if it stays so, the source has changed and this script must be revised"
}

# run_logged LOG COMMAND...: keeps the noise of long work in a file and shows its end when it fails.
run_logged() {
  local log="$1"
  shift
  if ! "$@" >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    printf 'setup: failed: %s\nsetup: all of its output: %s\n' "$*" "$log" >&2
    return 1
  fi
}

fetch_default_models() {
  local options=()
  [[ "$quiet" == yes ]] && options+=(--quiet)
  say "local models (default: the small models a gateway can run by itself)"
  python3 "$here/fetch_models.py" "${options[@]}"
}

# The two files of the sentence encoder.
fetch_encoder() {
  local options=()
  [[ "$quiet" == yes ]] && options+=(--quiet)
  python3 "$here/fetch_models.py" "${options[@]}" minilm-l6-v2-int8 minilm-l6-v2-vocabulary
}
