#!/usr/bin/env python3
"""The gateway over real sockets: answers, streams, fallback, failures after the commit point, records, bad input."""

import json
import os
import signal
import socket
import subprocess
import threading
import time
import unittest

import openai
from rig import CANARY, THALAMUS, Gateway, Upstream, frames, free_port, routes_config

ROUTES = {
    "fine": ["ok"],
    "many": ["ok-50"],
    "nulls": ["usage-null"],
    "echoing": ["echo"],
    "after-503": ["status-503", "ok"],
    "after-401": ["status-401", "ok"],
    "after-429": ["status-429", "ok"],
    "after-stall": ["stall", "ok"],
    "after-error-in-200": ["error-in-200", "ok"],
    "only-error-in-200": ["error-in-200"],
    "after-empty": ["empty", "ok"],
    "after-garbage": ["garbage", "ok"],
    "after-cut": ["cut-before", "ok"],
    "after-absent": ["absent", "ok"],
    "all-down": ["status-503", "status-500"],
    "bad-request": ["status-400", "ok"],
    "limited": ["status-429"],
    "cut-late": ["cut-after", "ok"],
    "error-late": ["late-error", "ok"],
    "silent-late": ["stall-after", "ok"],
    "patient": ["slow-200"],
}


class GatewayCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.upstream = Upstream()
        cls.gateway = Gateway(routes_config(cls.upstream.port, ROUTES))

    @classmethod
    def tearDownClass(cls):
        cls.gateway.close()
        cls.upstream.close()

    def client(self):
        return openai.OpenAI(base_url=self.gateway.base_url, api_key="anything", max_retries=0)

    def error(self, status, data):
        body = json.loads(data)
        self.assertEqual(set(body["error"]), {"message", "type", "param", "code"})
        return status, body["error"]


class Answers(GatewayCase):
    def test_official_client_chats(self):
        answer = self.client().chat.completions.create(model="fine", messages=[{"role": "user", "content": "hi"}])
        self.assertEqual(answer.choices[0].message.content, "The scripted answer.")
        self.assertEqual(answer.usage.total_tokens, 16)

    def test_official_client_streams(self):
        stream = self.client().chat.completions.create(
            model="many", messages=[{"role": "user", "content": "hi"}], stream=True)
        deltas = [chunk.choices[0].delta.content for chunk in stream if chunk.choices]
        pieces = [delta for delta in deltas if delta]
        self.assertEqual(pieces, [f"piece {i} " for i in range(50)])

    def test_exact_tool_answers_and_streams(self):
        status, headers, data = self.gateway.chat("with-tool", "What is 347 * 29?")
        self.assertEqual((status, headers["x-thalamus-target"]), (200, "calculator"))
        self.assertIn("10063", json.loads(data)["choices"][0]["message"]["content"])
        stream = self.client().chat.completions.create(
            model="with-tool", messages=[{"role": "user", "content": "What is 347 * 29?"}], stream=True)
        self.assertIn("10063", "".join(c.choices[0].delta.content or "" for c in stream if c.choices))

    def test_answers_carry_target_decision_and_timing(self):
        _, headers, _ = self.gateway.chat("fine", headers={"x-thalamus-explain": "true"})
        self.assertEqual(headers["x-thalamus-target"], "t-ok")
        self.assertRegex(headers["x-thalamus-decision"], r"^[0-9a-f]{32}$")
        self.assertRegex(headers["server-timing"], r"^decide;dur=\d")
        self.assertIn("t-ok", headers["x-thalamus-reason"])

    def test_client_bytes_go_on_but_for_three_edits(self):
        body = ('{ "seed" : 12345678901234567890, "thalamus": {"explain": false}, "unknown":{"b":1,"a":1.50e+3},'
                '"model" : "echoing" ,"messages":[{"role":"user","content":"caf\\u00e9 \\"x\\""}] }')
        status, _, data = self.gateway.request("POST", "/v1/chat/completions", body)
        self.assertEqual(status, 200, data)
        forwarded = json.loads(data)["choices"][0]["message"]["content"]
        self.assertNotIn("thalamus", forwarded)
        for kept in ('"seed" : 12345678901234567890', '"unknown":{"b":1,"a":1.50e+3}', '"model" : "echo"',
                     '"content":"caf\\u00e9 \\"x\\""'):
            self.assertIn(kept, forwarded)

    def test_usage_is_stripped_unless_asked_for(self):
        for model in ("many", "nulls"):
            _, _, data = self.gateway.chat(model, stream=True)
            self.assertNotIn('"usage"', data.decode())
            self.assertEqual(frames(data)[-1], "[DONE]")
            _, _, data = self.gateway.chat(model, stream=True, stream_options={"include_usage": True})
            self.assertIn('"total_tokens":16', data.decode())

    def test_decision_calls_nothing(self):
        before = self.gateway.metric("thalamus_target_calls_total")
        status, _, data = self.gateway.request(
            "POST", "/v1/decision", json.dumps({"model": "after-503", "messages": [{"role": "user", "content": "x"}]}))
        decision = json.loads(data)
        self.assertEqual(status, 200)
        self.assertEqual([t["name"] for t in decision["targets"]], ["t-status-503", "t-ok"])
        self.assertAlmostEqual(sum(t["propensity"] for t in decision["targets"]), 1.0)
        self.assertTrue(decision["reason"])
        self.assertEqual(self.gateway.metric("thalamus_target_calls_total"), before)

    def test_models_are_listed(self):
        names = [model.id for model in self.client().models.list()]
        self.assertIn("fine", names)
        self.assertIn("calculator", names)
        self.assertEqual(self.client().models.retrieve("fine").id, "fine")

    def test_health_and_metrics(self):
        self.assertEqual(self.gateway.request("GET", "/healthz")[0], 200)
        self.assertEqual(self.gateway.request("GET", "/readyz")[0], 200)
        self.gateway.chat("fine")
        self.assertGreater(self.gateway.metric("thalamus_requests_total"), 0)


