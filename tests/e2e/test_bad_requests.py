#!/usr/bin/env python3
"""Every malformed request of bad_requests/ against a running gateway, and docs/bad-requests.md, which says what each
gets: the page is the expectation, word by word. `--write` writes the page from the answers; what a row itself demands
(status, shape, place, value, remedy) holds whatever the page says."""

import difflib
import http.client
import json
import socket
import sys
import unittest

from bad_requests import SECTIONS
from bad_requests.case import BODY_BYTES_MAX, JSON_HEADERS, KEY
from rig import SOURCE, Gateway, Upstream

PAGE = SOURCE / "docs/bad-requests.md"
PROTOCOLS = {"chat": ("openai", "/v1"), "responses": ("responses", "/v1"), "messages": ("anthropic", "")}
# What a client's library decides by, and what it would do without advice.
TYPES = {400: "invalid_request_error", 401: "authentication_error", 404: "not_found_error",
         405: "invalid_request_error", 413: "invalid_request_error", 422: "invalid_request_error"}
ANTHROPIC_TYPES = {**TYPES, 413: "request_too_large"}
RETRIED_BY_CLIENTS = {408, 409, 429}
TURNS = [section.title for section in SECTIONS[:3]]
MESSAGE_MAX = 500

HEAD = """# Bad requests

What a malformed request gets, row by row: written by `tests/e2e/test_bad_requests.py --write` from the answers of a
running gateway, and compared with them by the same program in `make test`. The requests themselves are in
[`tests/e2e/bad_requests`](../tests/e2e/bad_requests). None of them reaches an upstream, none of them costs the
connection more than HTTP demands (a body over its limit closes it), and none is worth a second try: `x-should-retry` is
`false`, or a client that follows the status alone does not retry. Kinds and codes: [errors.md](errors.md).

Only what the gateway or a translation acts on is checked. The rest is the provider's to judge, and its bytes are sent
on as they stand; examples end each protocol's section. Limits of this gateway: a body of {limit:,} bytes, JSON nested
64 deep.
"""


def config(scripted, watched, keyed):
    lines = [f"limits: {{ body_bytes: {BODY_BYTES_MAX} }}", "providers:"]
    for name, (form, base) in PROTOCOLS.items():
        for role, port in (("watched", watched), ("scripted", scripted)):
            lines.append(f"  {name}-{role}: {{ format: {form}, base_url: 'http://127.0.0.1:{port}{base}', "
                         "timeouts: { connect_ms: 300, first_byte_ms: 1000 }, retries: { attempts_max: 1 } }")
    lines.append("models:")
    for name in PROTOCOLS:
        lines.append(f"  - {{ name: {name}-model, provider: {name}-watched, id: m, abilities: {{ images: true }} }}")
        for command in ("ok", "echo"):
            lines.append(f"  - {{ name: {name}-{command}, provider: {name}-scripted, id: {command} }}")
    lines.append("  - { name: embedding-model, provider: chat-watched, id: m, abilities: { embeddings: true } }")
    lines.append("  - { name: embedding-ok, provider: chat-scripted, id: ok, abilities: { embeddings: true } }")
    lines.append("routes:")
    lines.append("  - { name: any, targets: [chat-ok] }")
    if keyed:
        lines.append("keys:")
        lines.append(f"  - {{ name: team, key: {KEY}, routes: [any] }}")
        lines.append("  - { name: old, key: sk-old-secret-key, expires: 2020-01-01 }")
    return "\n".join(lines) + "\n"


class Watch:
    """Where the models of bad requests are said to live; nobody may ever call."""

    def __init__(self):
        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", 0))
        self.socket.listen(16)
        self.socket.setblocking(False)
        self.port = self.socket.getsockname()[1]

    def was_called(self):
        try:
            self.socket.accept()[0].close()
            return True
        except BlockingIOError:
            return False


class Answer:
    def __init__(self, socket_, method):
        response = http.client.HTTPResponse(socket_, method=method)
        response.begin()
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.data = response.read()
        self.closes = response.will_close
        response.close()

    def error(self):
        return json.loads(self.data)["error"]


