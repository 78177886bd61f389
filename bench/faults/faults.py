#!/usr/bin/env python3
"""Many requests through upstreams that die, drip, limit and lie; then what is left behind. See README.md here."""
import argparse
import asyncio
import collections
import json
import os
import random
import sys
import time
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SOURCE / "tests/e2e"))

CONFIG = """
limits: {{ idle_timeout: 2s }}
providers:
  dying:
    base_url: 'http://127.0.0.1:{dying}/v1'
    timeouts: {{ connect_ms: 500, first_byte_ms: 1500, idle_ms: 1500 }}
  dripping:
    base_url: 'http://127.0.0.1:{dripping}/v1'
    timeouts: {{ connect_ms: 500, first_byte_ms: 1500, idle_ms: 1500 }}
  lying:
    base_url: 'http://127.0.0.1:{lying}/v1'
    timeouts: {{ connect_ms: 500, first_byte_ms: 1500, idle_ms: 1500 }}
models:
  - {{ name: dies, provider: dying, id: ok-10, price: {{ input: 1, output: 1 }} }}
  - {{ name: dies-slowly, provider: dying, id: slow-50, price: {{ input: 1, output: 1 }} }}
  - {{ name: drips, provider: dripping, id: drip-5, price: {{ input: 1, output: 1 }}, concurrency: 150, queue: 1000 }}
  - {{ name: limits, provider: lying, id: status-429-later, price: {{ input: 1, output: 1 }} }}
  - {{ name: lies, provider: lying, id: error-in-200, price: {{ input: 1, output: 1 }} }}
  - {{ name: breaks, provider: lying, id: cut-after, price: {{ input: 1, output: 1 }} }}
routes:
  - {{ name: falls-back, targets: [limits, lies, dies, drips] }}
  - {{ name: dies-first, targets: [dies, drips] }}
  - {{ name: slow-first, targets: [dies-slowly, drips] }}
  - {{ name: only-drips, targets: [drips] }}
  - {{ name: breaks-late, targets: [breaks] }}
  - {{ name: never, targets: [limits, lies] }}
"""
ROUTES = ["falls-back"] * 4 + ["dies-first"] * 3 + ["slow-first"] * 2 + ["only-drips"] + ["breaks-late"] + ["never"]
PROTOCOLS = ["/v1/chat/completions", "/v1/messages", "/v1/responses"]


def body_of(path, route, number, stream):
    text = f"request {number}: hello"
    if path == "/v1/responses":
        return {"model": route, "input": text, "stream": stream}
    body = {"model": route, "messages": [{"role": "user", "content": text}], "stream": stream}
    if path == "/v1/messages":
        body["max_tokens"] = 100
    return body


def well_formed(path, status, stream, data):
    """Whether a client of the protocol can read this as an answer, or as an error."""
    text = data.decode()
    if status != 200:
        error = json.loads(text).get("error", {})
        return isinstance(error.get("message"), str) and isinstance(error.get("type"), str), "error"
    if not stream:
        return isinstance(json.loads(text), dict), "answer"
    frames = [line[6:] for line in text.split("\n") if line.startswith("data: ")]
    if not text.endswith("\n\n") or not frames:
        return False, "cut"
    last = frames[-1]
    if last == "[DONE]":
        return True, "answer"
    kind = json.loads(last).get("type", "")
    if kind in ("message_stop", "response.completed", "response.incomplete"):
        return True, "answer"
    failed = "error" in json.loads(last) or kind in ("error", "response.failed")
    return failed, "error after content" if failed else "cut"


class Client:
    def __init__(self, port, seed):
        self.port, self.random = port, random.Random(seed)
        self.counts = collections.Counter()
        self.sent = 0
        self.bad = []

    async def request(self, number, paths):
        path, route = self.random.choice(paths), self.random.choice(ROUTES)
        stream = self.random.random() < 0.6
        leaves = self.random.random() < 0.1
        body = json.dumps(body_of(path, route, number, stream)).encode()
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError as problem:
            self.bad.append(f"no connection: {problem}")
            return
        self.sent += 1
        try:
            writer.write(f"POST {path} HTTP/1.1\r\nhost: gateway\r\ncontent-type: application/json\r\n"
                         f"connection: close\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)
            await writer.drain()
            if leaves:
                self.counts["went away"] += 1
                await asyncio.wait_for(reader.read(200), self.random.uniform(0, 0.1))
                return
            await self.read(reader, path, stream)
        except asyncio.TimeoutError:
            if not leaves:
                self.bad.append(f"{path} {route}: no answer within a minute")
        except (OSError, ValueError, asyncio.IncompleteReadError) as problem:
            self.bad.append(f"{path} {route}: {type(problem).__name__} {problem}")
        finally:
            writer.transport.abort()

    async def read(self, reader, path, stream):
        data = await asyncio.wait_for(reader.read(-1), 60)
        head, _, rest = data.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        status = int(lines[0].split(" ")[1])
        headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:])}
        if headers.get("transfer-encoding") == "chunked":
            rest = unchunk(rest)
        good, kind = well_formed(path, status, stream, rest)
        self.counts[kind if good else "malformed"] += 1
        if not good:
            self.bad.append(f"{path} {status}: {rest[-200:]!r}")


