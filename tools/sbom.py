#!/usr/bin/env python3
"""A software bill of materials (CycloneDX 1.5 JSON) and third-party notices, made from a build: what the linker took
into the executables, and which package of the system or pinned archive each of those files is of.

  tools/sbom.py --build build/release --out sbom.json --notices NOTICES.txt
"""
import argparse
import hashlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[1]
EXECUTABLES = ("thalamus", "thalamus-host")
# Header-only libraries leave no file to the linker: they are named by the include folder that compile commands use.
HEADER_ONLY = ("libboost1.81-dev", "libboost1.74-dev", "libeigen3-dev", "libcli11-dev", "nlohmann-json3-dev",
               "libfmt-dev", "libspdlog-dev", "libasio-dev")


# Names of copyright-format 1.0 and of packages, lower case -> SPDX.
SPDX = {
    "expat": "MIT", "mit": "MIT", "zlib": "Zlib", "bsl-1.0": "BSL-1.0", "apache-2.0": "Apache-2.0",
    "cc0-1.0": "CC0-1.0", "bsd-2-clause": "BSD-2-Clause", "bsd2": "BSD-2-Clause", "bsd-3-clause": "BSD-3-Clause",
    "mpl-2": "MPL-2.0", "mpl-2.0": "MPL-2.0", "gpl-2": "GPL-2.0-only", "gpl-2+": "GPL-2.0-or-later",
    "gpl-2.0+": "GPL-2.0-or-later", "lgpl-2.1+": "LGPL-2.1-or-later",
    "expat with embedded exception": "MIT",  # of fmt: the exception takes a condition away for object code
}
IDENTIFIERS = set(SPDX.values()) | {"X11", "GPL-3.0-or-later WITH GCC-exception-3.1"}
# Patterns of files of a package of which nothing is compiled into who links it.
NOT_COMPILED = re.compile(
    r"(^|/)(debian|m4|cmake|tests?|testing|examples?|docs?|man|bench|benchmarks?|fuzz|fuzzing|tools?|scripts?|contrib|"
    r"external/perl|amiga|msvc_compat|thirdparty|third-party|bin|build|support)(/|$)|"
    r"\.(m4|cmake|am|ac|in|html|rst|md|txt|py|pl|sh|jam)$|(^|/)(Makefile|configure|Jam)[^/]*$")
# Package, a phrase of its copyright file, licence.
PROSE = (
    (r"libc6", "GNU Lesser General Public License", "LGPL-2.1-or-later"),
    (r"lib(stdc\+\+|gcc)-", "GCC RUNTIME LIBRARY EXCEPTION", "GPL-3.0-or-later WITH GCC-exception-3.1"),
)


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    return done.stdout if done.returncode == 0 else ""


def linked_files(build, executable):
    """Libraries outside the build: those that an executable's link command names, and those found at run time."""
    found = set()
    commands = run("ninja", "-C", str(build), "-t", "commands", executable).splitlines()
    for word in (commands[-1].split() if commands else []):
        if re.search(r"\.(a|so)(\.[0-9.]+)?$", word):
            path = Path(word) if word.startswith("/") else build / word
            if path.exists() and build.resolve() not in path.resolve().parents:
                found.add(path.resolve())
    found |= runtime_files(commands[-1].split() if commands else [])
    for line in run("ldd", str(build / executable)).splitlines():
        if match := re.search(r"=> (/\S+)", line):
            found.add(Path(match.group(1)).resolve())
    return found


def runtime_files(command):
    """Libraries that the compiler's driver adds without a word in the command, where it links them statically."""
    driver = next((word for word in command if re.search(r"(\+\+|gcc|clang)(-[0-9]+)?$", word)), "")
    wanted = {"-static-libstdc++": "libstdc++.a", "-static-libgcc": "libgcc.a"}
    paths = [run(driver, f"-print-file-name={name}").strip() for word, name in wanted.items()
             if driver and word in command]
    return {Path(path).resolve() for path in paths if path.startswith("/")}


def package_of(path):
    owner = run("dpkg-query", "-S", str(path)) or run("dpkg-query", "-S", str(path).replace("/usr/lib", "/lib", 1))
    return owner.split(":", 1)[0] if owner else ""


def version_of(package):
    return run("dpkg-query", "-W", "-f", "${Version}", package).strip()


def licence_text(package):
    path = Path("/usr/share/doc") / package / "copyright"
    return path.read_text(errors="replace") if path.is_file() else ""


