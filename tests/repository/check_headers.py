"""Every header of the library compiles alone, and twice in a row. With the flags of its folder's sources, taken from
compile_commands.json of the build folder; objects go there too, so that ccache makes the second run quick."""
import json
import os
import shlex
import subprocess
import sys
import tempfile

from common import files, main


def folder_flags(root, commands):
    """For each folder of the library the compiler's command without source, output and dependency files."""
    flags = {}
    for entry in commands:
        path = os.path.relpath(entry["file"], root)
        if path.startswith("thalamus/") and path.split("/")[1] not in flags:
            words = entry.get("arguments") or shlex.split(entry["command"])
            kept = []
            skip = False
            for word in words:
                if skip:
                    skip = False
                elif word in ("-o", "-MF", "-MT", "-MQ"):
                    skip = True
                elif word in ("-c", entry["file"]):
                    continue
                elif word not in ("-MD", "-MMD"):
                    kept.append(word)
            flags[path.split("/")[1]] = (kept, entry["directory"])
    return flags


def compile_alone(header, command, directory, scratch):
    source = os.path.join(scratch, header.replace("/", "_") + ".cpp")
    text = f'#include "{header}"\n#include "{header}"\n'
    if not os.path.exists(source) or open(source, encoding="utf-8").read() != text:
        with open(source, "w", encoding="utf-8") as file:
            file.write(text)
    done = subprocess.run(command + ["-O0", "-c", source, "-o", source[:-4] + ".o"], cwd=directory, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode == 0:
        return []
    first = next((line for line in done.stdout.split("\n") if "error" in line), done.stdout[:300])
    return [f"{header}:1: does not compile alone: {first}"]


def check(arguments):
    listing = os.path.join(arguments.build, "compile_commands.json")
    if not arguments.build or not os.path.exists(listing):
        print("no compile_commands.json; give --build FOLDER", file=sys.stderr)
        return ["tests/repository/check_headers.py:1: nothing to compile with"]
    with open(listing, encoding="utf-8") as file:
        flags = folder_flags(arguments.root, json.load(file))
    scratch = os.path.join(arguments.build, "headers")
    os.makedirs(scratch, exist_ok=True)
    problems = []
    # A folder without sources has no flags of its own; those of base know our include path.
    for header in files(arguments.root, (".h",), "thalamus"):
        folder = header.split("/")[1]
        if folder == "host" and folder not in flags:
            continue  # this build leaves llama.cpp out
        command, directory = flags.get(folder, flags["base"])
        problems += compile_alone(header, command, directory, scratch)
    return problems


def self_test():
    commands = [{"file": "/r/thalamus/base/a.cpp", "directory": "/b",
                 "command": "ccache g++ -I/r -std=c++23 -MD -MT x -MF y -o a.o -c /r/thalamus/base/a.cpp"}]
    assert folder_flags("/r", commands) == {"base": (["ccache", "g++", "-I/r", "-std=c++23"], "/b")}
    with tempfile.TemporaryDirectory() as root:
        for name, text in (("good.h", "#pragma once\n#include <string>\ninline std::string f() { return {}; }\n"),
                           ("bad.h", "#pragma once\ninline std::string f() { return {}; }\n")):
            with open(os.path.join(root, name), "w", encoding="utf-8") as file:
                file.write(text)
        command = [os.environ.get("CXX", "c++"), "-std=c++20", f"-I{root}"]
        assert not compile_alone("good.h", command, root, root)
        assert compile_alone("bad.h", command, root, root)


if __name__ == "__main__":
    main(check, self_test)
