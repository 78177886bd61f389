#!/usr/bin/env python3
"""What the gateway adds to a call: the same requests go to a scripted upstream directly, through nginx as a plain proxy
and through the gateway (one thread, routing and records on), in interleaved rounds. The scripted upstream answers at
once, so what is seen is the proxies. Prints a table of medians over the rounds; --out FILE writes every round as JSON.

    python3 bench/overhead.py --build build/release [--rounds 5] [--requests 20000] [--out FILE] [--gate]

Exit codes: 0 measured, 1 with --gate when the gateway's CPU a buffered request exceeds CPU_RATIO_MAX times nginx's,
2 usage, 3 something is missing or does not start."""

import argparse
import json
import os
import platform
import random
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CPU_RATIO_MAX = 3.0
BODY_BYTES = 2048
START_S_MAX = 20
PATHS = ("direct", "nginx", "gateway")
# Name, what it is, route (its model on the upstream), streamed, connections, share of --requests.
LOADS = (
    ("buffered", "2 KB request, buffered, 8 connections", "ok", False, 8, 1.0),
    ("single", "2 KB request, buffered, 1 connection", "ok", False, 1, 0.25),
    ("stream", "2 KB request, stream of 50 chunks, 8 connections", "ok-50", True, 8, 0.25),
)

NGINX = """worker_processes 1;
daemon off;
{user}
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections 512; }}
http {{
  access_log off;
  keepalive_requests 100000000;
  client_body_buffer_size 64k;
  tcp_nodelay on;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  upstream scripted {{
    server 127.0.0.1:{upstream};
    keepalive 64;
    keepalive_requests 100000000;
  }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://scripted;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
    }}
  }}
}}
"""

GATEWAY = """version: 1
listen: 127.0.0.1:0
admin: 127.0.0.1:0
threads: 1
providers:
  scripted: {{ base_url: 'http://127.0.0.1:{upstream}/v1', key: sk-bench }}
models:
{models}
routes:
{routes}
"""


class Missing(Exception):
    """Something outside the benchmark is missing or does not start."""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(condition, process, what, errors):
    until = time.monotonic() + START_S_MAX
    while time.monotonic() < until:
        value = condition()
        if value:
            return value
        if process.poll() is not None:
            raise Missing(f"{what} ended with {process.returncode}: {errors()}")
        time.sleep(0.02)
    raise Missing(f"{what} did not start within {START_S_MAX} s: {errors()}")


