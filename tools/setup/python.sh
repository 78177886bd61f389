# The official client libraries that the conformance tests use, in an environment of their own.
# shellcheck shell=bash disable=SC2154 # "here", "deps", "work" are set by setup.sh and common.sh

provide_python_clients() {
  local target="$deps/python" list="$here/requirements-test.txt" key
  key="$(key_of "$list" "$here/setup/python.sh")"
  if is_done python "$key" "$target/bin/python"; then
    say "Python clients: there"
    return
  fi
  say_change "Python clients: the official SDKs, as tests call the gateway through them"
  rm -rf "$target"
  # Debian's own interpreter: the listed digests are those of archives for it.
  run_logged "$work/python.log" /usr/bin/python3 -m venv "$target" ||
    fail "python3 cannot make an environment in $target"
  # Built archives only, and exactly the listed digests: nothing else is run or installed.
  run_logged "$work/python.log" "$target/bin/python" -m pip install --disable-pip-version-check --no-cache-dir \
    --only-binary=:all: --no-deps --require-hashes --requirement "$list" ||
    fail "the packages of tools/requirements-test.txt cannot be installed; see above"
  mark_done python "$key"
}
