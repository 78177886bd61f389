"""A folder of the library includes only what stands to its left; third-party headers have one home each; every header
is used."""
import re

from common import files, hide, line_of, main, read

RANKS = [
    {"base"},
    {"math", "core"},
    {"solve", "trace", "wire", "check"},
    {"feature", "route", "compose", "dispatch", "experts", "placement", "fabric", "fleet"},
    {"learn", "tool"},
    {"sim", "gateway", "host"},
    {"eval"},
    {"app"},
]
EXTRA = {"route": {"feature"}, "gateway": {"net"}, "host": {"net"}}

# Header prefix -> folders (or path prefixes) of its home. fmt is part of base's own interface and is free to all.
HOMES = {
    "boost/asio": ["thalamus/net/"],
    "boost/beast": ["thalamus/net/"],
    "nghttp2/": ["thalamus/net/"],
    "openssl/": ["thalamus/net/"],
    "simdjson": ["thalamus/wire/", "thalamus/trace/"],
    "zlib.h": ["thalamus/trace/"],
    "zstd": ["thalamus/trace/"],
    "nlohmann/": ["thalamus/gateway/", "thalamus/eval/", "thalamus/check/"],
    "spdlog/": ["thalamus/base/"],
    "CLI/": ["app/"],
    "llama": ["thalamus/host/"],
    "ggml": ["thalamus/host/"],
    "yaml-cpp/": ["thalamus/gateway/config"],
    "hwy/": ["thalamus/math/"],
    "Eigen/": ["thalamus/math/"],
    "onnxruntime": ["thalamus/feature/encoder"],
    "sqlite3": ["thalamus/gateway/store_"],
    "hiredis": ["thalamus/gateway/store_"],
    "gtest/": [],
    "gmock/": [],
    "benchmark/": [],
}
IN_SOURCES_ONLY = ("nlohmann/", "simdjson", "yaml-cpp/", "Eigen/", "spdlog/")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)


def allowed(folder):
    if folder == "net":
        return {"base", "net"}
    for rank, members in enumerate(RANKS):
        if folder in members:
            return {folder}.union(EXTRA.get(folder, set()), *RANKS[:rank])
    return None


def own_includes(path, text):
    """Problems of one file's includes of ours."""
    folder = path.split("/")[1] if path.startswith("thalamus/") else "app"
    reachable = allowed(folder)
    if reachable is None:
        return [f"{path}:1: folder '{folder}' has no place in the direction of includes"]
    problems = []
    for match in INCLUDE.finditer(text):
        line = line_of(text, match.start(2))
        name = match.group(2)
        if match.group(1) == '"' and not name.startswith(("thalamus/", "app/")):
            problems.append(f"{path}:{line}: include by the full path, not '{name}'")
        elif name.startswith("thalamus/") and name.split("/")[1] not in reachable:
            problems.append(f"{path}:{line}: {folder} must not include {name.split('/')[1]} ({name})")
        elif name.startswith("app/") and folder != "app":
            problems.append(f"{path}:{line}: the library must not include {name}")
    return problems


def foreign_includes(path, text):
    problems = []
    for match in INCLUDE.finditer(text):
        line = line_of(text, match.start(2))
        name = match.group(2)
        for prefix, homes in HOMES.items():
            if not name.startswith(prefix):
                continue
            if not path.startswith(tuple(homes)):
                home = " or ".join(homes) or "tests and bench"
                problems.append(f"{path}:{line}: <{name}> is at home in {home} only")
            elif prefix in IN_SOURCES_ONLY and path.endswith(".h") and prefix != "simdjson":
                problems.append(f"{path}:{line}: <{name}> belongs into a .cpp")
    return problems


def unused_headers(headers, texts):
    used = {match.group(2) for text in texts for match in INCLUDE.finditer(text)}
    return [f"{header}:1: no file includes this header" for header in headers if header not in used]


def check(arguments):
    root = arguments.root
    problems = []
    for path in files(root, (".h", ".cpp", ".def"), "thalamus") + files(root, (".h", ".cpp"), "app"):
        text = hide(read(root, path), strings=False)
        problems += own_includes(path, text) + foreign_includes(path, text)
    everywhere = files(root, (".h", ".cpp"))
    texts = [hide(read(root, path), strings=False) for path in everywhere]
    problems += unused_headers([p for p in everywhere if p.startswith("thalamus/") and p.endswith(".h")], texts)
    return problems


def self_test():
    assert not own_includes("thalamus/route/a.cpp", '#include "thalamus/feature/b.h"\n#include "thalamus/base/c.h"')
    assert own_includes("thalamus/feature/a.cpp", '#include "thalamus/route/b.h"')
    assert own_includes("thalamus/compose/a.cpp", '#include "thalamus/dispatch/b.h"')
    assert own_includes("thalamus/net/a.cpp", '#include "thalamus/core/b.h"')
    assert own_includes("thalamus/sim/a.cpp", '#include "thalamus/gateway/b.h"')
    assert own_includes("thalamus/eval/a.cpp", '#include "thalamus/net/b.h"')
    assert own_includes("thalamus/base/a.cpp", '#include "error.h"')
    assert own_includes("thalamus/odd/a.cpp", "")
    assert not own_includes("thalamus/base/a.cpp", hide('// #include "thalamus/net/b.h"', strings=False))
    assert foreign_includes("thalamus/gateway/a.cpp", "#include <boost/asio.hpp>")
    assert foreign_includes("thalamus/gateway/runtime.cpp", "#include <yaml-cpp/yaml.h>")
    assert foreign_includes("thalamus/check/a.h", "#include <nlohmann/json.hpp>")
    assert not foreign_includes("thalamus/gateway/config_reader.cpp", "#include <yaml-cpp/yaml.h>")
    assert not foreign_includes("thalamus/net/a.cpp", "#include <boost/asio.hpp>")
    assert unused_headers(["thalamus/a/b.h"], ['#include "thalamus/a/c.h"'])
    assert not unused_headers(["thalamus/a/b.h"], ['#include "thalamus/a/b.h"'])


if __name__ == "__main__":
    main(check, self_test)
