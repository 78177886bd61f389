# The official JavaScript client libraries that the conformance tests use, in a folder of their own.
# shellcheck shell=bash disable=SC2154 # "here", "deps", "work" are set by setup.sh and common.sh

node_oldest=18

# Node.js itself is the machine's: whichever release of it an administrator chose.
check_node() {
  local tool major missing=()
  for tool in node npm; do
    command -v "$tool" >/dev/null || missing+=("$tool")
  done
  if ((${#missing[@]} > 0)); then
    fail "the JavaScript clients need Node.js $node_oldest or newer with npm; not found: ${missing[*]}" \
      "Ask an administrator for:  apt-get install -y --no-install-recommends nodejs npm"
  fi
  major="$(node --version | sed -E 's/^v([0-9]+).*/\1/')"
  ((major >= node_oldest)) ||
    fail "the JavaScript clients need Node.js $node_oldest or newer; $(command -v node) is $(node --version)"
}

provide_node_clients() {
  local target="$deps/node" source="$here/../tests/conformance/node" key
  check_node
  key="$(key_of "$source/package.json" "$source/package-lock.json" "$here/setup/node.sh")"
  if is_done node "$key" "$target/node_modules"; then
    say "JavaScript clients: there"
    return
  fi
  say_change "JavaScript clients: the official SDKs, as tests call the gateway through them"
  rm -rf "$target"
  mkdir -p "$target"
  cp "$source/package.json" "$source/package-lock.json" "$target/"
  # Exactly the lock's digests, and no package's own scripts are run.
  run_logged "$work/node.log" npm ci --prefix "$target" --ignore-scripts --no-audit --no-fund ||
    fail "the packages of tests/conformance/node/package-lock.json cannot be installed; see above"
  mark_done node "$key"
}
