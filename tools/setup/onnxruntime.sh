# ONNX Runtime for the feature `encoder`: the shared library out of a wheel of the Python package index, the C header
# out of a newer Debian's package (Debian 12 has neither). Nothing is installed and nothing of the wheel is run. Where
# it cannot be had, a file beside its place says why and the rest is built without it.
# shellcheck shell=bash disable=SC2154 # "here", "deps", "work" are set by setup.sh and common.sh

onnx_version=1.31.1
onnx_library_sha256=fc44112fbe06d7d689c57e11d3862031f64711007e4ee020f8eed5185fd2c1d3
# The library keeps every older interface, so the header may be older.
onnx_header_sha256=7783e9664bdb0b1b36145b5c8587dd1bc9a399aa000edf2e3dd03003cafc6882
onnx_header_suite=trixie
onnx_target="$deps/onnxruntime-$onnx_version"

# The machine's own mirror of Debian 12, asked for a newer suite: its entries are copied with the suite changed, keys
# and options stay as they are.
write_newer_apt() {
  local root="$1" etc=/etc/apt file
  mkdir -p "$root/lists/partial" "$root/archives/partial" "$root/parts"
  : >"$root/sources.list"
  for file in "$etc/sources.list" "$etc"/sources.list.d/*.list; do
    [[ -r "$file" ]] || continue
    sed -n -E "s/^([[:space:]]*deb[[:space:]].*[[:space:]])bookworm([[:space:]].*)$/\1$onnx_header_suite\2/p" \
      "$file" >>"$root/sources.list"
  done
  for file in "$etc"/sources.list.d/*.sources; do
    [[ -r "$file" ]] || continue
    awk -v suite="$onnx_header_suite" 'BEGIN { RS = ""; ORS = "\n\n" }
      /(^|\n)Suites:[^\n]*[ \t]bookworm([ \t\n]|$)/ { sub(/Suites:[^\n]*/, "Suites: " suite); print }' \
      "$file" >"$root/parts/${file##*/}"
  done
  cat >"$root/apt.conf" <<TEXT
Dir::Etc::sourcelist "$root/sources.list";
Dir::Etc::sourceparts "$root/parts";
Dir::State::lists "$root/lists";
Dir::Cache "$root";
APT::Sandbox::User "$(id -un)";
Acquire::Languages "none";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
TEXT
}

# In a subshell, since apt-get downloads into the folder it is called in.
download_onnx_header() (
  root="$1"
  cd "$root" || return
  APT_CONFIG="$root/apt.conf" apt-get -q update || true
  # apt checks what it downloads against the signed list of the archive. Its scripts are never run.
  APT_CONFIG="$root/apt.conf" apt-get -q download libonnxruntime-dev &&
    dpkg-deb -x "$root"/libonnxruntime-dev_*.deb "$root/unpacked"
)

# The wheel as a plain archive; Debian's own interpreter brings pip in a throw-away environment.
download_onnx_library() {
  local root="$1"
  /usr/bin/python3 -m venv "$root/pip" &&
    "$root/pip/bin/python" -m pip download --disable-pip-version-check --no-cache-dir --no-deps \
      --only-binary=:all: --dest "$root" "onnxruntime==$onnx_version" &&
    /usr/bin/python3 -m zipfile -e "$root"/onnxruntime-"$onnx_version"-*.whl "$root/wheel"
}

leave_onnx_out() {
  printf '%s\n' "$1" >"$onnx_target.missing"
  say_change "ONNX Runtime is left out: $1" >&2
  say_change "everything else is built; only the feature encoder will be missing" >&2
}

provide_onnxruntime() {
  local root="$work/onnxruntime" header key out
  key="$(key_of "$here/setup/onnxruntime.sh")"
  if is_done onnxruntime "$key" "$onnx_target/lib/libonnxruntime.so.$onnx_version"; then
    say "ONNX Runtime $onnx_version: there"
    return
  fi
  say_change "ONNX Runtime $onnx_version: the library out of a Python wheel, its header out of a Debian package"
  rm -rf "$root"
  mkdir -p "$root"
  write_newer_apt "$root"
  if ! run_logged "$work/onnxruntime.log" download_onnx_header "$root"; then
    leave_onnx_out "the Debian package libonnxruntime-dev of $onnx_header_suite could not be downloaded"
    return
  fi
  if ! run_logged "$work/onnxruntime.log" download_onnx_library "$root"; then
    leave_onnx_out "the Python package onnxruntime $onnx_version could not be downloaded"
    return
  fi
  out="$root/out"
  header="$(find "$root/unpacked" -name onnxruntime_c_api.h -print -quit)"
  mkdir -p "$out/lib" "$out/include"
  cp "$header" "$out/include/"
  cp "$root/wheel/onnxruntime/capi/libonnxruntime.so.$onnx_version" "$out/lib/"
  cp "$root/wheel/onnxruntime/LICENSE" "$out/"
  check_digest "$out/include/onnxruntime_c_api.h" "$onnx_header_sha256"
  check_digest "$out/lib/libonnxruntime.so.$onnx_version" "$onnx_library_sha256"
  rm -rf "$onnx_target" "$onnx_target.missing"
  mv "$out" "$onnx_target"
  rm -rf "$root" "$work/onnxruntime.log"
  mark_done onnxruntime "$key"
}
