"""What a case is: one malformed request, and what its answer must be whatever the page says."""

import json
from typing import NamedTuple

BODY_BYTES_MAX = 65536  # of the gateways under test
KEY = "sk-team-secret-key"
JSON_HEADERS = {"content-type": "application/json"}


class Case(NamedTuple):
    what: str               # what is wrong
    body: bytes
    status: int = 400
    param: str | None = None  # the place that the answer must name, in OpenAI's words; None: no single place
    says: tuple = ()        # the value as it must be shown, the remedy
    code: str | None = "invalid_value"
    headers: dict = {}
    method: str = "POST"
    path: str | None = None  # None: the section's own
    keyed: bool = False      # at the gateway that asks for keys
    framing: str = "length"  # or "chunked", or "declared": the head alone, with a length past the limit


class Passed(NamedTuple):
    """A request that its protocol's provider refuses, for what is not ours to judge."""
    what: str
    body: bytes
    member: str             # as it must arrive upstream
    headers: dict = {}      # passed over


class Request:
    """A good request as JSON text, to be spoiled in one place. Members are kept as text: bad JSON is the point."""

    def __init__(self, **members):
        self.members = {name: json.dumps(value) for name, value in members.items()}

    def text(self, members):
        return ("{" + ",".join(f'"{name}":{value}' for name, value in members.items()) + "}").encode()

    def good(self):
        return self.text(self.members)

    def but(self, name, value):
        """With `value`, which is JSON text or meant to be, as the member `name`."""
        return self.text({**self.members, name: value})

    def without(self, name):
        return self.text({key: value for key, value in self.members.items() if key != name})

    def plus(self, text):
        """With `text` behind the last member."""
        return self.good()[:-1] + b"," + (text if isinstance(text, bytes) else text.encode()) + b"}"
