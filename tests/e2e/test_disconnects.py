#!/usr/bin/env python3
"""A client that disconnects takes its upstream call with it: how soon, and what the metrics and the record say."""

import http.client
import json
import socket
import statistics
import sys
import time
import unittest

from rig import Gateway, Upstream, routes_config

CLIENTS = 40
NEXT_PIECE_MS = 3000  # the upstream's own next word; without a cancellation its connection would stay until then


class Disconnects(unittest.TestCase):
    def setUp(self):
        self.upstream = Upstream()
        drip, slow = f"drip-{NEXT_PIECE_MS}", f"slow-{NEXT_PIECE_MS}"
        text = routes_config(self.upstream.port, {"drips": [drip], "waits": [slow]})
        self.gateway = Gateway(text.replace("first_byte_ms: 400, idle_ms: 400, total_ms: 5000",
                                            "first_byte_ms: 60000, idle_ms: 60000, total_ms: 60000"))

    def tearDown(self):
        self.gateway.close()
        self.upstream.close()

    def ask(self, model, name, stream):
        body = json.dumps({"model": model, "stream": stream,
                           "messages": [{"role": "user", "content": name}]}).encode()
        client = socket.create_connection(("127.0.0.1", self.gateway.port), timeout=30)
        client.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nhost: gateway\r\ncontent-type: application/json\r\n"
                       b"content-length: %d\r\n\r\n" % len(body) + body)
        return client

    def wait_for(self, what, condition):
        until = time.monotonic() + 20
        while not condition():
            self.assertLess(time.monotonic(), until, what)
            time.sleep(0.01)

    def gone(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.upstream.port, timeout=10)
        connection.request("GET", "/gone")
        said = json.loads(connection.getresponse().read())["gone"]
        connection.close()
        return {entry["text"]: entry["at_ns"] for entry in said}

    def in_flight(self):
        return self.gateway.metric("thalamus_replica_in_flight")

    def disconnect(self, kind, model, stream, after=b""):
        """Each client leaves once it has read `after`; its upstream connection must close with it."""
        clients = {f"{kind} {i}": self.ask(model, f"{kind} {i}", stream) for i in range(CLIENTS)}
        self.wait_for("the calls are under way", lambda: self.in_flight() == CLIENTS)
        for client in clients.values():
            seen = b""
            while after not in seen:
                seen += client.recv(4096)
        left = {}
        for name, client in clients.items():
            left[name] = time.monotonic_ns()
            client.close()
            time.sleep(0.005)  # one at a time, as clients leave; all at once would measure the queue
        self.wait_for("every upstream connection is closed", lambda: len(self.gone()) >= CLIENTS)
        delays = sorted((at - left[name]) / 1e6 for name, at in self.gone().items() if name in left)
        print(f"{kind}: {len(delays)} disconnects, upstream connection closed after p50 "
              f"{statistics.median(delays):.2f} ms, max {delays[-1]:.2f} ms", file=sys.stderr)
        self.assertEqual(len(delays), CLIENTS)
        self.assertGreaterEqual(delays[0], 0)
        self.assertLess(delays[-1], NEXT_PIECE_MS / 2, "cancelled, not noticed at the upstream's next word")

    def check_told(self, target):
        self.wait_for("nothing is in flight", lambda: self.in_flight() == 0 and
                      self.gateway.metric("thalamus_requests_in_flight") == 0)
        self.assertEqual(self.gateway.metric('thalamus_target_calls_total{target="%s",result="cancelled"}' % target),
                         CLIENTS)
        self.assertEqual(self.gateway.metric("thalamus_replica_faults_total"), 0, "the upstream is not to blame")
        self.wait_for("each has its record", lambda: len(self.gateway.records()[0]) == CLIENTS)
        for record in self.gateway.records()[0]:
            self.assertEqual(record["outcome"]["failure"], "cancelled")

    def test_a_stream(self):
        self.disconnect("streaming", "drips", True, b"piece 0")
        self.check_told(f"t-drip-{NEXT_PIECE_MS}")

    def test_a_buffered_answer(self):
        self.disconnect("buffered", "waits", False)
        self.check_told(f"t-slow-{NEXT_PIECE_MS}")

    def test_a_stream_before_its_first_content(self):
        self.disconnect("streaming, before content", "waits", True)
        self.check_told(f"t-slow-{NEXT_PIECE_MS}")


if __name__ == "__main__":
    unittest.main(verbosity=2)
