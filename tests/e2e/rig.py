"""Starts the real executables for end-to-end tests: gateways with a configuration written here, scripted upstreams."""

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("THALAMUS_BUILD", SOURCE / "build/release"))
THALAMUS = BUILD / "thalamus"
UPSTREAM = BUILD / "scripted-upstream"
CANARY = "sk-canary-0123456789abcdef"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Upstream:
    """One scripted upstream; the model's name commands what it does."""

    def __init__(self):
        self.process = subprocess.Popen([UPSTREAM, "0"], stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


class Gateway:
    """A gateway in a folder of its own. `config` is YAML text; LISTEN, ADMIN and FOLDER are filled in."""

    def __init__(self, config, arguments=(), wait=True, environment=None):
        self.folder = Path(tempfile.mkdtemp(prefix="thalamus-e2e-"))
        self.config = self.folder / "gateway.yaml"
        head = "version: 1\nlisten: 127.0.0.1:0\nadmin: 127.0.0.1:0\n"
        text = config if "version:" in config else head + config
        self.config.write_text(text.replace("FOLDER", str(self.folder)))
        self.output = open(self.folder / "stdout", "w+")
        self.errors = open(self.folder / "stderr", "w+")
        self.process = subprocess.Popen(
            [THALAMUS, "serve", "--config", self.config, "--state", self.folder / "state", *arguments],
            stdout=self.output, stderr=self.errors, env={**os.environ, **(environment or {})})
        self.port = self.admin = None
        if wait:
            self._wait_listening()

    def _wait_listening(self):
        until = time.monotonic() + 20
        while time.monotonic() < until:
            found = re.search(r"listens on https?://127.0.0.1:(\d+)/v1 \(admin http://127.0.0.1:(\d+)\)", self.stdout())
            if found:
                self.port, self.admin = int(found.group(1)), int(found.group(2))
                return
            if self.process.poll() is not None:
                raise RuntimeError(f"the gateway ended with {self.process.returncode}: {self.stderr()}")
            time.sleep(0.02)
        raise RuntimeError("the gateway did not start listening: " + self.stderr())

    def stdout(self):
        return (self.folder / "stdout").read_text()

    def stderr(self):
        return (self.folder / "stderr").read_text()

    @property
    def base_url(self):
        return f"http://127.0.0.1:{self.port}/v1"

    def request(self, method, path, body=None, headers=None, admin=False, timeout=20):
        connection = http.client.HTTPConnection("127.0.0.1", self.admin if admin else self.port, timeout=timeout)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            answer = connection.getresponse()
            data = answer.read()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, data
        finally:
            connection.close()

    def chat(self, model, content="hello there, friend", headers=None, **fields):
        body = {"model": model, "messages": [{"role": "user", "content": content}], **fields}
        return self.request("POST", "/v1/chat/completions", json.dumps(body),
                            {"content-type": "application/json", **(headers or {})})

    def metric(self, name):
        text = self.request("GET", "/metrics", admin=True)[2].decode()
        return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines()
                   if line.startswith(name) and not line.startswith("#"))

    def records(self):
        run = subprocess.run([THALAMUS, "trace", "list", "--folder", self.folder / "state/trace", "--limit", "100000",
                              "--json"], capture_output=True, text=True)
        return [json.loads(line) for line in run.stdout.splitlines()], run.stderr

    def stop(self, sig=signal.SIGTERM, timeout=10):
        if self.process.poll() is None:
            self.process.send_signal(sig)
        return self.process.wait(timeout)

    def close(self, keep=False):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.output.close()
        self.errors.close()
        if not keep:
            shutil.rmtree(self.folder, ignore_errors=True)


def frames(data):
    """The data of each SSE event of a whole stream."""
    return [event[len("data: "):] for event in data.decode().split("\n\n") if event.startswith("data: ")]


def routes_config(upstream_port, routes, extra=""):
    """One target for each command, and one route for each list of commands. Timeouts are short."""
    commands = sorted({command for targets in routes.values() for command in targets})
    lines = [
        "providers:",
        f"  scripted: {{ base_url: 'http://127.0.0.1:{upstream_port}/v1', key: {CANARY}, "
        "timeouts: { connect_ms: 500, first_byte_ms: 400, idle_ms: 400, total_ms: 5000 } }",
        f"  absent: {{ base_url: 'http://127.0.0.1:{free_port()}/v1', timeouts: {{ connect_ms: 300 }} }}",
        "models:",
    ]
    for command in commands:
        provider = "absent" if command == "absent" else "scripted"
        lines.append(f"  - {{ name: t-{command}, provider: {provider}, id: {command}, "
                     "price: { input: 1, output: 2 } }")
    lines += ["  - { name: calculator, tool: arithmetic }", "routes:"]
    for name, targets in routes.items():
        lines.append(f"  - {{ name: {name}, targets: [{', '.join('t-' + t for t in targets)}] }}")
    lines.append("  - { name: with-tool, targets: [calculator, t-%s] }" % commands[0])
    return "\n".join(lines) + "\n" + extra
