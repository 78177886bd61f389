#!/usr/bin/env python3
"""What a client is told when the gateway stops before its answer is whole, and what it is not told: a provider's words
with the operator's credentials in them."""

import http.server
import json
import os
import signal
import socket
import subprocess
import threading
import time
import unittest

import openai
from rig import THALAMUS, Gateway, Upstream, frames

KEY = "CANARYUP-1"
HEADER = "tenant-secret-77"


class Blabber(http.server.BaseHTTPRequestHandler):
    """A provider that says what it was sent."""

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        heard = f"boom {self.headers['authorization']} and {self.headers['x-tenant']}"
        status, kind, body = {
            "page": (502, "text/html", f"<html><title>{heard}</title></html>"),
            "refusal": (400, "application/json", json.dumps({"error": {"message": heard, "type": "x"}})),
            "inside": (200, "application/json", json.dumps({"error": {"message": heard, "type": "server_error"}})),
            "odd": (200, "application/json", json.dumps({"error": {"message": heard}})),
            "frame": (200, "text/event-stream", "data: " + json.dumps({"error": {"message": heard}}) + "\n\n"),
            "dead": (401, "application/json", json.dumps({"error": {"message": heard}})),
        }[asked["model"]]
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_):
        pass


class Secrets(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.provider = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Blabber)
        threading.Thread(target=cls.provider.serve_forever, daemon=True).start()
        cls.addClassCleanup(cls.provider.shutdown)
        names = ("page", "refusal", "inside", "odd", "frame", "dead")
        cls.gateway = Gateway("\n".join([
            "providers:",
            f"  up: {{ base_url: 'http://127.0.0.1:{cls.provider.server_port}', key: {KEY}, "
            f"headers: {{ x-tenant: {HEADER} }}, retries: {{ attempts_max: 1 }} }}",
            "models:", *(f"  - {{ name: m/{name}, provider: up, id: {name} }}" for name in names),
            "routes:", "  - { name: all, targets: [m/page] }", ""]))
        cls.addClassCleanup(cls.gateway.close)

    def test_a_providers_words_leave_without_the_operators_credentials(self):
        for name in ("page", "refusal", "inside", "odd", "frame", "dead"):
            status, headers, data = self.gateway.chat(f"m/{name}", stream=name == "frame")
            with self.subTest(name=name):
                self.assertGreaterEqual(status, 400, data)
                self.assertNotIn(KEY.encode(), data)
                self.assertNotIn(HEADER.encode(), data)
                if name != "dead":
                    self.assertIn(b"***", data)
                if name in ("dead", "refusal"):
                    self.assertEqual(headers["x-should-retry"], "false")
        self.assertNotIn(KEY, self.gateway.stderr() + self.gateway.stdout())

    def test_a_name_with_a_slash_is_found(self):
        client = openai.OpenAI(base_url=self.gateway.base_url, api_key="x", max_retries=0)
        self.assertEqual(client.models.retrieve("m/page").id, "m/page")


