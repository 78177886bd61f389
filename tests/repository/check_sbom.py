"""The bill of materials names the licences of what is compiled, read from copyright files as Debian writes them; then
those of this machine's packages are read and compared with what the libraries say of themselves."""
import importlib.util
import os

from common import main

HEAD = "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\nUpstream-Name: x\n\n"
MIT_TEXT = " Permission is hereby granted, free of charge, to any person\n .\n THE SOFTWARE IS PROVIDED \"AS IS\"\n"
X11_TEXT = MIT_TEXT + " .\n Except as contained in this notice, the name of the X Consortium shall not be used\n"

# What, copyright file, licence, other files.
SAMPLES = (
    ("packaging of another licence",
     HEAD + "Files: *\nCopyright: a\nLicense: X11\n" + MIT_TEXT
     + "\nFiles: debian/*\nCopyright: b\nLicense: GPL-2.0+\n",
     "MIT", {}),
    ("the same name with the clause that makes it another licence",
     HEAD + "Files: *\nCopyright: a\nLicense: X11\n" + X11_TEXT, "X11", {}),
    ("the text in a paragraph of its own",
     HEAD + "Files: *\nCopyright: a\nLicense: X11\n\nLicense: X11\n" + X11_TEXT, "X11", {}),
    ("scripts, tests, documents and build files",
     HEAD + "Files: *\nCopyright: a\nLicense: Expat\n\nFiles: m4/x.m4 tests/t.c doc/s.css\n  external/perl/T/*\n"
     "Copyright: b\nLicense: Artistic or GPL-1+\n\nFiles: Makefile.in configure\nCopyright: c\nLicense: GPL-3+\n",
     "MIT", {}),
    ("sources of another licence",
     HEAD + "Files: *\nCopyright: a\nLicense: BSD-3-clause or GPL-2\n\nFiles: lib/sort.* examples/*\nCopyright: b\n"
     "License: Expat\n\nFiles:\n lib/y.c\nCopyright: c\nLicense: zlib\n",
     "BSD-3-Clause OR GPL-2.0-only", {"MIT": ["lib/sort.*"], "Zlib": ["lib/y.c"]}),
    ("sources of the same licence", HEAD + "Files: *\nLicense: Expat\n\nFiles: a.c\nLicense: MIT\n", "MIT", {}),
    ("an unknown name", HEAD + "Files: *\nLicense: Own-1\n", "Own-1", {}),
    ("prose", "This package was made by hand.\n\nFiles: *\nLicense: none of this counts\n", "", {}),
    ("nothing", "", "", {}),
)
ENTRIES = (
    ("MIT", {"license": {"id": "MIT"}}),
    ("BSD-3-Clause OR GPL-2.0-only", {"expression": "BSD-3-Clause OR GPL-2.0-only"}),
    ("GPL-3.0-or-later WITH GCC-exception-3.1", {"expression": "GPL-3.0-or-later WITH GCC-exception-3.1"}),
    ("BSL-1.0 AND Jam", {"license": {"name": "BSL-1.0 AND Jam"}}),
    ("Own-1", {"license": {"name": "Own-1"}}),
)
# What the libraries say in their own licence files.
KNOWN = {
    "libssl-dev": "Apache-2.0", "libyaml-cpp-dev": "MIT", "libnghttp2-dev": "MIT", "zlib1g-dev": "Zlib",
    "libzstd-dev": "BSD-3-Clause OR GPL-2.0-only", "libfmt-dev": "MIT", "libspdlog-dev": "MIT",
    "libboost1.81-dev": "BSL-1.0", "libjemalloc-dev": "BSD-2-Clause", "libeigen3-dev": "MPL-2.0",
    "libcli11-dev": "BSD-3-Clause", "nlohmann-json3-dev": "MIT", "libc6": "LGPL-2.1-or-later",
    "libstdc++-12-dev": "GPL-3.0-or-later WITH GCC-exception-3.1",
    "libgcc-12-dev": "GPL-3.0-or-later WITH GCC-exception-3.1",
}


def load(root):
    spec = importlib.util.spec_from_file_location("sbom", os.path.join(root, "tools/sbom.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def self_test():
    """Two samples that differ in what decides must not give one answer, or the comparison below shows nothing."""
    assert SAMPLES[0][2] != SAMPLES[1][2] and SAMPLES[3][3] != SAMPLES[4][3]


def check(arguments):
    sbom = load(arguments.root)
    problems = []
    for what, text, licence, others in SAMPLES:
        if (got := sbom.licences(text)) != (licence, others):
            problems.append(f"sbom.py, {what}: expected {(licence, others)}, got {got}")
    for licence, entry in ENTRIES:
        if (got := sbom.licence_entry(licence)) != entry:
            problems.append(f"sbom.py, the entry of {licence}: {got}")
    told = sbom.other_files({"MIT": ["a", "b", "c", "d"], "Zlib": ["z"]})
    if told != "other files: MIT (a, b, c and 1 more); Zlib (z)":
        problems.append(f"sbom.py, other files: {told}")
    names = b"\0N8nlohmann16json_abi_v3_12_06detail\0json_abi_v3_11_2\0"
    if (got := sbom.json_versions(names)) != ["3.11.2", "3.12.0"]:
        problems.append(f"sbom.py, versions of the JSON library: {got}")
    sample = "MIT License\n\nCopyright (c) one\n\nPermission is hereby granted, and so on\n"
    if (got := sbom.mit_text("Copyright (c) two\n", sample)) != sample.replace("one", "two"):
        problems.append(f"sbom.py, the licence of other holders: {got!r}")
    if sbom.mit_text("", sample) or sbom.mit_text("Copyright (c) two", "All rights reserved"):
        problems.append("sbom.py: a licence without holders or without a sample")
    for package, licence in KNOWN.items():
        text = sbom.licence_text(package)
        got = sbom.licences(text)[0] or sbom.plain_licence(package, text)
        if text and got != licence:
            problems.append(f"sbom.py, {package}: expected {licence}, got {got}")
    return problems


if __name__ == "__main__":
    main(check, self_test)
