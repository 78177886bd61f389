"""configs/reference.yaml has every key that a table of docs/configuration.md describes, commented out or not."""
import re

from common import main, read

PAGE = "docs/configuration.md"
REFERENCE = "configs/reference.yaml"


def missing(page, reference):
    """The keys of the tables but those of the contract, which is also sent with requests."""
    page = re.sub(r"^## Contract$.*?^## ", "## ", page, flags=re.MULTILINE | re.DOTALL)
    keys = set()
    for cell in re.findall(r"^\| (`[^|]*) \|", page, re.MULTILINE):
        keys.update(re.findall(r"`([a-z0-9_.]+)`", cell))
    names = {key: key.rstrip(".").rsplit(".", 1)[-1] for key in keys}
    return sorted(key for key, name in names.items() if not re.search(rf"\b{name}\b *:", reference))


def check(arguments):
    page, reference = read(arguments.root, PAGE), read(arguments.root, REFERENCE)
    return [f"{REFERENCE}: no `{key}`, which {PAGE} describes" for key in missing(page, reference)]


def self_test():
    page = "## A\n| key | x |\n| `a.one` or `two` | y |\n## Contract\n| `three` | z |\n## B\n| `four` | z |\n"
    assert missing(page, "a:\n  # one: 1\ntwo: 2\nfour: {}\n") == []
    assert missing(page, "one: 1\nfour : 1\n") == ["two"]
    assert missing(page, "none: 1\ntwo: 2\n") == ["a.one", "four"]


if __name__ == "__main__":
    main(check, self_test)