def connects(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False


class Server:
    """A process of the benchmark, its port and the CPU it has used."""

    def __init__(self, name, command, folder):
        self.name = name
        self.folder = folder
        self.output = folder / f"{name}.out"
        self.errors = folder / f"{name}.err"
        with open(self.output, "w") as out, open(self.errors, "w") as err:
            self.process = subprocess.Popen([str(part) for part in command], stdout=out, stderr=err)
        self.port = None

    def said(self):
        return self.errors.read_text()

    def wait_output(self, pattern):
        found = wait_for(lambda: re.search(pattern, self.output.read_text()), self.process, self.name, self.said)
        self.port = int(found.group(1))

    def wait_port(self, port):
        wait_for(lambda: connects(port), self.process, self.name, self.said)
        self.port = port

    def cpu_seconds(self):
        return sum(cpu_seconds(pid) for pid in family(self.process.pid))

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def family(pid):
    """The process and its descendants."""
    pids = [pid]
    for known in pids:
        for task in Path(f"/proc/{known}/task").iterdir():
            pids += [int(child) for child in (task / "children").read_text().split()]
    return pids


def cpu_seconds(pid):
    """User and system time of a process's threads. The scheduler's own count is in nanoseconds; where the kernel does
    not keep it, the clock ticks of /proc/PID/stat do."""
    try:
        threads = Path(f"/proc/{pid}/task").iterdir()
        return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9
    except FileNotFoundError:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def start_upstream(build, folder):
    server = Server("upstream", [build / "scripted-upstream", "0"], folder)
    server.wait_output(r"^(\d+)\n")
    return server


def nginx_binary():
    binary = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if binary is None:
        raise Missing("nginx is not installed; tools/setup.sh --for bench installs it")
    return binary


def start_nginx(folder, upstream):
    port = free_port()
    user = "user root;" if os.geteuid() == 0 else ""
    config = folder / "nginx.conf"
    config.write_text(NGINX.format(folder=folder, upstream=upstream, port=port, user=user))
    server = Server("nginx", [nginx_binary(), "-c", config, "-p", folder, "-e", folder / "nginx.start"], folder)
    server.wait_port(port)
    return server


def write_table(path, models, seed=11, rows=400):
    """Synthetic outcomes: the dear model is good at everything, the cheap one at short questions about words."""
    rng = random.Random(seed)
    words = {"words": ["spell", "rhyme", "translate", "shorten"], "sums": ["prove", "integral", "matrix", "solve"]}
    with open(path, "w") as f:
        for i in range(rows):
            task = rng.choice(sorted(words))
            prompt = " ".join(rng.choice(words[task]) for _ in range(rng.randrange(3, 40)))
            good = {models[0]: 0.9 if task == "words" else 0.3, models[1]: 0.92}
            outcomes = {
                model: {"quality": float(rng.random() < good[model]), "cost": 1e-4 if model == models[0] else 5e-3,
                        "input_tokens": 20, "output_tokens": 30, "latency_s": 0.5 if model == models[0] else 2.0}
                for model in models}
            f.write(json.dumps({"id": f"r{i}", "task": task, "prompt": prompt, "outcomes": outcomes}) + "\n")


def train(build, folder, route, models, method):
    table, snapshot = folder / f"{route}.jsonl", folder / f"{route}.snapshot"
    write_table(table, models)
    command = [build / "thalamus", "train", "--data", table, "--method", method, "--out", snapshot, "--quiet",
               "--json"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise Missing(f"training failed: {done.stderr}")
    return snapshot, json.loads(done.stdout)["method"]


def start_gateway(build, folder, upstream, method, wrapper=()):
    """The gateway with one route for each load's model; `wrapper` is a command that runs it, valgrind say."""
    models, routes = [], []
    for route in dict.fromkeys(load[2] for load in LOADS):
        names = [f"cheap-{route}", f"dear-{route}"]
        snapshot, chosen = train(build, folder, route, names, method)
        for name, price in zip(names, ("{ input: 0.15, output: 0.60 }", "{ input: 2.50, output: 10.00 }")):
            models.append(f"  - {{ name: {name}, provider: scripted, id: {route}, price: {price} }}")
        routes.append(f"  - {{ name: {route}, targets: [{', '.join(names)}], router: {{ snapshot: '{snapshot}' }} }}")
    config = folder / "gateway.yaml"
    config.write_text(GATEWAY.format(upstream=upstream, models="\n".join(models), routes="\n".join(routes)))
    command = [*wrapper, build / "thalamus", "serve", "--config", config, "--state", folder / "state"]
    server = Server("gateway", command, folder)
    server.wait_output(r"listens on http://127.0.0.1:(\d+)/v1")
    return server, chosen


def write_body(folder, route, stream):
    """A chat request of BODY_BYTES bytes: a system message, two earlier turns and a question."""
    rng = random.Random(3)
    words = "the of a report on river water and its uses in towns with many old mills near the northern coast".split()
    question = "Solve this for me and prove each step: "
    body = {"model": route, "stream": stream, "temperature": 0.2, "max_tokens": 200, "messages": [
        {"role": "system", "content": "You are a careful assistant. Answer in plain words."},
        {"role": "user", "content": "Which rivers are meant?"},
        {"role": "assistant", "content": "The two that the report names."},
        {"role": "user", "content": question}]}
    while len(json.dumps(body)) < BODY_BYTES:
        body["messages"][-1]["content"] += rng.choice(words) + " "
    body["messages"][-1]["content"] = body["messages"][-1]["content"][:BODY_BYTES - len(json.dumps(body))]
    path = folder / f"{route}-{'stream' if stream else 'buffered'}.json"
    path.write_text(json.dumps(body))
    return path


def warm_up(requests):
    """Requests sent before those that are measured: connections to the upstream, caches."""
    return max(requests // 20, 20)


def requests_of(requests):
    """What `drive` sends in all."""
    return requests + warm_up(requests)


def drive(build, server, body, load, requests):
    """One measurement: what the driver saw, and the CPU the server used meanwhile."""
    command = [build / "load-driver", "--url", f"127.0.0.1:{server.port}", "--body-file", body,
               "--connections", str(load[4]), *(["--stream"] if load[3] else [])]

    def send(count):
        done = subprocess.run([*command, "--requests", str(count)], capture_output=True, text=True)
        if done.returncode != 0:
            raise Missing(f"{load[0]} through {server.name} failed: {done.stderr}{done.stdout}{server.said()}")
        return json.loads(done.stdout)

    send(warm_up(requests))
    before = server.cpu_seconds()
    seen = send(requests)
    seen["cpu_us"] = (server.cpu_seconds() - before) / seen["requests"] * 1e6
    return seen


def measure(build, servers, bodies, rounds, requests):
    """For each load and path the measurements of all rounds; the order of the paths turns from round to round."""
    results = {load[0]: {path: [] for path in PATHS} for load in LOADS}
    for number in range(rounds):
        for load in LOADS:
            turn = number % len(PATHS)
            for path in PATHS[turn:] + PATHS[:turn]:
                count = max(int(requests * load[5]), load[4])
                results[load[0]][path].append(drive(build, servers[path], bodies[load[0]], load, count))
        print(f"round {number + 1} of {rounds}", file=sys.stderr)
    return results


def median(rounds, key):
    return statistics.median(one[key] for one in rounds)


def summarise(results):
    """Medians over the rounds; what is added and the ratio are taken inside each round first."""
    summary = {}
    for name, paths in results.items():
        summary[name] = {}
        for path, rounds in paths.items():
            row = {key: median(rounds, key) for key in ("p50_us", "p99_us", "p999_us", "rps", "cpu_us")}
            for key in ("p50_us", "p99_us"):
                row["added_" + key] = statistics.median(a[key] - b[key] for a, b in zip(rounds, paths["direct"]))
            ratios = [a["cpu_us"] / b["cpu_us"] for a, b in zip(rounds, paths["nginx"])]
            row["cpu_ratio_nginx"] = statistics.median(ratios)
            row["cpu_ratio_nginx_range"] = [min(ratios), max(ratios)]
            if "first_byte" in rounds[0]:
                row["first_byte_p50_us"] = statistics.median(one["first_byte"]["p50_us"] for one in rounds)
            summary[name][path] = row
    return summary


def table(summary):
    lines = []
    head = f"  {'':8}{'req/s':>8}{'p50 us':>9}{'p99 us':>9}{'added p50':>11}{'added p99':>11}"
    head += f"{'CPU s/1000':>12}{'x nginx':>9}"
    for load in LOADS:
        lines += [load[1], head]
        for path in PATHS:
            row = summary[load[0]][path]
            line = f"  {path:8}{row['rps']:8.0f}{row['p50_us']:9.0f}{row['p99_us']:9.0f}"
            if path != "direct":
                line += f"{row['added_p50_us']:11.0f}{row['added_p99_us']:11.0f}{row['cpu_us'] / 1000:12.4f}"
            if path == "gateway":
                low, high = row["cpu_ratio_nginx_range"]
                line += f"{row['cpu_ratio_nginx']:9.2f}  ({low:.2f} to {high:.2f})"
            lines.append(line)
    return "\n".join(lines)


def machine():
    found = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    model = found.group(1).strip() if found else platform.machine()
    return f"{model}, {os.cpu_count()} cores, Linux {platform.release()}"


def versions(build):
    nginx = subprocess.run([nginx_binary(), "-v"], capture_output=True, text=True)
    return {"nginx": nginx.stderr.strip().removeprefix("nginx version: "),
            "thalamus_bytes": os.path.getsize(build / "thalamus")}


def arguments():
    parser = argparse.ArgumentParser(description="The gateway's overhead against a direct call and nginx.")
    parser.add_argument("--build", type=Path, required=True, help="with thalamus, scripted-upstream, load-driver")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=20000, help="of the buffered load, each round and path")
    parser.add_argument("--method", default="auto", help="what `thalamus train` learns the two snapshots by")
    parser.add_argument("--out", type=Path, help="file for every round's figures as JSON")
    parser.add_argument("--gate", action="store_true", help=f"fail above {CPU_RATIO_MAX} times nginx's CPU a request")
    parsed = parser.parse_args()
    if parsed.rounds < 1 or not 100 <= parsed.requests <= 1_000_000:
        parser.error("--rounds must be at least 1, --requests from 100 to 1000000")
    return parsed


def run(options, folder, servers):
    build = options.build.resolve()
    for name in ("thalamus", "scripted-upstream", "load-driver"):
        if not (build / name).exists():
            raise Missing(f"{build / name} is not there; `make bench` builds it")
    servers["direct"] = start_upstream(build, folder)
    servers["nginx"] = start_nginx(folder, servers["direct"].port)
    servers["gateway"], chosen = start_gateway(build, folder, servers["direct"].port, options.method)
    bodies = {load[0]: write_body(folder, load[2], load[3]) for load in LOADS}
    began = os.getloadavg()[0]
    results = measure(build, servers, bodies, options.rounds, options.requests)
    summary = summarise(results)
    about = {"machine": machine(), "versions": versions(build), "rounds": options.rounds, "requests": options.requests,
             "method": chosen, "load_average_before": began, "load_average_after": os.getloadavg()[0]}
    print(f"{about['machine']}; {about['versions']['nginx']}; load average {began:.1f} before, "
          f"{about['load_average_after']:.1f} after\nrouter: {chosen}; medians of {options.rounds} rounds; added: "
          f"over direct; CPU of the proxy alone, x nginx with its range over the rounds\n\n{table(summary)}")
    if options.out:
        options.out.write_text(json.dumps({**about, "summary": summary, "rounds_measured": results}, indent=1) + "\n")
    return summary["buffered"]["gateway"]["cpu_ratio_nginx"]


def main():
    options = arguments()
    folder = Path(tempfile.mkdtemp(prefix="thalamus-overhead-"))
    servers = {}
    try:
        ratio = run(options, folder, servers)
    except Missing as error:
        print(f"error: {error}", file=sys.stderr)
        return 3
    finally:
        for server in reversed(servers.values()):
            server.close()
        shutil.rmtree(folder, ignore_errors=True)
    if options.gate and ratio > CPU_RATIO_MAX:
        print(f"error: the gateway takes {ratio:.2f} times nginx's CPU, at most {CPU_RATIO_MAX}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
