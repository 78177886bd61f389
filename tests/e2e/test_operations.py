#!/usr/bin/env python3
"""What an operator relies on, over real sockets: reload, failing over, limits of time, TLS, spans, admin listener."""

import http.server
import json
import shutil
import signal
import ssl
import subprocess
import tempfile
import threading
import time
import unittest
from pathlib import Path

from rig import CANARY, Gateway, Upstream, frames, free_port, routes_config


class Reload(unittest.TestCase):
    def setUp(self):
        self.upstream = Upstream()
        self.text = routes_config(self.upstream.port, {"one": ["ok"]})
        self.gateway = Gateway("version: 1\nlisten: 127.0.0.1:0\nadmin: 127.0.0.1:0\n" + self.text)

    def tearDown(self):
        self.gateway.close()
        self.upstream.close()

    def write(self, text):
        self.gateway.config.write_text("version: 1\nlisten: 127.0.0.1:0\nadmin: 127.0.0.1:0\n" + text)

    def reload(self, headers=None):
        status, _, data = self.gateway.request("POST", "/admin/reload", b"", headers, admin=True)
        return status, json.loads(data)

    def target_of(self, model="one"):
        status, headers, data = self.gateway.chat(model)
        return headers.get("x-thalamus-target") if status == 200 else json.loads(data)["error"]["message"]

    def test_a_reload_changes_routes_and_says_what(self):
        self.assertEqual(self.target_of(), "t-ok")
        self.write(routes_config(self.upstream.port, {"one": ["ok-50"], "two": ["ok"]}))
        status, said = self.reload()
        self.assertEqual(status, 200, said)
        self.assertEqual(said["generation"], 2)
        self.assertTrue(any(line.startswith("+ routes: ") and "two" in line for line in said["changes"]), said)
        self.assertEqual(self.target_of(), "t-ok-50")
        self.assertEqual(self.target_of("two"), "t-ok")

    def test_a_hang_up_signal_reloads(self):
        self.write(routes_config(self.upstream.port, {"three": ["ok"]}))
        self.gateway.process.send_signal(signal.SIGHUP)
        until = time.monotonic() + 10
        while self.target_of("three") != "t-ok" and time.monotonic() < until:
            time.sleep(0.02)
        self.assertEqual(self.target_of("three"), "t-ok")

    def test_what_is_wrong_changes_nothing_and_is_said(self):
        for text, expected in (("models: nothing", "expected a list"),
                               (self.text + "threads: 3\n", "threads cannot change while the gateway runs")):
            self.write(text)
            status, said = self.reload()
            self.assertIn(status, (400, 409), said)
            self.assertIn(expected, said["error"]["message"])
            self.assertEqual(self.target_of(), "t-ok")

    def test_streams_outlive_a_reload(self):
        self.write(routes_config(self.upstream.port, {"slow": ["slow-200"], "other": ["ok"]}))
        self.assertEqual(self.reload()[0], 200)
        statuses = []
        asking = threading.Thread(target=lambda: statuses.append(self.gateway.chat("slow")[0]))
        asking.start()
        time.sleep(0.05)
        self.write(routes_config(self.upstream.port, {"other": ["ok"]}))
        self.assertEqual(self.reload()[0], 200)
        asking.join()
        self.assertEqual(statuses, [200])
        self.assertIn("slow", self.target_of("slow"), "the route is gone for new requests")

    def test_what_is_known_of_targets_that_stay_outlives_a_reload(self):
        def text(routes):
            return "\n".join([
                "providers:",
                f"  narrow: {{ base_url: 'http://127.0.0.1:{self.upstream.port}/v1', concurrency: 1, queue: 0, "
                "retries: { attempts_max: 1 } }",
                "models:",
                "  - { name: one-at-a-time, provider: narrow, id: slow-1000 }",
                "routes:",
                *(f"  - {{ name: {route}, targets: [one-at-a-time] }}" for route in routes), ""])
        self.write(text(["slow"]))
        self.assertEqual(self.reload()[0], 200)
        statuses = []
        asking = threading.Thread(target=lambda: statuses.append(self.gateway.chat("slow")[0]))
        asking.start()
        until = time.monotonic() + 5
        while self.gateway.metric("thalamus_requests_in_flight") < 1 and time.monotonic() < until:
            time.sleep(0.01)
        self.write(text(["slow", "new"]))
        self.assertEqual(self.reload()[0], 200)
        status, headers, data = self.gateway.chat("new")
        self.assertEqual((status, headers["retry-after"], headers["x-should-retry"]), (503, "1", "true"))
        self.assertIn(b"the queue of target 'one-at-a-time' is full", data)
        asking.join()
        self.assertEqual(statuses, [200])
        self.assertEqual(self.gateway.chat("new")[0], 200, "and was given back")
        status = json.loads(self.gateway.request("GET", "/admin/status", admin=True)[2])
        self.assertEqual(status["endpoints"]["one-at-a-time"]["replicas"][0]["good"], 2)

    def test_a_web_page_cannot_reload(self):
        self.assertEqual(self.reload({"origin": "http://example.org"})[0], 403)


