# The official Python client libraries that tests call the gateway through, each list in an environment of its own.
# shellcheck shell=bash disable=SC2154 # "here", "deps", "work" are set by setup.sh and common.sh

# provide_python_environment NAME LIST PURPOSE
provide_python_environment() {
  local target="$deps/$1" list="$here/$2" purpose="$3" key
  key="$(key_of "$list" "$here/setup/python.sh")"
  if is_done "$1" "$key" "$target/bin/python"; then
    say "$purpose: there"
    return
  fi
  say_change "$purpose: the official clients, as tests call the gateway through them"
  rm -rf "$target"
  # Debian's own interpreter: the listed digests are those of archives for it.
  run_logged "$work/$1.log" /usr/bin/python3 -m venv "$target" ||
    fail "python3 cannot make an environment in $target"
  # Built archives only, and exactly the listed digests: nothing else is run or installed.
  run_logged "$work/$1.log" "$target/bin/python" -m pip install --disable-pip-version-check --no-cache-dir \
    --only-binary=:all: --no-deps --require-hashes --requirement "$list" ||
    fail "the packages of tools/$2 cannot be installed; see above"
  mark_done "$1" "$key"
}

provide_python_clients() {
  provide_python_environment python requirements-test.txt "Python clients"
}

provide_langchain() {
  provide_python_environment python-langchain requirements-langchain.txt "LangChain"
}
