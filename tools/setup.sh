#!/usr/bin/env bash
# Makes a Debian 12 machine able to build, test, measure and run Thalamus.
#
# What it promises:
#   - Installs what is missing and nothing else; a second run looks, finds all there and ends in about a second.
#   - Says each thing it does, and why. Where it may not install packages it prints the exact command for an
#     administrator and exits with 3.
#   - Everything that is not a Debian package goes into one folder outside the source tree, THALAMUS_DEPS_DIR
#     (default ~/.cache/thalamus/deps, XDG_CACHE_HOME respected). Delete it at any time.
#   - What is fetched is pinned by version and SHA-256. No address of a registry or mirror is written here: apt, cargo,
#     pip and npm use those this machine is configured for.
#   - An interrupted run is continued by the next one.
#
# Exit codes: 0 all there, 2 usage, 3 environment (rights, network, an unsupported system).

set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
for helper in common packages simdjson llama onnxruntime python node; do
  # shellcheck source=/dev/null
  source "$here/setup/$helper.sh"
done

usage() {
  cat <<TEXT
usage: tools/setup.sh [--for PURPOSE]... [--models] [--quiet]

  --for build   compiler, libraries, simdjson and llama.cpp (the default)
  --for test    build, and what the tests and checks need
  --for bench   build, and what the benchmarks need
  --for serve   only what fetching models and running a built binary needs
  --for encoder build, and what the feature encoder needs: ONNX Runtime, a sentence encoder (52 MB in all)
  --for conformance  only the official clients, in Python and JavaScript, that the conformance run calls through
  --models      also fetch the default local models (1.6 GB; tools/fetch_models.py --list)
  --quiet       say only what was changed or went wrong
TEXT
}

purposes=()
with_models=no

parse_arguments() {
  while (($# > 0)); do
    case "$1" in
      --for)
        [[ "${2:-}" =~ ^(build|test|bench|serve|encoder|conformance)$ ]] ||
          fail_usage "--for '${2:-}': expected build, test, bench, serve, encoder or conformance"
        purposes+=("$2")
        shift
        ;;
      --models) with_models=yes ;;
      --quiet) be_quiet ;;
      -h | --help)
        usage
        exit 0
        ;;
      *) fail_usage "'$1' is not an option" ;;
    esac
    shift
  done
  ((${#purposes[@]} > 0)) || purposes=(build)
}

fail_usage() {
  printf 'setup: %s\n\n' "$1" >&2
  usage >&2
  exit 2
}

wanted() {
  local purpose
  for purpose in "${purposes[@]}"; do
    [[ "$purpose" == "$1" ]] && return 0
  done
  return 1
}

main() {
  parse_arguments "$@"
  install_packages "${purposes[@]}"
  prepare_folder
  if wanted build || wanted test || wanted bench || wanted encoder; then
    provide_simdjson
    provide_llama
  fi
  if wanted test || wanted conformance; then
    provide_python_clients
  fi
  if wanted conformance; then
    provide_langchain
    provide_node_clients
  fi
  if wanted encoder; then
    provide_onnxruntime
    fetch_encoder
  fi
  if [[ "$with_models" == yes ]]; then
    fetch_default_models
  fi
  say "ready for: ${purposes[*]}"
}

main "$@"