class Resilience(unittest.TestCase):
    """Several keys and replicas, retries, contexts and deadlines of one provider."""

    @classmethod
    def setUpClass(cls):
        cls.upstream = Upstream()
        cls.other = Upstream()
        url = f"http://127.0.0.1:{cls.upstream.port}/v1"
        dead = f"http://127.0.0.1:{free_port()}/v1"
        cls.gateway = Gateway(f"""
providers:
  one: {{ base_url: '{url}', key: {CANARY} }}
  keys: {{ base_url: '{url}', keys: [{CANARY}-first, {CANARY}-second] }}
  replicas:
    base_url: '{dead}'
    replicas: ['http://127.0.0.1:{cls.other.port}/v1']
    timeouts: {{ connect_ms: 500 }}
  trickle: {{ base_url: '{url}', slow_stream: {{ bytes_per_second: 100000, window: 200ms }} }}
models:
  - {{ name: flaky, provider: one, id: flaky-2 }}
  - {{ name: wrong, provider: one, id: status-400 }}
  - {{ name: small, provider: one, id: overflow, context: 1000 }}
  - {{ name: medium, provider: one, id: overflow, context: 900 }}
  - {{ name: large, provider: one, id: ok, context: 100000 }}
  - {{ name: slow, provider: one, id: slow-3000 }}
  - {{ name: limited, provider: keys, id: second-key }}
  - {{ name: dead-key, provider: keys, id: live-key }}
  - {{ name: anywhere, provider: replicas, id: ok }}
  - {{ name: drip, provider: trickle, id: drip-100 }}
  - {{ name: one-slot, provider: one, id: slow-200, concurrency: 1, queue: 8 }}
routes:
  - {{ name: growing, targets: [small, medium, large] }}
""")

    @classmethod
    def tearDownClass(cls):
        cls.gateway.close()
        cls.upstream.close()
        cls.other.close()

    def attempts(self, headers):
        until = time.monotonic() + 10  # a record may wait some milliseconds before it is written
        while time.monotonic() < until:
            for record in self.gateway.records()[0]:
                if record["decision_id"] == headers["x-thalamus-decision"]:
                    return [(a["target"], a["status"]) for a in record["outcome"]["attempts"]]
            time.sleep(0.02)
        self.fail("no record")

    def ask(self, model, content, headers=None, **fields):
        status, answer_headers, data = self.gateway.chat(model, content, headers, **fields)
        return status, answer_headers, data

    def test_a_single_target_is_tried_again(self):
        status, headers, data = self.ask("flaky", "try again, please")
        self.assertEqual(status, 200, data)
        self.assertEqual(self.attempts(headers), [("flaky", 503), ("flaky", 503), ("flaky", 200)])

    def test_a_wrong_request_is_not(self):
        status, headers, _ = self.ask("wrong", "wrong")
        self.assertEqual(status, 400)
        self.assertEqual(headers["x-should-retry"], "false")
        self.assertEqual(self.attempts(headers), [("wrong", 400)])

    def test_a_request_too_long_goes_where_there_is_more_context(self):
        status, headers, data = self.ask("growing", "long")
        self.assertEqual(status, 200, data)
        self.assertEqual(self.attempts(headers), [("small", 400), ("large", 200)], "medium holds even less")

    def test_a_limited_key_rests_and_a_dead_one_is_not_used_again(self):
        for i in range(8):
            self.assertEqual(self.ask("limited", f"limited {i}")[0], 200)
        used = [self.attempts(self.ask("dead-key", f"dead {i}")[1]) for i in range(8)]
        self.assertLessEqual(sum(status == 401 for attempts in used for _, status in attempts), 1)

    def test_a_dead_replica_is_passed_over(self):
        for i in range(12):
            self.assertEqual(self.ask("anywhere", f"question {i}")[0], 200)

    def test_replicas_and_keys_are_reported(self):
        self.ask("anywhere", "one question more")
        status = json.loads(self.gateway.request("GET", "/admin/status", admin=True)[2])
        replicas = status["endpoints"]["anywhere"]["replicas"]
        self.assertEqual(len(replicas), 2)
        self.assertGreater(replicas[1]["good"], 0)
        self.assertEqual(len(status["endpoints"]["limited"]["keys"]), 2)
        text = self.gateway.request("GET", "/metrics", admin=True)[2].decode()
        self.assertIn('thalamus_replica_faults_total{target="anywhere",replica="0"}', text)
        self.assertNotIn(CANARY, text)
        promtool = shutil.which("promtool")
        self.assertIsNotNone(promtool, "tools/setup.sh --for test installs Debian's prometheus, which has it")
        checked = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, text=True)
        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)

    def test_the_clients_deadline_is_kept(self):
        begun = time.monotonic()
        status, headers, data = self.ask("slow", "soon", {"x-thalamus-deadline-ms": "300"})
        self.assertEqual(status, 504, data)
        self.assertLess(time.monotonic() - begun, 1.5)
        self.assertIn("x-thalamus-deadline-ms", json.loads(data)["error"]["message"])
        status, _, data = self.ask("slow", "soon", {"x-thalamus-deadline-ms": "-5"})
        self.assertEqual(status, 400, data)
        self.assertIn("x-thalamus-deadline-ms", json.loads(data)["error"]["message"])

    def test_a_trickle_is_given_up(self):
        begun = time.monotonic()
        status, _, data = self.ask("drip", "slowly", stream=True)
        self.assertEqual(status, 200)
        self.assertLess(time.monotonic() - begun, 2)
        self.assertIn("slower than its floor", frames(data)[-1])

    def test_those_who_wait_for_a_slot_get_it_in_turn(self):
        statuses = []
        threads = [threading.Thread(target=lambda i=i: statuses.append(self.ask("one-slot", f"slot {i}")[0]))
                   for i in range(6)]
        begun = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(statuses, [200] * 6)
        self.assertGreater(time.monotonic() - begun, 1.1, "one at a time")


