#!/usr/bin/env python3
"""Servers that the gateway manages come, change and go while it runs: which processes there are, and that no request
notices."""

import json
import os
import signal
import threading
import time
import unittest
from pathlib import Path

from rig import UPSTREAM, Gateway, frames, free_port

HEAD = "version: 1\nlisten: 127.0.0.1:0\nadmin: 127.0.0.1:0\nthreads: 2\n"
TIMEOUTS = "timeouts: { connect_ms: 1000, first_byte_ms: 8000, idle_ms: 8000, total_ms: 20000 }"


def eventually(condition, what, seconds=20):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds} s: {what}")


def alive(process):
    return Path(f"/proc/{process}").exists()


class Server:
    """A provider with `spawn`; `mark` is an argument that the program does not read and that makes it another one."""

    def __init__(self, name, port=None, command=None, mark="one"):
        self.name, self.port, self.mark = name, port or free_port(), mark
        self.command = command or [str(UPSTREAM), str(self.port)]

    def changed(self, mark, port=None):
        return Server(self.name, port or self.port, None if port else self.command, mark)

    def yaml(self):
        return (f"  {self.name}: {{ base_url: 'http://127.0.0.1:{self.port}/v1', {TIMEOUTS}, "
                f"spawn: {json.dumps([*self.command, self.mark])} }}")


def text(servers, head=HEAD, more=""):
    """Route `auto` has every server's `ok`; a target NAME-COMMAND for what else a test asks of one."""
    lines = [head + "providers:", *(server.yaml() for server in servers), "models:"]
    for server in servers:
        lines += [f"  - {{ name: {server.name}-{command}, provider: {server.name}, id: {command} }}"
                  for command in ("ok", "drip-50", "slow-200", "stall")]
    targets = ", ".join(f"{server.name}-ok" for server in servers)
    return "\n".join([*lines, "routes:", f"  - {{ name: auto, targets: [{targets}] }}", more, ""])


class Load:
    """Clients that ask `auto` without pause, half of them for streams, until told to end."""

    def __init__(self, gateway, clients=4):
        self.gateway, self.ended, self.answers, self.failures = gateway, threading.Event(), 0, []
        self.threads = [threading.Thread(target=self._ask, args=(i % 2 == 0,)) for i in range(clients)]
        for thread in self.threads:
            thread.start()

    def _ask(self, stream):
        while not self.ended.is_set():
            try:
                status, _, data = self.gateway.chat("auto", stream=stream)
            except OSError as error:
                status, data = 0, str(error).encode()
            if status == 200 and (not stream or frames(data)[-1] == "[DONE]"):
                self.answers += 1
            else:
                self.failures.append((status, data))

    def more(self, count=40):
        seen = self.answers
        eventually(lambda: self.answers >= seen + count or self.failures, "more answers under load")

    def end(self):
        self.ended.set()
        for thread in self.threads:
            thread.join()


