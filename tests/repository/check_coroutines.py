"""Forms that GCC 12 miscompiles in a full expression that contains co_await: a capturing lambda temporary, a braced
temporary or list, a conditional operator. The remedy is always a named local."""
import re

from common import files, hide, hide_directives, line_of, main, read

LAMBDA = "\x01"  # stands for a capturing lambda's text in a statement
PLAIN_LAMBDA = "\x02"
BLOCK_KEYWORDS = re.compile(r"(^|[\s;}])(else|try|do)$")
SCOPE = re.compile(r"^(inline\s+|export\s+)?(namespace|class|struct|union|enum|extern|template)\b")
DECLARATOR_END = re.compile(r"\)\s*((const|noexcept|override|final|mutable|&&?)\s*)*(->[^;={}]*)?$")
CONSTRUCTOR_LIST = re.compile(r"\)\s*(noexcept\s*)?:\s")


def opens_block(before):
    """Whether a brace behind this statement text begins a block, and not a braced value."""
    before = before.strip()
    if not before or before.endswith(":") or BLOCK_KEYWORDS.search(before) or SCOPE.match(before):
        return True
    return bool(DECLARATOR_END.search(before)) or ("co_await" not in before and bool(CONSTRUCTOR_LIST.search(before)))


def _matching(text, i):
    pairs = {"(": ")", "[": "]", "{": "}", "<": ">"}
    opening, closing, depth = text[i], pairs[text[i]], 0
    while i < len(text):
        depth += {opening: 1, closing: -1}.get(text[i], 0)
        if depth == 0:
            return i
        i += 1
    return len(text) - 1


def _skip_space(text, i):
    while i < len(text) and text[i].isspace():
        i += 1
    return i


def lambda_body(text, i):
    """The position of the body's brace if a lambda begins at the bracket `i`, else -1."""
    before = text[:i].rstrip()
    word = re.search(r"\w+$", before)
    if word and word.group() not in ("return", "co_return", "co_await", "co_yield"):
        return -1
    if before.endswith((")", "]", "[")):
        return -1
    at = _skip_space(text, _matching(text, i) + 1)
    if at < len(text) and text[at] == "<":
        at = _skip_space(text, _matching(text, at) + 1)
    if at < len(text) and text[at] == "(":
        at = _matching(text, at) + 1
    rest = re.compile(r"[\w\s:<>,&*\-]*").match(text, at)
    return rest.end() if rest.end() < len(text) and text[rest.end()] == "{" else -1


class Scanner:
    """Cuts hidden source into full statements; the bodies of lambdas are statements of their own."""

    def __init__(self, text):
        self.text = text
        self.statements = []  # (position, text)

    def scan(self, begin, end):
        i = start = begin
        buffer = ""
        depth = 0
        while i < end:
            c = self.text[i]
            if c == "[" and (body := lambda_body(self.text, i)) >= 0:
                capture = self.text[i + 1:_matching(self.text, i)].strip()
                close = _matching(self.text, body)
                self.scan(body + 1, close)
                buffer += LAMBDA if capture else PLAIN_LAMBDA
                i = close + 1
                continue
            if depth == 0 and (c == ";" or c == "}" or (c == "{" and opens_block(buffer))):
                self.statements.append((start, buffer))
                buffer, start = "", i + 1
            else:
                depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(c, 0)
                buffer += c
            i += 1
        self.statements.append((start, buffer))


def hazards(path, source):
    text = hide_directives(hide(source))
    if "co_await" not in text:
        return []
    scanner = Scanner(text)
    scanner.scan(0, len(text))
    problems = []
    for position, statement in scanner.statements:
        if "co_await" not in statement:
            continue
        line = line_of(text, position + len(statement) - len(statement.lstrip()))
        if LAMBDA in statement:
            problems.append(f"{path}:{line}: a capturing lambda temporary beside co_await; name it and move it in")
        if "?" in statement:
            problems.append(f"{path}:{line}: `?:` beside co_await; use if")
        if "{" in statement:
            problems.append(f"{path}:{line}: braces beside co_await; build a named local first")
    return problems


def check(arguments):
    root = arguments.root
    return [problem for path in files(root, (".h", ".cpp")) for problem in hazards(path, read(root, path))]


BAD = [
    "co_await f([p] { return p; });",
    "co_await f([this, p]() mutable -> Awaitable<void> { co_return; });",
    "auto x = co_await asio::async_initiate<T>([&](auto h) { h(); }, token);",
    "co_await f(Opt{.x = p});",
    "co_await f({a, b});",
    "for (auto x : {co_await g()}) use(x);",
    "auto x = ok ? co_await g() : T();",
    "co_await f(ok ? a() : b());",
    "A a{co_await g(), 2};",
    "co_return A{co_await g(), 2};",
    "if (co_await f({1, 2})) { x(); }",
    "auto n = co_await stream.write({data, 3}, token);",
]
GOOD = [
    "auto fn = [p] { return p; }; co_await f(std::move(fn));",
    "auto fn = [p]() -> Awaitable<void> { co_await g(p); co_return; };",
    "Opt opt{.x = p}; co_await f(std::move(opt));",
    "if (ok) { co_await g(); } else { co_await h(); }",
    "try { co_await g(); } catch (...) { x(); }",
    "do { co_await g(); } while (a ? b : c);",
    "if (auto x = co_await f(); x) { T t{1}; }",
    "auto [a, b] = co_await f(co_await g());",
    "T t = ok ? a() : b(); co_await f(t);",
    "co_await f(std::string(\"{?}\"));  // {?}",
    "switch (co_await f()) { case 1: { co_await g(); } default: break; }",
    "co_await f([] { return 1; });",
    "auto v = table[i]; for (auto& x : table) { co_await x(); }",
    "co_return T{1, 2};",
]


def self_test():
    def wrapped(statement):
        return ("namespace n {\nstruct S : B {\n  S() : a_{1} {}\n  Awaitable<int> f(int p) const { " + statement
                + " }\n};\n}\n")

    for statement in BAD:
        assert hazards("a.cpp", wrapped(statement)), statement
    for statement in GOOD:
        assert not hazards("a.cpp", wrapped(statement)), (statement, hazards("a.cpp", wrapped(statement)))


if __name__ == "__main__":
    main(check, self_test)
