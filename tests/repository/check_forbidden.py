"""Words that must not occur, each with what to do instead."""
import re

from common import files, hide, line_of, main, read

# (pattern, where it is looked for, where it is allowed, what to do instead); all matched outside comments and strings.
CALLS = [
    (r"\b(?:system_clock|steady_clock|high_resolution_clock|utc_clock)::now\b", ("thalamus/", "app/"),
     ("thalamus/base/clock", "thalamus/net/"), "pass a base::Clock"),
    (r"\bstd::s?rand\b|(?<![\w:.])s?rand\s*\(", ("thalamus/", "app/", "tests/", "bench/"), (), "pass a base::Rng"),
    (r"\brandom_device\b|\bmt19937", ("thalamus/", "tests/"), ("thalamus/gateway/", "thalamus/host/"),
     "pass a base::Rng"),
    (r"\bstd::format\b|\bstd::print\b", ("thalamus/", "app/", "tests/", "bench/"), (), "use fmt::format (GCC 12)"),
    (r"(?<![\w:])(?:std::)?(?:f?printf|puts)\s*\(", ("thalamus/",), ("thalamus/base/assert", "thalamus/base/log"),
     "use base/log or return the text"),
    (r"\bstd::(?:cout|cerr|clog)\b", ("thalamus/",), (), "use base/log or return the text"),
    (r"(?<![\w:])assert\s*\(", ("thalamus/", "app/"), (), "use THALAMUS_ASSERT"),
    (r"\bstd::this_thread::sleep_(?:for|until)\b", ("thalamus/",), (), "wait on a timer with a deadline"),
]

# (pattern, what to do instead); looked for in every text, comments and strings included.
WORDS = [
    (r"\b(?:TO" + r"DO|FIX" + r"ME|X" + r"XX)\b", "do it, or say in the issue why not"),
    (r"(?<![\w.$~}])/(?:ho" + r"me|Us" + r"ers)/(?!(?:somebody|user)\b)\w+"
     r"|(?<![\w.$~}])/ro" + r"ot/|(?<![\w.$~}/])/wo" + r"rk/",
     "no path of one machine"),
    (r"\b(?:registry\.npmjs|pypi|files\.pythonhosted|(?:static\.|index\.)?crates|proxy\.golang)" + r"\.(?:org|io)\b"
     r"|\b(?:artifactory|nexus)[\w.-]*\.\w+/", "no registry's host name: use its ordinary client"),
]
HEADER_ONLY = [(r"^\s*using\s+namespace\b", "no `using namespace` in a header")]
TEXTS = (".h", ".cpp", ".def", ".py", ".sh", ".cmake", ".md", ".yaml", ".yml", ".txt", ".json", "Makefile")
# Recorded or quoted material, not words of ours.
QUOTED = ("tests/data/", "tests/fuzz/corpus/", "data/", "LICENSE")


def calls(path, hidden):
    problems = []
    for pattern, where, home, instead in CALLS:
        if path.startswith(where) and not path.startswith(home or ("\0",)):
            problems += [f"{path}:{line_of(hidden, m.start())}: `{m.group().strip()}` - {instead}"
                         for m in re.finditer(pattern, hidden)]
    if path.endswith(".h"):
        problems += [f"{path}:{line_of(hidden, m.start())}: {instead}"
                     for pattern, instead in HEADER_ONLY for m in re.finditer(pattern, hidden, re.MULTILINE)]
    return problems


def words(path, text):
    return [f"{path}:{line_of(text, m.start())}: `{m.group()}` - {instead}"
            for pattern, instead in WORDS for m in re.finditer(pattern, text)]


def check(arguments):
    root = arguments.root
    problems = []
    for path in files(root, TEXTS):
        if path.startswith(QUOTED):
            continue
        text = read(root, path)
        problems += words(path, text)
        if path.endswith((".h", ".cpp")):
            problems += calls(path, hide(text))
    return problems


def self_test():
    def found(path, text):
        return calls(path, hide(text))

    assert found("thalamus/route/a.cpp", "auto t = std::chrono::steady_clock::now();")
    assert not found("thalamus/net/a.cpp", "auto t = std::chrono::steady_clock::now();")
    assert not found("thalamus/route/a.cpp", "// steady_clock::now() is banned\n")
    assert not found("thalamus/route/a.cpp", 'log("steady_clock::now()");')
    assert found("thalamus/core/a.cpp", "int x = std::rand();") and found("thalamus/core/a.cpp", "srand(1);")
    assert not found("thalamus/core/a.cpp", "auto x = rng.rand(1); operand(2);")
    assert found("tests/core/a.cpp", 'std::format("{}", 1);')
    assert found("thalamus/core/a.cpp", 'printf("x");') and found("thalamus/core/a.cpp", 'std::fprintf(f, "x");')
    assert not found("thalamus/core/a.cpp", "std::snprintf(b, n, f); my_printf(x);")
    assert not found("app/a.cpp", 'printf("x");')
    assert found("thalamus/core/a.cpp", "assert(x);") and not found("thalamus/core/a.cpp", "static_assert(x);")
    assert found("thalamus/core/a.h", "using namespace std;")
    assert words("a.md", "see /ho" + "me/someone/x") and words("a.py", "# TO" + "DO later")
    assert words("a.sh", "curl https://py" + "pi.org/simple")
    assert not words("a.md", "${HOME}/x ~/x docs/home/page.md https://example.org/home/x /ho" + "me/somebody/x")
    assert not words("a.md", "todo")


if __name__ == "__main__":
    main(check, self_test)