class Collector:
    """Takes OTLP over HTTP and keeps the bodies."""

    def __init__(self):
        bodies = self.bodies = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                bodies.append((self.path, json.loads(self.rfile.read(int(self.headers["content-length"])))))
                self.send_response(200)
                self.send_header("content-length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def spans(self):
        return [span for _, body in self.bodies for resource in body["resourceSpans"]
                for scope in resource["scopeSpans"] for span in scope["spans"]]


class Observed(unittest.TestCase):
    def setUp(self):
        self.upstream = Upstream()
        self.collector = Collector()
        self.gateway = Gateway(f"spans: {{ url: 'http://127.0.0.1:{self.collector.port}/v1/traces' }}\n"
                               "log: { access: true }\n" +
                               routes_config(self.upstream.port, {"one": ["status-503", "echo"]}))

    def tearDown(self):
        self.gateway.close()
        self.upstream.close()
        self.collector.server.shutdown()
        self.collector.server.server_close()

    def test_spans_and_access_lines_tell_of_each_request(self):
        trace = "4bf92f3577b34da6a3ce929d0e0e4736"
        status, headers, data = self.gateway.chat("one", "a secret question",
                                                  {"traceparent": f"00-{trace}-00f067aa0ba902b7-01"})
        self.assertEqual(status, 200, data)
        self.gateway.chat("one", "another", {"traceparent": f"00-{trace[::-1]}-00f067aa0ba902b7-00"})
        self.gateway.stop()
        spans = self.collector.spans()
        self.assertEqual([span["name"] for span in spans], ["chat one", "call t-status-503", "call t-echo"])
        self.assertEqual({span["traceId"] for span in spans}, {trace}, "the caller's flag says whether to tell")
        lines = [json.loads(line.split(" info ", 1)[1]) for line in self.gateway.stderr().splitlines()
                 if '"time_unix_s"' in line]
        self.assertEqual(len(lines), 2)
        self.assertEqual(lines[0]["request"], headers["x-thalamus-decision"])
        self.assertEqual(lines[0]["target"], "t-echo")
        self.assertNotIn("secret question", self.gateway.stderr())
        self.assertNotIn("secret question", json.dumps(self.collector.bodies))


class Tls(unittest.TestCase):
    """The listener with a certificate, and its exchange while clients are connected."""

    @staticmethod
    def certificate(folder, name, cn):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem", "-days", "2", "-subj",
                        f"/CN={cn}", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
                       check=True, capture_output=True)

    def peer(self, folder, name="cert"):
        context = ssl.create_default_context(cafile=folder / f"{name}.pem")
        connection = http.client.HTTPSConnection("127.0.0.1", self.gateway.port, context=context, timeout=10)
        body = json.dumps({"model": "one", "messages": [{"role": "user", "content": "hello"}]})
        connection.request("POST", "/v1/chat/completions", body, {"content-type": "application/json"})
        status = connection.getresponse().status
        subject = connection.sock.getpeercert()["subject"] if connection.sock else None
        connection.close()
        return status, subject

    def test_a_certificate_is_exchanged_without_a_restart(self):
        upstream = Upstream()
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            self.certificate(folder, "cert", "first")
            self.gateway = Gateway(f"tls: {{ certificate: {folder}/cert.pem, key: {folder}/cert.key }}\n" +
                                   routes_config(upstream.port, {"one": ["ok"]}))
            try:
                self.assertEqual(self.peer(folder)[0], 200)
                self.certificate(folder, "cert", "second")
                self.assertEqual(self.gateway.request("POST", "/admin/reload", b"", admin=True)[0], 200)
                status, subject = self.peer(folder)
                self.assertEqual(status, 200)
                (folder / "cert.pem").write_text("no certificate")
                status, _, data = self.gateway.request("POST", "/admin/reload", b"", admin=True)
                self.assertNotEqual(status, 200)
                self.assertIn("cert.pem", json.loads(data)["error"]["message"])
            finally:
                self.gateway.close()
                upstream.close()

    @unittest.skipUnless(shutil.which("curl"), "curl is not installed")
    def test_http2_is_spoken_with_and_without_tls(self):
        upstream = Upstream()
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            self.certificate(folder, "cert", "first")
            for tls in (False, True):
                head = f"tls: {{ certificate: {folder}/cert.pem, key: {folder}/cert.key }}\n" if tls else ""
                self.gateway = Gateway(head + routes_config(upstream.port, {"one": ["ok-20"]}))
                try:
                    url = f"{'https' if tls else 'http'}://127.0.0.1:{self.gateway.port}/v1/chat/completions"
                    body = json.dumps({"model": "one", "stream": True,
                                       "messages": [{"role": "user", "content": "hello"}]})
                    done = subprocess.run(["curl", "-s", "--cacert", folder / "cert.pem", "-w", "%{http_version}",
                                           "--http2" if tls else "--http2-prior-knowledge", url, "-H",
                                           "content-type: application/json", "-d", body],
                                          capture_output=True, text=True)
                    self.assertTrue(done.stdout.endswith("[DONE]\n\n2"), done.stdout[-80:] + done.stderr)
                finally:
                    self.gateway.close()
            upstream.close()


class AdminToken(unittest.TestCase):
    def test_everything_but_health_asks_for_the_token(self):
        upstream = Upstream()
        gateway = Gateway(f"admin_token: {CANARY}\n" + routes_config(upstream.port, {"one": ["ok"]}))
        try:
            self.assertEqual(gateway.request("GET", "/healthz", admin=True)[0], 200)
            for path in ("/metrics", "/admin/status", "/admin/config"):
                self.assertEqual(gateway.request("GET", path, admin=True)[0], 401, path)
                wrong = {"authorization": "Bearer " + CANARY[:-1] + "x"}
                self.assertEqual(gateway.request("GET", path, headers=wrong, admin=True)[0], 401, path)
                right = {"authorization": "Bearer " + CANARY}
                self.assertEqual(gateway.request("GET", path, headers=right, admin=True)[0], 200, path)
        finally:
            gateway.close()
            upstream.close()


if __name__ == "__main__":
    unittest.main(verbosity=2)
