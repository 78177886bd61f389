# simdjson as two source files, so that it can be linked statically: Debian's package has a shared library only, but
# its source package carries the amalgamated pair.
# shellcheck shell=bash disable=SC2154 # "here", "deps", "work" are set by setup.sh and common.sh

simdjson_version=3.0.1
simdjson_debian=3.0.1-1
simdjson_header_sha256=5ce048173caafa1e4b71872cedf10c011698b336a34fab2905f94dc377918f19
simdjson_source_sha256=3911df6dfec471668231fd47bc2f96378567a12fcd74669bc9dfad28fa182ea7

# A private apt configuration that knows the machine's own mirrors as sources of source packages. The machine's files
# are copied, in both of apt's formats, with the type changed; keys and options stay as they are.
write_private_apt() {
  local root="$1" etc=/etc/apt file
  mkdir -p "$root/lists/partial" "$root/archives/partial" "$root/parts"
  : >"$root/sources.list"
  if [[ -r "$etc/sources.list" ]]; then
    sed -n -E '/^[[:space:]]*deb[[:space:]].*cdrom:/d; s/^[[:space:]]*deb[[:space:]]/deb-src /p' \
      "$etc/sources.list" >"$root/sources.list"
  fi
  for file in "$etc"/sources.list.d/*.list; do
    [[ -r "$file" ]] || continue
    sed -n -E 's/^[[:space:]]*deb[[:space:]]/deb-src /p' "$file" >"$root/parts/${file##*/}"
  done
  for file in "$etc"/sources.list.d/*.sources; do
    [[ -r "$file" ]] || continue
    sed -E 's/^Types:.*/Types: deb-src/I' "$file" >"$root/parts/${file##*/}"
  done
  cat >"$root/apt.conf" <<TEXT
Dir::Etc::sourcelist "$root/sources.list";
Dir::Etc::sourceparts "$root/parts";
Dir::State::lists "$root/lists";
Dir::Cache "$root";
APT::Sandbox::User "$(id -un)";
TEXT
}

# In a subshell, since apt-get downloads into the folder it is called in.
download_simdjson() (
  root="$1"
  cd "$root" || return
  # A third party's list without source packages may fail here; what counts is that the download succeeds.
  APT_CONFIG="$root/apt.conf" apt-get -q update || true
  # apt checks what it downloads against the signed list of the archive.
  APT_CONFIG="$root/apt.conf" apt-get -q source --download-only "simdjson=$simdjson_debian"
)

provide_simdjson() {
  local target="$deps/simdjson-$simdjson_version" root="$work/simdjson" key archive
  key="$(key_of "$here/setup/simdjson.sh")"
  if is_done simdjson "$key" "$target/simdjson.cpp"; then
    say "simdjson $simdjson_version: there"
    return
  fi
  say_change "simdjson $simdjson_version: from Debian's source package (no static library is packaged)"
  rm -rf "$root"
  mkdir -p "$root"
  write_private_apt "$root"
  run_logged "$work/simdjson.log" download_simdjson "$root" ||
    fail "simdjson's source package cannot be downloaded; is one of this machine's apt sources a Debian mirror?"
  archive="$root/simdjson_$simdjson_version.orig.tar.gz"
  mkdir "$root/out"
  tar -xzf "$archive" -C "$root/out" --strip-components=1 "simdjson-$simdjson_version/LICENSE"
  tar -xzf "$archive" -C "$root/out" --strip-components=2 \
    "simdjson-$simdjson_version/singleheader/simdjson.h" "simdjson-$simdjson_version/singleheader/simdjson.cpp"
  check_digest "$root/out/simdjson.h" "$simdjson_header_sha256"
  check_digest "$root/out/simdjson.cpp" "$simdjson_source_sha256"
  rm -rf "$target"
  mv "$root/out" "$target"
  rm -rf "$root" "$work/simdjson.log"
  mark_done simdjson "$key"
}
