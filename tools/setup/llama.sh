# llama.cpp, the engine of thalamus-host: its sources out of a Rust crate (no Debian package has them), compiled once
# into static libraries. Where it cannot be had, a file beside its place says why and the rest is built without it.
# shellcheck shell=bash disable=SC2154 # "here", "deps", "work" are set by setup.sh and common.sh

llama_crate=llama-cpp-sys-2
llama_version=0.1.161
llama_sha256=e9bea77fde41bbc15a278891cd5edd2ba07c5260d162614b41080ba1f100b39b
llama_target="$deps/$llama_crate-$llama_version"
# Older ones do not know the registry's present protocol.
cargo_minor_min=70
cargo_command=cargo

# Portable to every x86-64 processor with AVX2 (2013 on), no run-time dependency, only the libraries.
llama_options=(
  -DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=OFF -DCMAKE_POSITION_INDEPENDENT_CODE=ON
  -DGGML_NATIVE=OFF -DGGML_AVX2=ON -DGGML_FMA=ON -DGGML_F16C=ON -DGGML_BMI2=ON -DGGML_OPENMP=OFF
  -DLLAMA_BUILD_COMMON=ON -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_TOOLS=OFF
  -DLLAMA_BUILD_SERVER=OFF -DLLAMA_BUILD_APP=OFF -DLLAMA_BUILD_UI=OFF -DLLAMA_USE_PREBUILT_UI=OFF
  -DLLAMA_OPENSSL=OFF -DLLAMA_SUBPROCESS=OFF
)

# Sets cargo_command: the first on the path, or Debian's, which a toolchain manager without a toolchain may hide.
cargo_is_usable() {
  local minor candidate
  for candidate in cargo /usr/bin/cargo; do
    minor="$("$candidate" --version 2>/dev/null | sed -n -E 's/^cargo 1\.([0-9]+)\..*/\1/p')" || true
    if [[ -n "$minor" ]] && ((minor >= cargo_minor_min)); then
      cargo_command="$candidate"
      return 0
    fi
  done
  return 1
}

# Debian 12's own cargo is too old, cargo-web is not; it is installed only where a download tool is missing.
find_cargo() {
  if cargo_is_usable; then
    return 0
  fi
  if is_installed cargo-web || ! as_root true; then
    return 1
  fi
  say_change "needs cargo-web: downloads the sources of llama.cpp (nothing written in Rust is built)"
  (apt_install cargo-web) && hash -r && cargo_is_usable
}

crate_path() {
  local found
  for found in "${CARGO_HOME:-$HOME/.cargo}"/registry/cache/*/"$llama_crate-$llama_version.crate"; do
    if [[ -f "$found" ]]; then
      printf '%s' "$found"
      return 0
    fi
  done
  return 1
}

# A package that does nothing and depends on the crate makes cargo download it, checked against its index.
download_crate() {
  local manifest="$1"
  crate_path >/dev/null && return 0
  mkdir -p "$manifest/src"
  : >"$manifest/src/lib.rs"
  printf '[package]\nname = "fetch"\nversion = "0.0.0"\nedition = "2021"\n[dependencies]\n%s = "=%s"\n' \
    "$llama_crate" "$llama_version" >"$manifest/Cargo.toml"
  run_logged "$work/cargo.log" "$cargo_command" fetch --manifest-path "$manifest/Cargo.toml"
}

unpack_llama() {
  local root="$1" crate
  crate="$(crate_path)"
  check_digest "$crate" "$llama_sha256"
  rm -rf "$root/unpacked"
  mkdir -p "$root/unpacked"
  # Times are those of now, so that an unpacked tree never looks older than objects of an interrupted build.
  tar -xzf "$crate" -C "$root/unpacked" --strip-components=2 --touch "$llama_crate-$llama_version/llama.cpp"
  mv "$root/unpacked" "$root/source"
}

build_llama() {
  local root="$1" launcher=()
  if command -v ccache >/dev/null; then
    launcher=(-DCMAKE_C_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
  fi
  run_logged "$work/llama.log" cmake -S "$root/source" -B "$root/build" -G Ninja \
    "${llama_options[@]}" "${launcher[@]}" &&
    run_logged "$work/llama.log" nice cmake --build "$root/build"
}

# Headers in one folder: <llama.h> and <ggml*.h> at its top, the helper library's below common/.
install_llama() {
  local root="$1" out="$1/out"
  rm -rf "$out"
  mkdir -p "$out/lib" "$out/include/common/jinja"
  find "$root/build" -name 'lib*.a' -exec cp {} "$out/lib/" \;
  cp "$root"/source/include/*.h "$root"/source/ggml/include/*.h "$out/include/"
  cp "$root"/source/common/*.h "$out/include/common/"
  cp "$root"/source/common/jinja/*.h "$out/include/common/jinja/"
  cp "$root/source/LICENSE" "$out/"
  rm -rf "$llama_target"
  mv "$out" "$llama_target"
}

# llama.cpp compiles a copy of another library, which brings no licence file: whose it is stands in its sources. For the
# notices of tools/sbom.py.
provide_llama_notices() {
  local out="$llama_target/nlohmann-json.copyright" crate
  if [[ -s "$out" ]]; then
    return
  fi
  if ! crate_path >/dev/null && ! { find_cargo && download_crate "$work/crate"; }; then
    say_change "llama.cpp: its crate cannot be had, so \`make sbom\` lacks whose JSON library it compiles" >&2
    return
  fi
  crate="$(crate_path)"
  check_digest "$crate" "$llama_sha256"
  tar -xzOf "$crate" "$llama_crate-$llama_version/llama.cpp/vendor/nlohmann/json.hpp" |
    sed -n 's|^// SPDX-FileCopyrightText: |Copyright (c) |p' | LC_ALL=C sort -u >"$out.new"
  mv "$out.new" "$out"
  rm -rf "$work/crate"
}

leave_llama_out() {
  printf '%s\n' "$1" >"$llama_target.missing"
  say_change "llama.cpp is left out: $1" >&2
  say_change "everything else is built; only thalamus-host, the server of local model files, will be missing" >&2
}

provide_llama() {
  local root="$work/llama-$llama_version" key
  # Not the whole of this file: a reworded comment should not cost a build.
  key="$({ printf '%s\n' "$llama_version" "$llama_sha256" "${llama_options[@]}"; declare -f install_llama; } | key_of)"
  if is_done llama "$key" "$llama_target/lib/libllama.a"; then
    say "llama.cpp: there"
    provide_llama_notices
    return
  fi
  say_change "llama.cpp: sources from the crate $llama_crate $llama_version, compiled once (4 minutes on two cores)"
  if ! crate_path >/dev/null && ! find_cargo; then
    leave_llama_out "cargo 1.$cargo_minor_min or newer downloads its sources: install the Debian package cargo-web"
    return
  fi
  if ! download_crate "$work/crate"; then
    leave_llama_out "cargo could not download the crate $llama_crate $llama_version"
    return
  fi
  [[ -d "$root/source" ]] || unpack_llama "$root"
  if ! build_llama "$root"; then
    leave_llama_out "its build failed, see $work/llama.log"
    return
  fi
  install_llama "$root"
  provide_llama_notices
  rm -rf "$root" "$work/crate" "$llama_target.missing"
  mark_done llama "$key"
  say_change "llama.cpp: built"
}