def stanzas(text):
    """The paragraphs of a machine-readable copyright file (copyright-format 1.0): field name -> value, folded lines
    kept; none where the file is of another kind."""
    if not re.match(r"Format:\s*\S*copyright-format", text):
        return []
    found = []
    for paragraph in re.split(r"\n[ \t]*\n", text):
        fields, name = {}, ""
        for line in paragraph.splitlines():
            if line[:1] in (" ", "\t"):
                if name:
                    fields[name] += "\n" + line.strip()
            elif match := re.match(r"([A-Za-z-]+):[ \t]*(.*)$", line):
                name = match.group(1).lower()
                fields[name] = match.group(2).strip()
        if fields:
            found.append(fields)
    return found


def spdx(name, text):
    """Debian's short name as an SPDX expression; as it is where no identifier is known. `text` is the licence's own."""
    def one(word):
        # Debian calls by this name what the X Consortium used; its clause about advertising makes the difference.
        if word.lower() == "x11":
            return "X11" if "Except as contained in this notice" in text else "MIT"
        return SPDX.get(word.lower(), word)
    parts = re.split(r"\s+(or|and)\s+", name.replace(",", " "))
    return " ".join(part.upper() if part in ("or", "and") else one(part) for part in parts)


def licences(text):
    """Of a copyright file: the licence of the files that are compiled, and of others in the package, by licence. Those
    that only pack, build, test or describe it are left out: nothing of them is in an executable."""
    parts = [part for part in stanzas(text) if "files" in part and "license" in part]
    bodies = {part["license"].split("\n", 1)[0]: part["license"] for part in stanzas(text) if "license" in part}

    def name_of(part):
        short, _, body = part["license"].partition("\n")
        return spdx(short, body or bodies.get(short, ""))
    main = next((name_of(part) for part in parts if "*" in part["files"].split()), "")
    others = {}
    for part in parts:
        files = [name for name in part["files"].split() if name != "*" and not NOT_COMPILED.search(name)]
        if files and name_of(part) != main:
            others.setdefault(name_of(part), []).extend(files)
    return main, others


def plain_licence(package, text):
    """Of packages whose copyright file is prose: what it must say for the licence that is known of them."""
    for pattern, phrase, licence in PROSE:
        if re.match(pattern, package) and phrase in " ".join(text.split()):
            return licence
    return ""


def pinned_archives(deps):
    """Executable, name, version, SHA-256, licence and its text of what set-up fetches beside packages, as its own
    scripts pin it. The text is the one of the archive, which set-up leaves beside what it unpacks below `deps`."""
    for executable, name, folder, script, licence in (
            ("thalamus", "simdjson", "simdjson", "simdjson.sh", "Apache-2.0"),
            ("thalamus-host", "llama.cpp (llama-cpp-sys-2)", "llama-cpp-sys-2", "llama.sh", "MIT")):
        text = (SOURCE / "tools/setup" / script).read_text()
        version = re.search(r"^\w+_version=(\S+)", text, re.M).group(1)
        digest = re.search(r"^\w+_sha256=([0-9a-f]{64})", text, re.M).group(1)
        file = deps / f"{folder}-{version}" / "LICENSE"
        yield executable, name, version, digest, licence, file.read_text(encoding="utf-8") if file.is_file() else ""


def json_versions(executable):
    """Of the JSON library (nlohmann): it writes its version into the names of its types, which outlive `strip`. The
    last number is one digit: behind it the next name's length begins."""
    return sorted({".".join(number.decode() for number in match.groups())
                   for match in re.finditer(rb"json_abi_v(\d+)_(\d+)_(\d)", executable)})


def mit_text(holders, sample):
    """The MIT licence of other holders, from the text of a sample of it."""
    at = sample.find("Permission is hereby granted")
    return f"MIT License\n\n{holders.strip()}\n\n{sample[at:]}" if holders.strip() and at >= 0 else ""


def carried_json(build, deps):
    """As `pinned_archives`: the copy of that library that llama.cpp compiles from its own tree."""
    host = build / "thalamus-host"
    system = version_of("nlohmann-json3-dev")
    for version in json_versions(host.read_bytes()) if host.exists() else []:
        if system.startswith(version + "-"):
            continue
        folder = next(iter(sorted(deps.glob("llama-cpp-sys-2-*/"))), deps)
        holders, sample = folder / "nlohmann-json.copyright", folder / "LICENSE"
        text = ""
        if holders.is_file() and sample.is_file():
            text = mit_text(holders.read_text(encoding="utf-8"), sample.read_text(encoding="utf-8"))
        yield "thalamus-host", "nlohmann-json (in llama.cpp)", version, "", "MIT", text