def unchunk(data):
    out = b""
    while data:
        size, _, data = data.partition(b"\r\n")
        size = int(size, 16)
        if size == 0:
            return out
        out, data = out + data[:size], data[size + 2:]
    raise ValueError("the chunked body has no end")


async def run(client, first, count, concurrent, paths, at_half):
    numbers = iter(range(first, first + count))

    async def worker():
        for number in numbers:
            if number == first + count // 3:
                at_half()
            await client.request(number, paths)

    await asyncio.gather(*(worker() for _ in range(concurrent)))


def resident(pid):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def settled(gateway, seconds):
    """Waits until idle connections are closed and memory has been given back."""
    until = time.monotonic() + seconds
    while time.monotonic() < until and gateway.metric("thalamus_requests_in_flight") > 0:
        time.sleep(0.2)
    time.sleep(min(seconds, 35))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=Path, default=SOURCE / "build/release")
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--concurrent", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    os.environ["THALAMUS_BUILD"] = str(arguments.build.resolve())
    import rig  # reads THALAMUS_BUILD

    upstreams = [rig.Upstream() for _ in range(3)]
    ports = dict(zip(("dying", "dripping", "lying"), (u.port for u in upstreams)))
    gateway = rig.Gateway(CONFIG.format(**ports))
    paths = [p for p in PROTOCOLS if gateway.request("POST", p, b"{}")[0] != 404]
    known = len(gateway.records()[0])
    pid = gateway.process.pid
    asyncio.run(run(Client(gateway.port, 0), 0, arguments.requests, arguments.concurrent, paths, lambda: None))
    settled(gateway, 40)
    before = {"descriptors": descriptors(pid), "memory_mib": resident(pid), "records": len(gateway.records()[0])}
    client = Client(gateway.port, arguments.seed)
    begun = time.monotonic()
    asyncio.run(run(client, 10**6, arguments.requests, arguments.concurrent, paths, upstreams[0].close))
    seconds = time.monotonic() - begun
    settled(gateway, 40)
    records = gateway.records()[0]
    identifiers = [record["decision_id"] for record in records]
    after = {"descriptors": descriptors(pid), "memory_mib": resident(pid), "records": len(records)}
    in_flight = gateway.metric("thalamus_requests_in_flight") + gateway.metric("thalamus_replica_in_flight")
    ends = after["records"] - before["records"]
    answered = sum(client.counts[k] for k in ("answer", "error", "error after content"))
    stayed = client.sent - client.counts["went away"]
    growth = after["memory_mib"] / before["memory_mib"] - 1
    # A client that goes away before its request was read whole leaves no record: nothing was decided.
    lines = [
        ("requests sent", client.sent, client.sent == arguments.requests),
        ("ends in the trace", ends, stayed <= ends <= client.sent and len(set(identifiers)) == len(identifiers)),
        ("clients that stayed", stayed, True),
        ("answered or told in the protocol's form", answered, answered == stayed and not client.bad),
        ("descriptors before / after", f"{before['descriptors']} / {after['descriptors']}",
         after["descriptors"] <= before["descriptors"] + 2),
        ("requests and calls still in flight", int(in_flight), in_flight == 0),
        ("memory before / after, MiB", f"{before['memory_mib']:.1f} / {after['memory_mib']:.1f}", growth <= 0.10),
    ]
    gateway.close()
    for upstream in upstreams[1:]:
        upstream.close()
    if arguments.json:
        print(json.dumps({"lines": [(n, v, bool(h)) for n, v, h in lines], "kinds": client.counts, "seconds": seconds,
                          "protocols": paths, "first_problems": client.bad[:5], "known_before": known}))
    else:
        print(f"{arguments.requests} requests, {arguments.concurrent} at a time, {len(paths)} protocols, "
              f"{seconds:.0f} s; " + ", ".join(f"{v} {k}" for k, v in sorted(client.counts.items())))
        print("| | | holds |\n|---|---|---|")
        for name, value, holds in lines:
            print(f"| {name} | {value} | {'yes' if holds else '**no**'} |")
        for problem in client.bad[:5]:
            print("problem: " + problem)
    sys.exit(0 if all(holds for _, _, holds in lines) else 1)


if __name__ == "__main__":
    main()
