"""Sizes and shapes: lines of 120 columns, files of 600 lines, functions of 70, a README in each folder, one include
guard style."""
import os
import re

from common import files, hide, hide_directives, line_of, main, read

COLUMNS_MAX = 120
FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 70
README_LINES_MAX = 60

SOURCES = (".h", ".cpp", ".def", ".py", ".sh", ".cmake", "CMakeLists.txt", "Makefile")
TEMPLATE = re.compile(r"\btemplate\s*<")
DATA = re.compile(r"(?=.*[\"'])(?:[^\w\"']|(?:\b(?:u8|u|U|L|R))?[\"'][^\"']*[\"'])*")
SCOPE = re.compile(r"(^|\s)(namespace|class|struct|union|enum|extern)\b[^=]*$")


def long_lines(path, text):
    return [f"{path}:{number}: {len(line)} columns, at most {COLUMNS_MAX}"
            for number, line in enumerate(text.split("\n"), 1) if len(line) > COLUMNS_MAX]


def long_file(path, text):
    lines = text.count("\n")
    return [f"{path}:1: {lines} lines, at most {FILE_LINES_MAX}"] if lines > FILE_LINES_MAX else []


def _without_template(head):
    """`head` without the parameter lists of `template <...>`, whose words would look like scopes."""
    while match := TEMPLATE.search(head):
        depth, i = 1, match.end()
        while i < len(head) and depth:
            depth += {"<": 1, ">": -1}.get(head[i], 0)
            i += 1
        head = head[:match.start()] + head[i:]
    return head


def _is_scope(head):
    head = re.sub(r"\[\[.*?\]\]|alignas\s*\([^)]*\)", " ", _without_template(head))
    return "(" not in head and bool(SCOPE.search(head))


def _is_function(head, previous_head):
    stripped = head.strip()
    if stripped.endswith("="):
        return False
    if not stripped or stripped.startswith(","):  # behind a constructor's member{...}
        return bool(re.search(r"\)[^;]*:", previous_head))
    return ")" in stripped


def functions(text):
    """(first line, last line) of each function body of hidden text, the line of its opening brace being the first."""
    text = hide_directives(text)
    found = []
    scopes = []  # for each open brace: (is it a scope, position, is it a function)
    start = 0    # of the text that leads up to the next brace
    previous_head = ""
    for match in re.finditer(r"[{};]", text):
        i = match.start()
        inside = bool(scopes) and not scopes[-1][0]
        if match.group() == "{":
            head = text[start:i]
            scope = not inside and _is_scope(head)
            function = not inside and not scope and _is_function(head, previous_head)
            scopes.append((scope, i, function))
            if not inside and head.strip() and not head.strip().startswith(","):
                previous_head = head
        elif match.group() == "}" and scopes:
            _, opening, function = scopes.pop()
            if function:
                found.append((line_of(text, opening), line_of(text, i)))
        start = i + 1
    return found


def long_functions(path, text):
    """Lines that hold nothing but literals of text are data and do not count."""
    hidden = hide(text)
    lines = hidden.split("\n")
    problems = []
    for first, last in functions(hidden):
        count = sum(1 for line in lines[first - 1:last] if not DATA.fullmatch(line))
        if count > FUNCTION_LINES_MAX:
            problems.append(f"{path}:{first}: function of {count} lines, at most {FUNCTION_LINES_MAX}")
    return problems


def guard(path, text):
    first = next((line for line in hide(text).split("\n") if line.strip()), "")
    return [] if first.strip() == "#pragma once" else [f"{path}:1: `#pragma once` must come before all code"]


def opening(path, text):
    """A header says what it is for before anything else."""
    return [] if text.startswith(("///", "//", "/*")) else [f"{path}:1: the header does not say what it is for"]


def readmes(root):
    problems = []
    folder = os.path.join(root, "thalamus")
    for name in sorted(os.listdir(folder)):
        inside = os.path.join(folder, name)
        if not os.path.isdir(inside) or not any(n.endswith((".h", ".cpp")) for n in os.listdir(inside)):
            continue
        path = f"thalamus/{name}/README.md"
        if not os.path.exists(os.path.join(root, path)):
            problems.append(f"{path}:1: missing; one screen: purpose, flow, where to look, never")
        elif read(root, path).count("\n") > README_LINES_MAX:
            problems.append(f"{path}:1: more than one screen ({README_LINES_MAX} lines)")
    return problems


def check(arguments):
    root = arguments.root
    problems = readmes(root)
    for path in files(root, SOURCES):
        text = read(root, path)
        problems += long_lines(path, text) + long_file(path, text)
        if path.endswith((".h", ".cpp")):
            problems += long_functions(path, text)
        if path.endswith(".h"):
            problems += guard(path, text) + opening(path, text)
    return problems


def self_test():
    body = "\n".join("  x();" for _ in range(FUNCTION_LINES_MAX))
    table = "\n".join('  {1, "}"},' for _ in range(FUNCTION_LINES_MAX))
    assert long_functions("a", "void f() {\n" + body + "\n}\n")
    assert long_functions("a", "namespace a {\nclass B {\n  void f() const override {\n" + body + "\n  }\n};\n}")
    assert long_functions("a", "template <class T>\nauto f(T t) -> int {\n" + body + "\n}\n")
    assert long_functions("a", "A::A(int b) : b_{b}, c_{1} {\n" + body + "\n}\n")
    assert not long_functions("a", "namespace a {\n" + body.replace("x()", "int x") + "\n}\n")
    assert not long_functions("a", "constexpr Row kRows[] = {\n" + table + "\n};\n")
    assert not long_functions("a", "constexpr std::array<Row, 70> kRows{{\n" + table + "\n}};\n")
    assert not long_functions("a", "enum class A : int {\n" + table.replace("{", "").replace("}", "") + "\n};\n")
    assert not long_functions("a", "Table f() {\n  return {\n" + '    "a", {"b"},\n' * 80 + "  };\n}\n")
    assert not long_functions("a", 'const char* kText = R"x({\n' + body + '\n})x";\nvoid f() { g(\'{\'); }\n')
    assert hide("f(U'}', 1'000, 'a')") == "f(U' ', 1'000, ' ')"
    assert len(functions(hide("int a() { return 1'000; }\nint b() { return '}'; }"))) == 2
    assert long_lines("a", "x" * 121) and not long_lines("a", "x" * 120)
    assert long_file("a", "\n" * 601) and not long_file("a", "\n" * 600)
    assert guard("a", "#include <x>\n#pragma once\n") and not guard("a", "/// Why.\n#pragma once\n")
    assert opening("a", "#pragma once") and not opening("a", "/// Why.")


if __name__ == "__main__":
    main(check, self_test)