class Fallback(GatewayCase):
    def test_failures_before_the_first_content_move_on(self):
        for route in [name for name in ROUTES if name.startswith("after-")]:
            for stream in (False, True):
                if not stream and route == "after-cut":
                    continue
                with self.subTest(route=route, stream=stream):
                    status, headers, data = self.gateway.chat(route, stream=stream)
                    self.assertEqual((status, headers.get("x-thalamus-target")), (200, "t-ok"), data)

    def test_an_error_under_status_200_is_told_in_its_own_words(self):
        for stream, where in ((False, "answer"), (True, "stream")):
            status, error = self.error(*self.gateway.chat("only-error-in-200", stream=stream)[::2])
            self.assertEqual((status, error["message"]),
                             (502, f"t-error-in-200 reported inside its {where}: scripted failure"))

    def test_the_last_failure_is_told(self):
        status, error = self.error(*self.gateway.chat("all-down")[::2])
        self.assertEqual(status, 502)
        self.assertIn("none of the 2 targets", error["message"])
        self.assertIn("scripted status 500", error["message"])

    def test_a_request_the_upstream_calls_wrong_is_not_tried_elsewhere(self):
        status, error = self.error(*self.gateway.chat("bad-request")[::2])
        self.assertEqual((status, error["type"]), (400, "invalid_request_error"))
        self.assertIn("scripted status 400", error["message"])

    def test_a_limit_says_when_to_come_back(self):
        status, headers, data = self.gateway.chat("limited")
        self.assertEqual((status, headers["retry-after"]), (429, "1"), data)

    def test_failures_after_content_end_in_an_error_frame(self):
        for route in ("cut-late", "error-late", "silent-late"):
            with self.subTest(route=route):
                status, headers, data = self.gateway.chat(route, stream=True)
                self.assertEqual(status, 200)
                self.assertNotEqual(headers["x-thalamus-target"], "t-ok")
                self.assertIn("piece 0", data.decode())
                self.assertIn("error", json.loads(frames(data)[-1]))

    def test_a_client_that_goes_away_cancels_the_call(self):
        body = json.dumps({"model": "patient", "messages": [{"role": "user", "content": "x"}]}).encode()
        with socket.create_connection(("127.0.0.1", self.gateway.port)) as s:
            s.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
            time.sleep(0.05)
        until = time.monotonic() + 2
        while self.gateway.metric("thalamus_requests_in_flight") > 0 and time.monotonic() < until:
            time.sleep(0.01)
        self.assertEqual(self.gateway.metric("thalamus_requests_in_flight"), 0)
        text = self.gateway.request("GET", "/metrics", admin=True)[2].decode()
        self.assertIn('thalamus_target_calls_total{target="t-slow-200",result="cancelled"} 1', text)

    def test_many_clients_at_once_each_get_an_answer(self):
        results = []

        def work():
            for route in ("fine", "after-503", "many"):
                results.append(self.gateway.chat(route, stream=route == "many")[0])

        threads = [threading.Thread(target=work) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(results, [200] * 60)


class Check(unittest.TestCase):
    """`thalamus check` against the gateway that runs."""

    def setUp(self):
        self.admin = free_port()
        self.text = (f"version: 1\nlisten: 127.0.0.1:0\nadmin: 127.0.0.1:{self.admin}\n"
                     f"providers: {{ up: {{ base_url: 'http://127.0.0.1:9/v1', key: {CANARY} }} }}\n"
                     "models:\n  - { name: a, provider: up }\n  - { name: b, provider: up }\n"
                     "routes: [{ name: auto, targets: [a, b], contract: { max_cost_usd: 0.5 } }]\n")
        self.gateway = Gateway(self.text)
        self.addCleanup(self.gateway.close)

    def check(self, text):
        file = self.gateway.folder / "next.yaml"
        file.write_text(text)
        done = subprocess.run([THALAMUS, "check", "--config", file], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn(CANARY, done.stdout + done.stderr)
        return done.stdout

    def test_says_what_would_change(self):
        said = self.check(self.text.replace("[a, b]", "[b, a]").replace("0.5", "0.25"))
        lines = [line for line in said.splitlines() if line[:2] in ("- ", "+ ")]
        self.assertEqual(len(lines), 2, said)
        self.assertRegex(lines[0], r"^- routes: .*max_cost_usd: 0.5 .*targets: \[a, b\]")
        self.assertRegex(lines[1], r"^\+ routes: .*max_cost_usd: 0.25 .*targets: \[b, a\]")

    def test_says_that_nothing_would_change(self):
        self.assertIn("the running gateway has this configuration", self.check(self.text))

    def test_says_that_no_gateway_runs(self):
        self.gateway.stop()
        self.assertIn("no gateway runs at this configuration's admin address", self.check(self.text))


class Limits(GatewayCase):
    def test_a_limit_that_cannot_be_kept_is_refused(self):
        for header in ("max-cost-usd", "min-quality", "max-latency-ms"):
            status, _, data = self.gateway.chat("fine", headers={f"x-thalamus-{header}": "0.5"})
            self.assertEqual(status, 400, data)
            self.assertIn("has no router to estimate by", json.loads(data)["error"]["message"])
        status, _, data = self.gateway.chat("fine", thalamus={"max_cost_usd": 1})
        self.assertEqual(status, 400, data)
        self.assertIn("max_cost_usd", json.loads(data)["error"]["message"])


class BadInput(GatewayCase):
    def test_each_malformed_request_gets_its_message(self):
        ok = '"messages":[{"role":"user","content":"x"}]'
        deep = "[" * 100 + "]" * 100
        table = [
            ("{", 400, None),
            ("[]", 400, "expected a JSON object"),
            ("", 400, None),
            ('{"model":"fine"}', 400, "messages"),
            ('{"model":"fine","messages":[]}', 400, "messages"),
            ('{"model":"fine","messages":"x"}', 400, "messages"),
            ('{"model":"fine","messages":[{"role":"usr","content":"x"}]}', 400, "did you mean 'user'"),
            ('{"model":7,%s}' % ok, 400, "model"),
            ('{"model":"fine","model":"fine",%s}' % ok, 400, "model"),
            ('{%s}' % ok, 400, "model"),
            ('{"model":"fin",%s}' % ok, 404, "did you mean 'fine'"),
            ('{"model":"fine",%s,"stream":"yes"}' % ok, 400, "stream"),
            ('{"model":"fine",%s,"temperature":"hot"}' % ok, 400, "temperature"),
            ('{"model":"fine",%s,"max_tokens":-1}' % ok, 400, "max_tokens"),
            ('{"model":"fine",%s,"thalamus":{"max_cost":1}}' % ok, 400, "max_cost_usd"),
            ('{"model":"fine",%s,"x":%s}' % (ok, deep), 413, "deeper than 64 levels"),
        ]
        for body, expected, words in table:
            with self.subTest(body=body[:60]):
                status, _, data = self.gateway.request("POST", "/v1/chat/completions", body)
                status, error = self.error(status, data)
                self.assertEqual(status, expected, error)
                if words:
                    self.assertIn(words, error["message"])

    def test_a_body_over_the_limit_is_refused(self):
        gateway = Gateway(routes_config(self.upstream.port, {"fine": ["ok"]}, "limits: { body_bytes: 2048 }\n"))
        try:
            status, _, data = gateway.chat("fine", "x" * 5000)
            self.assertEqual(status, 413, data)
            self.assertIn("2048", json.loads(data)["error"]["message"])
        finally:
            gateway.close()

    def test_wrong_paths_and_methods(self):
        self.assertEqual(self.gateway.request("GET", "/v1/chat/completions")[0], 405)
        self.assertEqual(self.gateway.request("GET", "/v2")[0], 404)
        self.assertEqual(self.gateway.request("POST", "/v1/models")[0], 405)

    def test_a_contract_nothing_satisfies(self):
        status, error = self.error(*self.gateway.chat("fine", headers={"x-thalamus-deny": "t-ok"})[::2])
        self.assertEqual(status, 422)
        self.assertIn("no target of 'fine'", error["message"])

    def test_unknown_keys_are_refused_where_keys_are_configured(self):
        gateway = Gateway(routes_config(self.upstream.port, {"fine": ["ok"], "other": ["ok"]},
                                        "keys:\n  - { name: team, key: sk-team-secret-key, routes: [fine] }\n"))
        try:
            self.assertEqual(gateway.chat("fine")[0], 401)
            self.assertEqual(gateway.chat("fine", headers={"authorization": "Bearer sk-wrong"})[0], 401)
            good = {"authorization": "Bearer sk-team-secret-key"}
            self.assertEqual(gateway.chat("fine", headers=good)[0], 200)
            self.assertEqual(gateway.chat("other", headers=good)[0], 404)
            self.assertEqual(gateway.request("GET", "/v1/models")[0], 401)
            listed = json.loads(gateway.request("GET", "/v1/models", headers=good)[2])["data"]
            self.assertEqual([model["id"] for model in listed], ["fine"])
            for headers in ({}, good):
                status, _, data = gateway.request("GET", "/readyz", headers=headers)
                self.assertEqual((status, json.loads(data)), (200, {"status": "ready", "ready": True}))
            told = json.loads(gateway.request("GET", "/admin/status", admin=True)[2])
            self.assertEqual(sorted(told["routes"]), ["fine", "other", "with-tool"])
        finally:
            gateway.close()


class StartUp(unittest.TestCase):
    def fails(self, config, code, *words, arguments=()):
        gateway = Gateway(config, arguments=arguments, wait=False)
        try:
            self.assertEqual(gateway.process.wait(20), code, gateway.stderr())
            for word in words:
                self.assertIn(word, gateway.stderr())
        finally:
            gateway.close()

    def test_port_in_use(self):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            s.listen()
            port = s.getsockname()[1]
            self.fails(f"version: 1\nlisten: 127.0.0.1:{port}\nadmin: 127.0.0.1:0\n"
                       "models: [{name: c, tool: arithmetic}]\n"
                       "routes: [{name: r, targets: [c]}]\n", 3, f"127.0.0.1:{port}", "in use")

    def test_unknown_key_in_the_configuration(self):
        self.fails("modles: []\n", 2, "gateway.yaml:4:1", "did you mean 'models'")

    def test_missing_foreign_and_truncated_snapshots(self):
        config = ("models: [{name: c, tool: arithmetic}, {name: m, provider: p, id: x, price: {input: 0, output: 0}}]\n"
                  "providers: {p: {base_url: 'http://127.0.0.1:1/v1'}}\n"
                  "routes: [{name: r, targets: [c, m], router: {snapshot: %s}}]\n")
        self.fails(config % "/nonexistent/auto.snapshot", 2, "/nonexistent/auto.snapshot")
        self.fails(config % "/bin/true", 2, "/bin/true")

    def test_a_missing_model_file_leaves_the_other_targets(self):
        gateway = Gateway("models: [{name: c, tool: arithmetic}, "
                          "{name: m, provider: p, id: x, price: {input: 0, output: 0}}]\n"
                          "providers: {p: {model_file: /nonexistent/model.gguf}}\n"
                          "routes: [{name: r, targets: [c, m]}]\n")
        try:
            self.assertEqual(gateway.chat("r", "What is 2 + 2?")[0], 200)
            status, _, data = gateway.chat("r", "Tell me a story")
            self.assertEqual(status, 503, data)
            status, _, data = gateway.request("GET", "/readyz")
            ready = json.loads(data)
            self.assertEqual((status, ready["status"], ready["ready"]), (503, "not ready", False))
            self.assertEqual(ready["routes"], {"r": {"targets": 2, "up": 1}})
            self.assertEqual(ready["children"], [{"name": "p", "state": "failed", "restarts": 0}])
            told = json.loads(gateway.request("GET", "/admin/status", admin=True)[2])["children"][0]
            self.assertIn("/nonexistent/model.gguf", told["error"])
            self.assertIn("process", told)
        finally:
            gateway.close()

    def test_a_model_file_with_another_checksum_stays_down(self):
        gateway = Gateway("models: [{name: m, provider: p, id: x, price: {input: 0, output: 0}}]\n"
                          "providers: {p: {model_file: /bin/true, sha256: '%s'}}\n"
                          "routes: [{name: r, targets: [m]}]\n" % ("0" * 64))
        try:
            told = json.loads(gateway.request("GET", "/admin/status", admin=True)[2])
            self.assertRegex(told["children"][0]["error"], "GGUF|SHA-256")
        finally:
            gateway.close()


class Records(unittest.TestCase):
    def setUp(self):
        self.upstream = Upstream()
        self.gateway = Gateway(routes_config(self.upstream.port, ROUTES))

    def tearDown(self):
        self.gateway.close()
        self.upstream.close()

    def wait_for_records(self, count):
        until = time.monotonic() + 5
        while time.monotonic() < until:
            records, _ = self.gateway.records()
            if len(records) >= count:
                return records
            time.sleep(0.05)
        self.fail(f"fewer than {count} records")

    def test_a_record_holds_the_decision_and_the_outcome(self):
        _, headers, _ = self.gateway.chat("after-503")
        record = self.wait_for_records(1)[0]
        self.assertEqual(record["decision_id"], headers["x-thalamus-decision"])
        self.assertEqual([a["target"] for a in record["outcome"]["attempts"]], ["t-status-503", "t-ok"])
        self.assertEqual(record["outcome"]["answered_by"], "t-ok")
        self.assertEqual(record["outcome"]["cost_nanodollars"], 11 * 1000 + 5 * 2000)
        show = subprocess.run([THALAMUS, "trace", "show", "--folder", self.gateway.folder / "state/trace",
                               headers["x-thalamus-decision"]], capture_output=True, text=True)
        self.assertEqual(json.loads(show.stdout)["decision_id"], headers["x-thalamus-decision"])

    def test_kill_in_mid_stream_loses_no_finished_record(self):
        for _ in range(50):
            self.assertEqual(self.gateway.chat("fine")[0], 200)
        messages = [{"role": "user", "content": "x"}]
        body = json.dumps({"model": "silent-late", "stream": True, "messages": messages}).encode()
        with socket.create_connection(("127.0.0.1", self.gateway.port)) as s:
            s.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
            self.assertIn(b"200", s.recv(100))
            time.sleep(0.1)
            self.gateway.stop(signal.SIGKILL)
        records, _ = self.gateway.records()
        self.assertEqual(len([r for r in records if r["route"] == "fine"]), 50)

    def test_a_torn_tail_is_repaired_and_said(self):
        self.gateway.chat("fine")
        self.wait_for_records(1)
        self.gateway.stop()
        segment = sorted(p for p in (self.gateway.folder / "state/trace").iterdir() if p.stat().st_size > 100)[0]
        with open(segment, "ab") as f:
            f.write(b"\x40\x00\x00\x00torn")
        records, said = self.gateway.records()
        self.assertEqual(len(records), 1)
        self.assertTrue(said)
        again = subprocess.Popen([THALAMUS, "serve", "--config", self.gateway.config,
                                  "--state", self.gateway.folder / "state"],
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        again.stdout.readline()
        again.terminate()
        _, errors = again.communicate(timeout=20)
        self.assertIn("trace repaired", errors)

    def test_no_secret_is_written_anywhere(self):
        for route in ("fine", "after-401", "all-down", "cut-late"):
            self.gateway.chat(route)
        self.wait_for_records(4)
        outputs = [self.gateway.request("GET", path, admin=True)[2]
                   for path in ("/metrics", "/admin/status", "/admin/config")]
        outputs.append(self.gateway.request("GET", "/readyz")[2])
        self.gateway.stop()
        written = b"".join(path.read_bytes() for path in self.gateway.folder.rglob("*")
                           if path.is_file() and path != self.gateway.config)
        self.assertNotIn(CANARY.encode(), written + b"".join(outputs))

    @unittest.skipUnless(os.geteuid() == 0, "needs root to mount a small file system")
    def test_a_full_disk_under_the_trace_drops_records_not_requests(self):
        self.gateway.stop()
        folder = self.gateway.folder / "small"
        folder.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "none", folder]).returncode != 0:
            self.skipTest("mounting is not allowed here")
        gateway = Gateway(routes_config(self.upstream.port, ROUTES, f"trace: {{ folder: {folder} }}\n"))
        try:
            for _ in range(300):
                self.assertEqual(gateway.chat("fine")[0], 200)
            self.assertEqual(gateway.chat("fine")[0], 200)
            until = time.monotonic() + 3
            while "No space left" not in gateway.stderr() and time.monotonic() < until:
                time.sleep(0.05)
            self.assertIn("No space left", gateway.stderr())
            self.assertRegex(gateway.stderr(), r"cannot be written: .* \([1-9]\d* wait, \d+ dropped\)")
            gateway.stop()
            self.assertRegex(gateway.stderr(), r"[1-9]\d* decision records are lost")
        finally:
            gateway.close()
            subprocess.run(["umount", folder])

    def test_a_client_that_goes_away_is_billed_what_it_used(self):
        gateway = Gateway(routes_config(self.upstream.port, {"slow": ["drip-50"]}))
        try:
            body = json.dumps({"model": "slow", "stream": True, "messages": [{"role": "user", "content": "x" * 4000}]})
            with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as client:
                client.sendall(f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n"
                               f"\r\n{body}".encode())
                got = b""
                while got.count(b"piece") < 8:
                    got += client.recv(4096)
            until = time.monotonic() + 5
            while not gateway.records()[0] and time.monotonic() < until:
                time.sleep(0.02)
            outcome = gateway.records()[0][0]["outcome"]
            self.assertEqual((outcome["finish"], outcome["failure"]), ("cancelled", "cancelled"), outcome)
            self.assertTrue(outcome["usage_estimated"], outcome)
            self.assertGreater(outcome["input_tokens"], 300)
            self.assertTrue(10 <= outcome["output_tokens"] <= 40, outcome)
            # At 1 and 2 USD for a million tokens.
            self.assertEqual(outcome["cost_nanodollars"],
                             1000 * outcome["input_tokens"] + 2000 * outcome["output_tokens"])
        finally:
            gateway.close()

    def test_a_stream_that_says_nothing_is_left_at_the_limit_for_its_first_token(self):
        config = routes_config(self.upstream.port, {"mute": ["silent", "ok"]})
        gateway = Gateway(config.replace("idle_ms: 400, total_ms: 5000", "idle_ms: 60000, total_ms: 90000"))
        try:
            status, _, data = gateway.chat("mute", stream=True)
            self.assertEqual(status, 200)
            self.assertEqual(frames(data)[-1], "[DONE]")
            gateway.stop()
            records, _ = gateway.records()
            attempts = records[0]["outcome"]["attempts"]
            self.assertEqual([attempt["target"] for attempt in attempts], ["t-silent", "t-ok"], attempts)
        finally:
            gateway.close()

    def test_a_stop_is_quick_when_idle_and_waits_for_streams(self):
        begun = time.monotonic()
        self.assertEqual(self.gateway.stop(), 0)
        self.assertLess(time.monotonic() - begun, 5)


if __name__ == "__main__":
    unittest.main(verbosity=2)