class Canaries(unittest.TestCase):
    """Secrets in every place that takes one, by value and by reference; and nowhere in what is written."""

    def setUp(self):
        self.upstream = Upstream()
        self.addCleanup(self.upstream.close)
        self.secrets = {name: f"CANARY-{name}-0123456789" for name in
                        ("key", "header", "body", "query", "client", "admin")}
        files = {"CANARY_KEY": "key", "CANARY_BODY": "body", "CANARY_QUERY": "query"}
        self.environment = {variable: self.secrets[name] for variable, name in files.items()}
        self.gateway = Gateway("\n".join([
            f"admin_token: {self.secrets['admin']}",
            "log: { level: debug, access: true }",
            "spans: { url: 'http://127.0.0.1:9/v1/traces' }",
            "providers:",
            f"  azure: {{ base_url: 'http://127.0.0.1:{self.upstream.port}', auth: api-key, "
            "key: '${env:CANARY_KEY}', path: '/v1/chat/completions?deployment={model}&sig=${env:CANARY_QUERY}', "
            f"headers: {{ x-tenant: {self.secrets['header']} }}, "
            "extra_body: '{\"token\": \"${env:CANARY_BODY}\"}', retries: { attempts_max: 1 } }",
            "models:", *(f"  - {{ name: {name}, provider: azure, id: {name} }}"
                         for name in ("echo", "echo-headers", "status-401", "late-error")),
            "routes:", "  - { name: all, targets: [status-401, echo] }",
            f"keys: [ {{ name: ann, key: {self.secrets['client']} }} ]", ""]), environment=self.environment)
        self.addCleanup(self.gateway.close)

    def ask(self, model, key=None):
        headers = {"authorization": f"Bearer {key or self.secrets['client']}", "content-type": "application/json"}
        return self.gateway.request("POST", "/v1/chat/completions", json.dumps(
            {"model": model, "messages": [{"role": "user", "content": "hello"}]}), headers)

    def told(self, model):
        return json.loads(self.ask(model)[2])["choices"][0]["message"]["content"]

    def test_they_reach_the_provider_in_its_own_style(self):
        sent = json.loads(self.told("echo"))
        self.assertEqual((sent["token"], sent["model"]), (self.secrets["body"], "echo"))
        headers = self.told("echo-headers")
        self.assertIn(f"api-key: {self.secrets['key']}\n", headers)
        self.assertIn(f"x-tenant: {self.secrets['header']}\n", headers)
        self.assertNotIn("authorization", headers)
        self.assertNotIn(self.secrets["client"], headers, "a client's key stays here")

    def test_they_are_written_nowhere(self):
        for model in ("all", "status-401", "late-error", "absent"):
            self.ask(model)
        self.ask("echo", key="a-wrong-key-0123456789")
        token = {"authorization": f"Bearer {self.secrets['admin']}"}
        seen = [self.gateway.request(method, path, admin=True, headers=token)[2] for method, path in
                (("GET", "/metrics"), ("GET", "/admin/status"), ("GET", "/admin/config"), ("POST", "/admin/reload"))]
        seen.append(self.gateway.request("GET", "/admin/config", admin=True)[2])
        seen.append(self.gateway.request("GET", "/readyz")[2])
        self.assertRegex(seen[2].decode(),
                         r'extra_body: { token: "\[value [0-9a-f]{4}\]" }, retries: { attempts_max: 1 }')
        changed = self.gateway.folder / "changed.yaml"
        changed.write_text(self.gateway.config.read_text().replace("models:", "# changed\nmodels:"))
        for command in (["check", "--config", changed], ["trace", "list", "--json", "--folder",
                                                         self.gateway.folder / "state/trace"]):
            run = subprocess.run([THALAMUS, *command], capture_output=True, env={**os.environ, **self.environment})
            seen += [run.stdout, run.stderr]
        self.gateway.stop()
        seen += [path.read_bytes() for path in self.gateway.folder.rglob("*")
                 if path.is_file() and path not in (self.gateway.config, changed)]
        written = b"".join(seen)
        self.assertIn(b'"status":', written, "access lines are among it")
        for name, secret in self.secrets.items():
            self.assertNotIn(secret.encode(), written, name)


class Caller(threading.Thread):
    """One connection for each request, until nobody takes it. `silence_s` lies between the connection and its
    request."""

    def __init__(self, port, path, silence_s):
        super().__init__(daemon=True)
        self.port, self.silence_s = port, silence_s
        self.head = f"GET {path} HTTP/1.1\r\nhost: a\r\n\r\n".encode()
        self.calls = []  # when it was connected, and what it got

    def run(self):
        while True:
            try:
                raw = socket.create_connection(("127.0.0.1", self.port), timeout=10)
            except OSError:
                return
            connected = time.monotonic()
            with raw:
                self.calls.append((connected, self.ask(raw)))

    def ask(self, raw):
        time.sleep(self.silence_s)
        try:
            raw.sendall(self.head)
        except OSError as error:
            return f"{type(error).__name__} {error}"
        return self.hear(raw)

    @staticmethod
    def hear(raw):
        data = b""
        try:
            answer = http.client.HTTPResponse(raw)
            answer.begin()
            data = answer.read()
            return answer.status
        except (OSError, http.client.HTTPException) as error:
            return f"{type(error).__name__} {error} after {len(data)} bytes"


