"""The container's build gets what it reads and nothing else: .dockerignore against packaging/Containerfile and the
folders that CMakeLists.txt builds without the tests."""
import os
import re

from common import main, read

IGNORED = ".dockerignore"
# Beside what CMakeLists.txt names: its presets, the commands, the modules, and set-up with the bill of materials.
ALWAYS = {"CMakeLists.txt", "CMakePresets.json", "Makefile", "cmake", "tools"}


def allowed(text):
    """The entries of a list that leaves everything out first; none where it does not."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return {line[1:] for line in lines if line.startswith("!")} if lines[:1] == ["*"] else set()


def needed(cmake, containerfile):
    folders = re.findall(r"^add_subdirectory\((\w+)", cmake, re.MULTILINE)  # those of tests are indented
    copied = re.findall(r" /src/(?!build/)(\S+)", containerfile)
    return ALWAYS | set(folders) | set(copied)


def check(arguments):
    entries = allowed(read(arguments.root, IGNORED))
    wanted = needed(read(arguments.root, "CMakeLists.txt"), read(arguments.root, "packaging/Containerfile"))
    problems = [f"{IGNORED}: `!{name}` is missing: the container's build reads it" for name in sorted(wanted - entries)]
    problems += [f"{IGNORED}: `!{name}` is more than the container's build reads" for name in sorted(entries - wanted)]
    problems += [f"{IGNORED}: there is no {name}" for name in sorted(entries)
                 if not os.path.exists(os.path.join(arguments.root, name))]
    return problems


def self_test():
    assert allowed("# why\n*\n!a\n!b\n**/*.pyc\n") == {"a", "b"} and allowed("!a\n") == set()
    found = needed("add_subdirectory(app)\nif(X)\n  add_subdirectory(tests)\n", "COPY /src/build/x /src/LICENSE /y\n")
    assert found == ALWAYS | {"app", "LICENSE"}


if __name__ == "__main__":
    main(check, self_test)