class ReloadOfManagedServers(unittest.TestCase):
    def setUp(self):
        self.a, self.b = Server("a"), Server("b")
        self.gateway = Gateway(text([self.a, self.b]))
        self.wait_healthy("a", "b")

    def tearDown(self):
        processes = self.processes() if self.gateway.process.poll() is None else []
        self.gateway.stop()
        self.gateway.close()
        for process in processes:
            self.assertFalse(alive(process), "a child outlives the gateway")

    def children(self):
        status = json.loads(self.gateway.request("GET", "/admin/status", admin=True)[2])
        return status["children"]

    def child(self, name, leaving=False):
        found = [c for c in self.children() if c["name"] == name and (c["state"] == "leaving") == leaving]
        return found[0] if found else None

    def wait_healthy(self, *names):
        eventually(lambda: all((self.child(name) or {}).get("state") == "healthy" for name in names), f"{names} are up")

    def processes(self):
        """Children of the gateway by the system's own count, whatever it says itself; zombies among them."""
        tasks = Path(f"/proc/{self.gateway.process.pid}/task")
        return sorted(int(pid) for task in tasks.iterdir() for pid in (task / "children").read_text().split())

    def wait_processes(self, *servers):
        expected = sorted(self.child(name)["process"] for name in servers)
        eventually(lambda: self.processes() == expected, f"only the processes of {servers}: {expected}")

    def write(self, *servers, **more):
        self.gateway.config.write_text(text(servers, **more))

    def post(self, *servers, **more):
        self.write(*servers, **more)
        status, _, data = self.gateway.request("POST", "/admin/reload", b"", admin=True)
        return status, json.loads(data)

    def hang_up(self, *servers, **more):
        before = self.gateway.stderr().count(" is in force: ")
        self.write(*servers, **more)
        self.gateway.process.send_signal(signal.SIGHUP)
        eventually(lambda: self.gateway.stderr().count(" is in force: ") > before, "the log says that it is in force")
        return 200, {}

    def under_load(self, reload):
        untouched = self.child("a")["process"]
        load = Load(self.gateway)
        try:
            load.more()
            c = Server("c")
            self.assertEqual(reload(self.a, self.b, c)[0], 200)
            self.wait_healthy("c")
            load.more()
            former = self.child("b")["process"]
            self.assertEqual(reload(self.a, self.b.changed("two"), c)[0], 200)
            self.wait_healthy("b")
            self.assertNotEqual(self.child("b")["process"], former)
            eventually(lambda: not alive(former), "the former b has ended")
            load.more()
            self.assertEqual(reload(self.a, self.b.changed("two"))[0], 200)
            self.wait_processes("a", "b")
            load.more()
            self.assertEqual(self.child("a")["process"], untouched)
            moved = self.a.changed("two", port=free_port())
            self.assertEqual(reload(moved, self.b.changed("two"))[0], 200)
            self.wait_healthy("a")
            load.more()
            eventually(lambda: not alive(untouched), "the former a has ended")
        finally:
            load.end()
        self.assertEqual(load.failures, [], "no request has failed")
        self.wait_processes("a", "b")
        self.assertEqual([child["restarts"] for child in self.children()], [0, 0])

    def test_servers_come_change_and_go_under_load_by_request(self):
        self.under_load(self.post)

    def test_servers_come_change_and_go_under_load_by_signal(self):
        self.under_load(self.hang_up)

    def test_what_is_in_flight_ends_at_the_server_it_began_with(self):
        former = self.child("b")["process"]
        answers = {}

        def ask(name, model, **fields):
            answers[name] = self.gateway.chat(model, **fields)
        asking = [threading.Thread(target=ask, args=("stream", "b-drip-50"), kwargs={"stream": True}),
                  threading.Thread(target=ask, args=("buffered", "b-slow-200"))]
        for thread in asking:
            thread.start()
        eventually(lambda: self.gateway.metric("thalamus_requests_in_flight") >= 2, "two in flight")
        self.assertEqual(self.post(self.a, self.b.changed("two"))[1]["changes"],
                         ["- server: b, when its requests in flight have ended", "+ server: b, which is started"])
        self.assertEqual(self.child("b", leaving=True)["process"], former)
        self.assertIn(f"waits for the end of process {former}", self.child("b")["error"])
        self.assertEqual(self.post(self.a)[0], 200)
        self.assertEqual(self.gateway.chat("b-ok")[0], 404)
        for thread in asking:
            thread.join()
        self.assertEqual(answers["buffered"][0], 200)
        self.assertEqual((answers["stream"][0], frames(answers["stream"][2])[-1]), (200, "[DONE]"))
        self.wait_processes("a")

    def test_the_shutdown_timeout_bounds_how_long_a_server_stays(self):
        former = self.child("b")["process"]
        answers = []
        asking = threading.Thread(target=lambda: answers.append(self.gateway.chat("b-stall")))
        asking.start()
        eventually(lambda: self.gateway.metric("thalamus_requests_in_flight") >= 1, "one in flight")
        self.assertEqual(self.post(self.a, head=HEAD + "limits: { shutdown_timeout: 200ms }\n")[0], 200)
        eventually(lambda: not alive(former), "b has ended")
        asking.join()
        self.assertGreaterEqual(answers[0][0], 500)
        self.assertIn("error", json.loads(answers[0][2]))

    def test_a_server_that_is_wanted_back_in_time_stays(self):
        process = self.child("b")["process"]
        asking = threading.Thread(target=lambda: self.gateway.chat("b-drip-50", stream=True))
        asking.start()
        eventually(lambda: self.gateway.metric("thalamus_requests_in_flight") >= 1, "one in flight")
        self.assertEqual(self.post(self.a)[0], 200)
        self.assertEqual(self.post(self.a, self.b)[0], 200)
        self.assertEqual(self.child("b")["process"], process)
        self.assertEqual(self.gateway.chat("b-ok")[0], 200, "it is up at once")
        asking.join()
        self.assertEqual(self.child("b")["process"], process)

    def test_a_bad_file_changes_no_process(self):
        before = self.processes()
        for more, status in (("nonsense: 1", 400), ("threads_of_execution: 1", 400)):
            self.assertEqual(self.post(self.a, Server("c"), more=more)[0], status)
        self.assertEqual(self.post(self.a, Server("c"), head=HEAD.replace("threads: 2", "threads: 3"))[0], 409)
        self.assertEqual(self.processes(), before)
        self.assertEqual(self.gateway.chat("b-ok")[0], 200)

    def test_a_server_that_does_not_start_is_a_target_that_is_down(self):
        broken = Server("c", command=["/no/such/program"])
        self.assertEqual(self.post(broken, self.a, self.b, more="  - { name: lone, targets: [c-ok] }")[0], 200)
        eventually(lambda: self.child("c")["state"] == "failed", "c has failed")
        self.assertIn("cannot start '/no/such/program'", self.child("c")["error"])
        status, _, data = self.gateway.request("GET", "/readyz")
        ready = json.loads(data)
        self.assertEqual((status, ready["routes"]["lone"]["up"], ready["routes"]["auto"]["up"]), (503, 0, 2))
        status, headers, _ = self.gateway.chat("auto")
        self.assertEqual((status, headers["x-thalamus-target"]), (200, "a-ok"), "the next target answers")
        self.assertEqual(self.gateway.metric('thalamus_target_up{target="c"}'), 0)
        mended = Server("c", port=broken.port)
        self.assertEqual(self.post(mended, self.a, self.b, more="  - { name: lone, targets: [c-ok] }")[0], 200)
        self.wait_healthy("c")
        self.assertEqual(self.gateway.chat("lone")[0], 200)
        self.assertEqual(self.gateway.request("GET", "/readyz")[0], 200)

    def test_reloads_that_follow_each_other_leave_a_starting_server_alone(self):
        late = Server("late")
        # It listens when the test says so.
        gate = self.gateway.folder / "gate"
        os.mkfifo(gate)
        late.command = ["sh", "-c", f"read go < {gate}; exec {UPSTREAM} {late.port}"]
        self.assertEqual(self.post(self.a, late)[0], 200)
        self.assertEqual(self.post(self.a, late, self.b)[0], 200)
        starting = self.child("late")
        self.assertEqual(starting["state"], "starting")
        self.assertEqual(self.hang_up(late, self.a)[0], 200)
        gate.write_text("go\n")
        self.wait_healthy("late")
        self.assertEqual(self.child("late")["process"], starting["process"])
        self.wait_processes("a", "late")

    def test_the_end_of_the_gateway_in_the_midst_of_a_change_leaves_no_process(self):
        asking = threading.Thread(target=lambda: self.gateway.chat("b-drip-50", stream=True))
        asking.start()
        eventually(lambda: self.gateway.metric("thalamus_requests_in_flight") >= 1, "one in flight")
        never = Server("never", command=["sh", "-c", "exec sleep 1000"])
        self.assertEqual(self.post(self.a, self.b.changed("two"), never)[0], 200)
        eventually(lambda: len(self.processes()) == 3, "a, the former b, never")
        processes = self.processes()
        self.write(self.a, Server("c"))
        self.gateway.process.send_signal(signal.SIGHUP)
        self.assertEqual(self.gateway.stop(timeout=20), 0)
        asking.join()
        eventually(lambda: not any(alive(process) for process in processes), "all have ended")

    def test_no_descriptor_is_left_of_servers_that_have_gone(self):
        def descriptors():
            return len(list(Path(f"/proc/{self.gateway.process.pid}/fd").iterdir()))
        guest = Server("guest")
        counts = []
        for _ in range(4):
            self.assertEqual(self.post(self.a, self.b, guest)[0], 200)
            self.wait_healthy("guest")
            self.assertEqual(self.post(self.a, self.b)[0], 200)
            self.wait_processes("a", "b")
            counts.append(descriptors())
        eventually(lambda: descriptors() <= counts[0], f"as many as after the first guest, {counts}")


if __name__ == "__main__":
    unittest.main()
