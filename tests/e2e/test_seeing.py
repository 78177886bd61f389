"""What operators and clients see of every request: names, timings, counters, access lines. Nothing goes unseen."""

import http.client
import json
import re
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from rig import SOURCE, Gateway, Upstream, routes_config  # noqa: E402

PHASES = {"decode", "decide", "encode", "answer", "record"}


def durations(header):
    """`Server-Timing` as milliseconds by name."""
    found = re.findall(r"([a-z]+);dur=(\d+\.\d+)", header)
    assert ", ".join(f"{name};dur={dur}" for name, dur in found) == header, header
    return {name: float(dur) for name, dur in found}


class Seeing(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.upstream = Upstream()
        cls.gateway = Gateway("log: { access: true }\n" + routes_config(
            cls.upstream.port, {"fine": ["ok"], "many": ["many"], "second": ["status-503", "ok"],
                                "failing": ["status-500"]}))

    @classmethod
    def tearDownClass(cls):
        cls.gateway.close()
        cls.upstream.close()

    def lines(self):
        return [json.loads(line.split(" info ", 1)[1]) for line in self.gateway.stderr().splitlines()
                if '"time_unix_s"' in line]

    def lines_of(self, names):
        """Lines are written after the answer: waits for as many as there are names."""
        until = time.monotonic() + 5
        while True:
            found = [line for line in self.lines() if line["request"] in names]
            if len(found) >= len(names) or time.monotonic() > until:
                return found
            time.sleep(0.02)

    def test_every_answer_has_a_name_and_a_timing(self):
        chat = json.dumps({"model": "fine", "messages": [{"role": "user", "content": "x"}]})
        asked = [("GET", "/v1/models", None, 200), ("GET", "/v1/models/fine", None, 200),
                 ("GET", "/v1/models/absent", None, 404), ("GET", "/healthz", None, 200), ("GET", "/readyz", None, 200),
                 ("POST", "/v1/decision", chat, 200), ("POST", "/v1/decision", "{", 400),
                 ("POST", "/v1/messages/count_tokens", chat, 200), ("POST", "/v1/messages/count_tokens", "{", 400),
                 ("GET", "/v1/responses/resp_1", None, 404), ("GET", "/v1/chat/completions", None, 405),
                 ("DELETE", "/v1/models", None, 405), ("GET", "/nowhere", None, 404),
                 ("POST", "/v1/chat/completions", chat, 200), ("POST", "/v1/chat/completions", "{", 400)]
        names = []
        for method, path, body, status in asked:
            with self.subTest(method=method, path=path, status=status):
                got, headers, data = self.gateway.request(method, path, body)
                self.assertEqual(got, status, data)
                self.assertRegex(headers["x-request-id"], r"^[0-9a-f]{32}$")
                self.assertEqual(headers["request-id"], headers["x-request-id"])
                self.assertIn("total", durations(headers["server-timing"]))
                names.append(headers["x-request-id"])
        self.assertEqual(len(set(names)), len(asked))
        lines = self.lines_of(names)
        self.assertEqual(sorted(line["request"] for line in lines), sorted(names), "one line for each request")
        told = {line["request"]: (line["path"], line["status"]) for line in lines}
        self.assertEqual([told[name] for name in names], [(path, status) for _, path, _, status in asked])

    def test_what_is_no_http_has_its_line(self):
        with socket.create_connection(("127.0.0.1", self.gateway.port), 5) as raw:
            raw.sendall(b"GET /v1/models?key=sk-not-to-be-seen HTTP/1.1\r\nhost: a\r\ncontent-length: x\r\n\r\n")
            answer = http.client.HTTPResponse(raw)
            answer.begin()
            self.assertEqual((answer.status, answer.headers["request-id"]), (400, answer.headers["x-request-id"]))
            answer.read()
        name = answer.headers["x-request-id"]
        self.assertRegex(name, r"^[0-9a-f]{32}$")
        line = self.lines_of([name])[0]
        self.assertEqual((line["endpoint"], line["status"]), ("malformed", 400))
        self.assertNotIn("sk-not-to-be-seen", self.gateway.stderr())
        self.assertGreater(self.gateway.metric('thalamus_other_requests_total{endpoint="malformed",status="400"}'), 0)

    def refusal(self, text):
        with socket.create_connection(("127.0.0.1", self.gateway.port), 5) as raw:
            raw.sendall(text)
            answer = http.client.HTTPResponse(raw)
            answer.begin()
            return answer.status, answer.headers["x-request-id"], json.loads(answer.read())

    def test_what_the_http_layer_refuses_has_a_name(self):
        large = b"content-length: 99999999999\r\n\r\n"
        names = []
        for text, status in ((b"GET /v1/models\r\n\r\n", 400), (b"GET / HTTP/1.1\r\nhost a\r\n\r\n", 400),
                             (b"GET / HTTP/1.1\r\nhost: a\r\nx: " + b"y" * 99_999 + b"\r\n\r\n", 431),
                             (b"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\n" + large, 413),
                             (b"POST /v1/messages HTTP/1.1\r\nhost: a\r\n" + large, 413)):
            got, name, body = self.refusal(text)
            self.assertEqual(got, status, body)
            self.assertRegex(name, r"^[0-9a-f]{32}$")
            names.append(name)
        self.assertEqual(body["request_id"], name, "as Anthropic's errors say it")
        self.assertEqual(body["type"], "error")
        asked = subprocess.run(
            ["curl", "-s", "--http2-prior-knowledge", "-D", "-", "-H", "x: " + "y" * 50_000,
             f"http://127.0.0.1:{self.gateway.port}/v1/messages"], capture_output=True, text=True, timeout=20)
        head, _, body = asked.stdout.partition("\n\n" if "\r" not in asked.stdout else "\r\n\r\n")
        self.assertTrue(head.startswith("HTTP/2 431"), asked.stdout)
        name = re.search(r"^x-request-id: ([0-9a-f]{32})\r?$", head, re.MULTILINE).group(1)
        self.assertEqual(json.loads(body)["request_id"], name)
        names.append(name)
        self.assertEqual(len(set(names)), len(names))
        self.assertEqual(sorted(line["request"] for line in self.lines_of(names)), sorted(names))

    def test_the_timing_says_where_the_time_went(self):
        _, headers, _ = self.gateway.chat("second")
        told = durations(headers["server-timing"])
        self.assertEqual(list(told), ["decide", "upstream", "total"])
        self.assertLess(told["decide"] + told["upstream"], told["total"])
        _, headers, _ = self.gateway.chat("many", stream=True)
        self.assertEqual(list(durations(headers["server-timing"])), ["decide", "upstream", "first"])
        _, headers, _ = self.gateway.chat("with-tool", "What is 12 * 12?")
        self.assertEqual(list(durations(headers["server-timing"])), ["decide", "total"])

    def test_an_error_says_who_was_asked_and_where_the_time_went(self):
        status, headers, data = self.gateway.chat("failing")
        self.assertGreaterEqual(status, 500, data)
        self.assertEqual(headers["x-thalamus-target"], "t-status-500")
        self.assertEqual(list(durations(headers["server-timing"])), ["decide", "upstream", "total"])
        status, headers, _ = self.gateway.chat("absent")
        self.assertEqual(status, 404)
        self.assertNotIn("x-thalamus-target", headers, "nobody was asked")

    def test_the_gateways_own_time_is_counted_by_phase(self):
        self.gateway.chat("fine")
        self.gateway.chat("many", stream=True)
        text = self.gateway.request("GET", "/metrics", admin=True)[2].decode()
        seen = {}
        for phase, count in re.findall(r'^thalamus_phase_seconds_count\{phase="(\w+)"\} (\d+)$', text, re.M):
            seen[phase] = int(count)
        self.assertEqual(set(seen), PHASES)
        self.assertGreater(min(seen.values()), 0)
        bounds = [float(bound) for bound in
                  re.findall(r'^thalamus_phase_seconds_bucket\{phase="decide",le="([0-9.e-]+)"\}', text, re.M)]
        self.assertEqual(bounds, sorted(bounds))
        self.assertGreaterEqual(sum(bound < 1e-3 for bound in bounds), 9, "most of it is below a millisecond")
        self.assertNotIn("nano", text, "series are in base units")

    def test_every_series_is_described(self):
        page = (SOURCE / "docs/seeing.md").read_text()
        described = set(re.findall(r"`(thalamus_[a-z_]+)`", page))
        self.gateway.chat("fine")
        text = self.gateway.request("GET", "/metrics", admin=True)[2].decode()
        shown = set(re.findall(r"^# TYPE (thalamus_[a-z_]+) ", text, re.M))
        self.assertEqual(shown - described, set(), "docs/seeing.md lacks them")
        elsewhere = {"thalamus_target_up", "thalamus_stored_responses", "thalamus_stored_response_bytes"}
        self.assertEqual(described - shown, elsewhere, "no such series, but for what is not configured here")
        for kind, name in re.findall(r"^# TYPE (?:\w+_(total)|(\w+)) counter", text, re.M):
            self.assertTrue(kind, f"the counter {name} does not end in _total")

    def test_money_is_counted_in_dollars(self):
        before = self.gateway.metric("thalamus_cost_usd_total")
        self.gateway.chat("fine")
        spent = self.gateway.metric("thalamus_cost_usd_total") - before
        self.assertAlmostEqual(spent, (11 * 1 + 5 * 2) / 1e6, places=12)

    def test_models_come_in_pages_to_anthropics_clients(self):
        def page(query):
            status, _, data = self.gateway.request("GET", "/v1/models" + query,
                                                   headers={"anthropic-version": "2023-06-01"})
            return status, json.loads(data)
        _, whole = page("")
        names = [model["id"] for model in whole["data"]]
        self.assertFalse(whole["has_more"])
        _, first = page("?limit=2")
        self.assertEqual(([model["id"] for model in first["data"]], first["has_more"]), (names[:2], True))
        _, rest = page(f"?limit=1000&after_id={first['last_id']}")
        self.assertEqual(([model["id"] for model in rest["data"]], rest["has_more"]), (names[2:], False))
        _, back = page(f"?limit=1&before_id={names[2]}")
        self.assertEqual(([model["id"] for model in back["data"]], back["has_more"]), (names[1:2], True))
        for wrong in ("?limit=0", "?limit=x", "?limit=1001", "?after_id=nobody", "?before_id=nobody"):
            status, error = page(wrong)
            self.assertEqual((status, error["error"]["type"]), (400, "invalid_request_error"), wrong)
            self.assertIn("request_id", error)
        import anthropic
        client = anthropic.Anthropic(base_url=f"http://127.0.0.1:{self.gateway.port}", api_key="any")
        self.assertEqual([model.id for model in client.models.list(limit=3)], names, "the client turns the pages")


class SeeingTls(unittest.TestCase):
    """A TLS listener: who fails before a request, and who sends more than is taken."""

    @classmethod
    def setUpClass(cls):
        cls.upstream = Upstream()
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-keyout", cls.folder / "key.pem", "-out", cls.folder / "cert.pem", "-days", "2", "-subj",
                        "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"], check=True, capture_output=True)
        cls.gateway = Gateway(
            f"tls: {{ certificate: {cls.folder}/cert.pem, key: {cls.folder}/key.pem }}\n"
            "log: { level: debug }\nlimits: { body_bytes: 1000000, head_timeout: 300ms }\n" +
            routes_config(cls.upstream.port, {"fine": ["ok"]}))

    @classmethod
    def tearDownClass(cls):
        cls.gateway.close()
        cls.upstream.close()

    def counted(self, reason):
        return self.gateway.metric(f'thalamus_tls_handshake_failures_total{{reason="{reason}"}}')

    def test_who_fails_before_a_request_is_counted_and_told(self):
        def distrusting():
            with self.assertRaises(ssl.SSLError):
                ssl.create_default_context().wrap_socket(raw, server_hostname="localhost")

        def plain():
            raw.sendall(b"GET /v1/models HTTP/1.1\r\nhost: a\r\n\r\n")
            answer = http.client.HTTPResponse(raw)
            answer.begin()
            self.assertEqual((answer.status, answer.read()), (400, b"this port speaks TLS: use https\n"))

        for reason, act, text in (("certificate", distrusting, "alert unknown ca"), ("protocol", plain, "http request"),
                                  ("closed", lambda: None, "stream truncated"),
                                  ("timeout", lambda: self.assertEqual(raw.recv(1), b""), "took too long")):
            with self.subTest(reason=reason):
                before = self.counted(reason)
                with socket.create_connection(("127.0.0.1", self.gateway.port), 5) as raw:
                    address = "%s:%d" % raw.getsockname()
                    act()
                words = f"({reason}): {address}: "
                until = time.monotonic() + 5  # the line is written by a thread of the log's
                while ((self.counted(reason) == before or words not in self.gateway.stderr())
                       and time.monotonic() < until):
                    time.sleep(0.02)
                self.assertEqual(self.counted(reason), before + 1)
                lines = [line for line in self.gateway.stderr().splitlines() if words in line]
                self.assertEqual(len(lines), 1, lines)
                self.assertIn(" debug ", lines[0])
                self.assertIn(text, lines[0])

    @unittest.skipUnless(shutil.which("curl"), "curl is not installed")
    def test_a_body_that_is_too_long_is_told_so_over_both_versions(self):
        large = self.folder / "large.json"
        large.write_bytes(b"x" * 1_500_000)
        for version in ("--http1.1", "--http2"):
            for length in ([], ["-H", "transfer-encoding: chunked"]):
                told = subprocess.run(
                    ["curl", "-sS", version, "--cacert", self.folder / "cert.pem", "--data-binary", f"@{large}",
                     *length, "-H", "content-type: application/json", "-w", "\n%{http_code}", "-m", "15",
                     f"https://localhost:{self.gateway.port}/v1/chat/completions"],
                    capture_output=True, text=True, timeout=20)
                with self.subTest(version=version, length=length):
                    self.assertEqual((told.returncode, told.stdout[-4:]), (0, "\n413"), told.stderr)
                    self.assertIn("1000000 bytes", told.stdout)


if __name__ == "__main__":
    unittest.main()