def deps_folder(build):
    """Where this build found what set-up unpacked."""
    match = re.search(r"^THALAMUS_DEPS_DIR:PATH=(.+)$", (build / "CMakeCache.txt").read_text(), re.M)
    return Path(match.group(1))


def licence_entry(licence):
    if licence in IDENTIFIERS and " " not in licence:
        return {"license": {"id": licence}}
    words = re.split(r" (?:OR|AND) ", licence)
    return {"expression": licence} if all(word in IDENTIFIERS for word in words) else {"license": {"name": licence}}


def other_files(others):
    """'other files: MIT (lib/dictBuilder/divsufsort.*)'"""
    shown = [f"{licence} ({', '.join(files[:3])}{f' and {len(files) - 3} more' if len(files) > 3 else ''})"
             for licence, files in sorted(others.items())]
    return "other files: " + "; ".join(shown)


def component(name, version, purl="", digest="", licence="", others=None):
    out = {"type": "library", "name": name, "version": version}
    if purl:
        out["purl"] = purl
    if digest:
        out["hashes"] = [{"alg": "SHA-256", "content": digest}]
    if licence:
        out["licenses"] = [licence_entry(licence)]
    if others:
        out["properties"] = [{"name": "thalamus:licences", "value": other_files(others)}]
    return out


def collect(build):
    files = set()
    for executable in EXECUTABLES:
        if (build / executable).exists():
            files |= linked_files(build, executable)
    packages = {package_of(path) for path in files} - {""}
    deps = re.compile(r"llama|ggml|httplib|simdjson")  # built from the pinned archives below
    unknown = sorted(path.name for path in files if not package_of(path) and not deps.search(path.name))
    packages |= {package for package in HEADER_ONLY if version_of(package)}
    return packages, unknown


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=Path, default=SOURCE / "build/release")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--notices", type=Path, required=True)
    arguments = parser.parse_args()
    if not (arguments.build / EXECUTABLES[0]).exists():
        sys.exit(f"error: {arguments.build / EXECUTABLES[0]} is not there; build it first (make release)")
    if shutil.which("dpkg-query") is None:
        sys.exit("error: dpkg-query is needed to name the packages; run this on Debian")
    packages, unknown = collect(arguments.build)
    components, notices, unnamed = [], [], []
    for package in sorted(packages):
        text = licence_text(package)
        version = version_of(package)
        licence, others = licences(text)
        licence = licence or plain_licence(package, text)
        if not licence:
            unnamed.append(package)
        components.append(component(package, version, f"pkg:deb/debian/{package}@{version}", licence=licence,
                                    others=others))
        head = f"Licence: {licence or 'see below'}\n" + (f"{other_files(others)[0].upper()}{other_files(others)[1:]}\n"
                                                          if others else "")
        notices.append((f"{package} {version}", head + "\n" + (text or "(no copyright file is installed)")))
    deps = deps_folder(arguments.build)
    for executable, name, version, digest, licence, text in (*pinned_archives(deps),
                                                             *carried_json(arguments.build, deps)):
        if not (arguments.build / executable).exists():
            continue
        if not text:
            sys.exit(f"error: the licence text of {name} {version} is not below {deps}; run tools/setup.sh")
        components.append(component(name, version, digest=digest, licence=licence))
        notices.append((f"{name} {version}", f"Licence: {licence}\n\n{text}"))
    main_component = {"type": "application", "name": "thalamus",
                      "version": run("git", "-C", str(SOURCE), "describe", "--always", "--tags").strip() or "unknown",
                      "hashes": [{"alg": "SHA-256", "content": hashlib.sha256(
                          (arguments.build / EXECUTABLES[0]).read_bytes()).hexdigest()}]}
    bill = {"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
            "metadata": {"component": main_component}, "components": components}
    arguments.out.write_text(json.dumps(bill, indent=1) + "\n")
    arguments.notices.write_text(encoding="utf-8", data="".join(f"{'=' * 78}\n{title}\n{'=' * 78}\n{text.rstrip()}\n\n"
                                         for title, text in notices))
    print(f"{len(components)} components in {arguments.out}, notices in {arguments.notices}")
    if unnamed:
        print("no licence could be read of: " + ", ".join(unnamed))
    if unknown:
        print("of no package: " + ", ".join(unknown))


if __name__ == "__main__":
    main()
