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
    for line in run("ldd", str(build / executable)).splitlines():
        if match := re.search(r"=> (/\S+)", line):
            found.add(Path(match.group(1)).resolve())
    return found


def package_of(path):
    owner = run("dpkg-query", "-S", str(path)) or run("dpkg-query", "-S", str(path).replace("/usr/lib", "/lib", 1))
    return owner.split(":", 1)[0] if owner else ""


def version_of(package):
    return run("dpkg-query", "-W", "-f", "${Version}", package).strip()


def licence_text(package):
    path = Path("/usr/share/doc") / package / "copyright"
    return path.read_text(errors="replace") if path.is_file() else ""


def licence_names(text):
    return sorted(set(re.findall(r"^License:\s*(\S.*?)\s*$", text, re.M)))[:12]


def pinned_archives():
    """Name, version, SHA-256 and licence of what set-up fetches beside packages, as its own scripts pin it."""
    for name, script, licence in (("simdjson", "simdjson.sh", "Apache-2.0"),
                                  ("llama.cpp (llama-cpp-sys-2)", "llama.sh", "MIT")):
        text = (SOURCE / "tools/setup" / script).read_text()
        version = re.search(r"^\w+_version=(\S+)", text, re.M).group(1)
        digest = re.search(r"^\w+_sha256=([0-9a-f]{64})", text, re.M).group(1)
        yield name, version, digest, licence


def component(name, version, purl="", digest="", licences=()):
    out = {"type": "library", "name": name, "version": version}
    if purl:
        out["purl"] = purl
    if digest:
        out["hashes"] = [{"alg": "SHA-256", "content": digest}]
    if licences:
        out["licenses"] = [{"license": {"name": licence}} for licence in licences]
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
    components, notices = [], []
    for package in sorted(packages):
        text = licence_text(package)
        version = version_of(package)
        components.append(component(package, version, f"pkg:deb/debian/{package}@{version}",
                                    licences=licence_names(text)))
        notices.append((f"{package} {version}", text or "(no copyright file is installed)"))
    for name, version, digest, licence in pinned_archives():
        components.append(component(name, version, digest=digest, licences=[licence]))
        notices.append((f"{name} {version}",
                        f"{licence}. Fetched and pinned by tools/setup; the text is in its archive."))
    main_component = {"type": "application", "name": "thalamus",
                      "version": run("git", "-C", str(SOURCE), "describe", "--always", "--tags").strip() or "unknown",
                      "hashes": [{"alg": "SHA-256", "content": hashlib.sha256(
                          (arguments.build / EXECUTABLES[0]).read_bytes()).hexdigest()}]}
    bill = {"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
            "metadata": {"component": main_component}, "components": components}
    arguments.out.write_text(json.dumps(bill, indent=1) + "\n")
    arguments.notices.write_text("".join(f"{'=' * 78}\n{title}\n{'=' * 78}\n{text.rstrip()}\n\n"
                                         for title, text in notices))
    print(f"{len(components)} components in {arguments.out}, notices in {arguments.notices}")
    if unknown:
        print("of no package: " + ", ".join(unknown))


if __name__ == "__main__":
    main()