class Connection:
    """One connection that is kept as long as the gateway keeps it."""

    def __init__(self, port):
        self.port = port
        self.socket = None

    def ask(self, method, path, body, headers, framing="length"):
        if self.socket is None:
            self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        head = {"host": "gateway", **headers}
        if framing == "chunked":
            head["transfer-encoding"] = "chunked"
            body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in
                            (body[at:at + 4096] for at in range(0, len(body), 4096))) + b"0\r\n\r\n"
        else:
            head["content-length"] = str(BODY_BYTES_MAX + 1 if framing == "declared" else len(body))
        text = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{n}: {v}\r\n" for n, v in head.items()) + "\r\n"
        try:
            self.socket.sendall(text.encode() + body)
        except (BrokenPipeError, ConnectionResetError):
            pass  # refused before all of it was sent: the answer is there all the same
        answer = Answer(self.socket, method)
        if answer.closes:
            assert self.socket.recv(1) == b"", "bytes behind the last answer of a connection"
            self.close()
        return answer

    def close(self):
        if self.socket is not None:
            self.socket.close()
            self.socket = None


def good(section):
    """A request that any gateway under test answers, at the section's own path where it takes one."""
    if section.path == "/v1/models":
        return "GET", "/v1/models", b""
    if section.path == "/v1/embeddings":
        return "POST", section.path, b'{"model":"embedding-ok","input":"hello"}'
    if section.path == "/v1/responses":
        return "POST", section.path, b'{"model":"responses-ok","input":"hello"}'
    model = "messages-ok" if section.shape == "anthropic" else "chat-ok"
    body = {"model": model, "max_tokens": 9, "messages": [{"role": "user", "content": "hello"}]}
    return "POST", section.path, json.dumps(body).encode()


def code(text):
    fence = "``" if "`" in text else "`"
    return f"{fence}{text}{fence}".replace("|", "\\|")


def page_row(section, case, error):
    cells = [case.what, str(case.status), code(error["type"])]
    if section.shape == "openai":
        cells += [code(error[name]) if error[name] is not None else "none" for name in ("code", "param")]
    return "| " + " | ".join([*cells, code(error["message"])]) + " |"


def page_section(section, errors):
    """`errors`: one for each case, in order."""
    lines = [f"\n## {section.title}", "", f"`{section.path}`"]
    columns = ["what is wrong", "status", "`type`"]
    columns += ["`code`", "`param`"] if section.shape == "openai" else []
    at = iter(errors)
    for title, cases in section.groups:
        lines += ["", f"**{title}**", "", "| " + " | ".join([*columns, "message"]) + " |",
                  "|" + "---|" * (len(columns) + 1)]
        lines += [page_row(section, case, next(at)) for case in cases]
    if section.passed:
        lines += ["", "**Not ours to judge: answered by the upstream**", "", "| what is wrong | in the request |",
                  "|---|---|"]
        for passed in section.passed:
            headers = "".join(f"{name}: {value}" for name, value in passed.headers.items())
            lines.append(f"| {passed.what} | {code(headers or passed.member)} |")
    return lines