class Stop(unittest.TestCase):
    def test_whoever_is_connected_before_it_is_answered(self):
        gateway = Gateway("\n".join([
            "threads: 2", "providers: { up: { base_url: 'http://127.0.0.1:9/v1' } }",
            "models: [{ name: m, provider: up }]", "routes: [{ name: r, targets: [m] }]", ""]))
        self.addCleanup(gateway.close)
        callers = [Caller(gateway.port, "/v1/models", silence_s) for silence_s in (0, 0, 0, 0.05, 0.2) * 8]
        for caller in callers:
            caller.start()
        time.sleep(0.7)
        # More than one loop takes at once.
        queued = [socket.create_connection(("127.0.0.1", gateway.port), timeout=10) for _ in range(200)]
        began = time.monotonic()
        gateway.process.send_signal(signal.SIGTERM)
        time.sleep(0.1)
        for raw in queued:
            raw.sendall(callers[0].head)
        statuses = []
        for raw in queued:
            with raw:
                statuses.append(Caller.hear(raw))
        self.assertEqual(set(statuses), {200}, statuses)
        self.assertEqual(gateway.process.wait(10), 0)
        self.assertLess(time.monotonic() - began, 4)
        for caller in callers:
            caller.join()
        calls = [call for caller in callers for call in caller.calls if call[0] < began]
        self.assertGreater(len(calls), 100)
        self.assertEqual({got for _, got in calls}, {200}, [call for call in calls if call[1] != 200])

    def test_a_silent_connection_holds_it_for_a_moment_and_ends_in_order(self):
        upstream = Upstream()
        self.addCleanup(upstream.close)
        gateway = Gateway("\n".join([
            f"providers: {{ up: {{ base_url: 'http://127.0.0.1:{upstream.port}/v1' }} }}",
            "models: [{ name: ok, provider: up }]", "routes: [{ name: r, targets: [ok] }]", ""]))
        self.addCleanup(gateway.close)
        late = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=10)
        late.connect()
        with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as silent:
            self.assertEqual(gateway.request("GET", "/healthz")[0], 200)
            began = time.monotonic()
            gateway.process.send_signal(signal.SIGTERM)
            time.sleep(0.7)
            late.request("POST", "/v1/chat/completions",
                         json.dumps({"model": "ok", "messages": [{"role": "user", "content": "hello"}]}))
            answer = late.getresponse()
            self.assertEqual((answer.status, answer.headers["connection"]), (200, "close"), answer.read())
            late.close()
            self.assertEqual(gateway.process.wait(10), 0)
            self.assertLess(time.monotonic() - began, 4)
            self.assertEqual(silent.recv(10), b"")

    def test_whoever_is_not_answered_in_time_is_told(self):
        upstream = Upstream()
        self.addCleanup(upstream.close)
        lines = ["limits: { shutdown_timeout: 300ms }", "providers:",
                 f"  up: {{ base_url: 'http://127.0.0.1:{upstream.port}/v1' }}", "models:",
                 *(f"  - {{ name: {name}, provider: up, id: {name} }}" for name in ("stall", "stall-after")),
                 "routes:", "  - { name: r, targets: [stall] }", ""]
        gateway = Gateway("\n".join(lines))
        self.addCleanup(gateway.close)
        answers = {}

        def ask(name, stream):
            answers[name] = gateway.chat(name, stream=stream)
        asking = [threading.Thread(target=ask, args=each) for each in (("stall", False), ("stall-after", True))]
        for thread in asking:
            thread.start()
        until = time.monotonic() + 5
        while gateway.metric("thalamus_requests_in_flight") < 2 and time.monotonic() < until:
            time.sleep(0.01)
        time.sleep(0.1)  # the stream's first content is on its way
        self.assertEqual(gateway.stop(signal.SIGTERM), 0)
        for thread in asking:
            thread.join()
        status, headers, data = answers["stall"]
        self.assertEqual((status, headers["x-should-retry"]), (503, "true"), data)
        self.assertIn("the gateway is stopping", json.loads(data)["error"]["message"])
        status, _, data = answers["stall-after"]
        self.assertEqual(status, 200)
        self.assertIn("the gateway is stopping", json.loads(frames(data)[-1])["error"]["message"])
        records, _ = gateway.records()
        self.assertEqual({record["outcome"]["failure"] for record in records}, {"unavailable"}, records)


if __name__ == "__main__":
    unittest.main(verbosity=2)