class BadRequests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.upstream, cls.watch = Upstream(), Watch()
        cls.open, cls.keyed = (Gateway(config(cls.upstream.port, cls.watch.port, keyed)) for keyed in (False, True))
        cls.errors = {}

    @classmethod
    def tearDownClass(cls):
        for thing in (cls.open, cls.keyed, cls.upstream):
            thing.close()
        cls.watch.socket.close()

    def check_openai(self, case, body):
        self.assertEqual(set(body), {"error"})
        error = body["error"]
        self.assertEqual(set(error), {"message", "type", "param", "code"})
        self.assertEqual(error["type"], TYPES[case.status])
        self.assertEqual(error["code"], case.code)
        self.assertEqual(error["param"], None if case.param == "body" else case.param)

    def check_anthropic(self, case, answer, body):
        self.assertEqual(body["type"], "error")
        self.assertEqual(set(body["error"]), {"type", "message"})
        self.assertEqual(body["error"]["type"], ANTHROPIC_TYPES[case.status])
        self.assertEqual(set(body) - {"request_id"}, {"type", "error"})
        self.assertEqual(body.get("request_id"), answer.headers.get("request-id"))

    def check_message(self, case, message):
        self.assertLessEqual(len(message), MESSAGE_MAX)
        self.assertTrue(message.isprintable(), message)
        # The path's own model is at no place of a body.
        if case.param is not None and not (case.path or "").startswith("/v1/models/"):
            header = case.param.startswith("x-")
            place = f"header {case.param}: " if header else f"body.{case.param}: ".replace("body.body", "body")
            self.assertTrue(message.startswith(place), f"{message!r} does not begin with {place!r}")
        for words in case.says:
            self.assertIn(words, message)

    def check_answer(self, section, case, answer):
        self.assertEqual(answer.status, case.status, answer.data[:300])
        self.assertEqual(answer.headers["content-type"], "application/json")
        body = json.loads(answer.data)
        if section.shape == "openai":
            self.check_openai(case, body)
        else:
            self.check_anthropic(case, answer, body)
        self.check_message(case, body["error"]["message"])
        # Turns give advice; elsewhere the status says it.
        advice = answer.headers.get("x-should-retry")
        of_turn = case.status in (400, 422) or case.code in ("model_not_found", "invalid_api_key")
        self.assertIn(advice, ("false",) if section.title in TURNS and of_turn else ("false", None))
        self.assertNotIn(case.status, RETRIED_BY_CLIENTS)
        over = case.status == 413 and case.param is None
        self.assertEqual(answer.closes, over, "a body over its limit costs the connection, nothing else does")

    def ask(self, section, case, connection):
        return connection.ask(case.method, case.path or section.path, case.body, {**JSON_HEADERS, **case.headers},
                              case.framing)

    def run_section(self, section):
        open_, keyed = Connection(self.open.port), Connection(self.keyed.port)
        errors = self.errors[section.title] = []
        for title, cases in section.groups:
            for case in cases:
                with self.subTest(section=section.title, group=title, what=case.what):
                    errors.append({"type": "?", "code": "?", "param": "?", "message": "?"})
                    connection = keyed if case.keyed else open_
                    answer = self.ask(section, case, connection)
                    errors[-1] = answer.error()
                    self.assertFalse(self.watch.was_called(), "it went to the upstream")
                    self.check_answer(section, case, answer)
                method, path, body = good(section)
                after = open_.ask(method, path, body, JSON_HEADERS)
                self.assertEqual(after.status, 200, f"after {case.what}: {after.data[:200]}")
        open_.close()
        keyed.close()

    def test_1_the_cases_are_many_and_different(self):
        for section in SECTIONS:
            cases = [case for _, group in section.groups for case in group]
            self.assertGreaterEqual(len(cases), section.least, section.title)
            requests = {(c.body, c.method, c.path, c.framing, c.keyed, tuple(c.headers.items())) for c in cases}
            self.assertEqual(len(requests), len(cases), f"{section.title}: the same request twice")
            names = [(title, case.what) for title, group in section.groups for case in group]
            self.assertEqual(len(set(names)), len(names), f"{section.title}: the same name twice")

    def test_2_each_is_refused_as_its_row_demands(self):
        for section in SECTIONS:
            self.run_section(section)

    def test_3_what_is_not_ours_to_judge_is_sent_on_unchanged(self):
        for section in SECTIONS:
            for passed in section.passed:
                with self.subTest(section=section.title, what=passed.what):
                    status, _, data = self.open.request("POST", section.path, passed.body,
                                                        {**JSON_HEADERS, **passed.headers})
                    self.assertEqual(status, 200, data)
                    answer = json.loads(data)
                    said = answer.get("content") or answer.get("output", [{}])[0].get("content")
                    text = said[0]["text"] if said else answer["choices"][0]["message"]["content"]
                    self.assertIn(passed.member, text)

    def test_4_the_page_says_what_is_answered(self):
        text = HEAD.format(limit=BODY_BYTES_MAX)
        for section in SECTIONS:
            if section.title not in self.errors:
                self.run_section(section)
            text += "\n".join(page_section(section, self.errors[section.title])) + "\n"
        if "--write" in sys.argv:
            PAGE.write_text(text)
            return
        there = PAGE.read_text() if PAGE.exists() else ""
        diff = difflib.unified_diff(there.splitlines(), text.splitlines(), "docs/bad-requests.md", "answered", n=0,
                                    lineterm="")
        self.assertEqual("\n".join(diff), "", "the page and the gateway differ; `--write` takes the answers over")


if __name__ == "__main__":
    unittest.main(verbosity=2, argv=[word for word in sys.argv if word != "--write"])
