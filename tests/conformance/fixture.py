"""What the clients call: two gateways before one scripted upstream, and a target for each command and protocol.

A target is named COMMAND@PROTOCOL: the scripted upstream does what the command says and speaks that protocol, so the
name alone chooses the case and whether the gateway has to translate.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
from rig import Gateway, Upstream, free_port  # noqa: E402

UPSTREAMS = ("openai", "responses", "anthropic")
COMMANDS = ("ok", "ok-50", "echo", "tools", "reason", "refuse", "json", "length", "cached", "flaky-2", "slow-3000",
            "drip-50", "late-error", "cut-after", "status-400", "status-401", "status-404", "status-408", "status-413",
            "status-422", "status-429", "status-500", "status-503")
CLIENT_KEY = "conformance-key-1"
SMALL_BODY = 16384


def configuration(port):
    """The gateway neither retries nor remembers failures here: what the clients do about them is the question."""
    lines = ["providers:"]
    for protocol in UPSTREAMS:
        # As the providers' own addresses are written: Anthropic's carries the version in the path of each call.
        base = f"http://127.0.0.1:{port}" + ("" if protocol == "anthropic" else "/v1")
        lines.append(f"  {protocol}: {{ base_url: '{base}', format: {protocol}, "
                     "timeouts: { connect_ms: 1000, first_byte_ms: 8000, idle_ms: 8000, total_ms: 20000 }, "
                     "retries: { attempts_max: 1 }, endpoints: { breaker_failures: 0, ejection_failures: 0, "
                     "failure_share: 0, key_rest_ms: 1, key_rest_max_ms: 1 } }")
    lines.append(f"  absent: {{ base_url: 'http://127.0.0.1:{free_port()}/v1', timeouts: {{ connect_ms: 300 }} }}")
    lines.append("models:")
    for protocol in UPSTREAMS:
        for command in COMMANDS:
            lines.append(f"  - {{ name: '{command}@{protocol}', provider: {protocol}, id: {command}, "
                         "price: { input: 1, output: 2 }, abilities: { images: true, reasoning_effort: true } }")
        lines.append(f"  - {{ name: 'narrow@{protocol}', provider: {protocol}, id: ok, context: 128, "
                     "price: { input: 1, output: 2 } }")
    lines.append("  - { name: absent, provider: absent, price: { input: 1, output: 2 } }")
    lines.append("routes:")
    lines.append("  - { name: auto, targets: ['status-503@openai', 'ok@anthropic'] }")
    lines.append("  - { name: down, targets: [absent] }")
    for protocol in UPSTREAMS:
        lines.append(f"  - {{ name: 'strict@{protocol}', targets: ['echo@{protocol}'], strict: true }}")
    return "\n".join(lines) + "\n"


class Live:
    """One upstream; a gateway open to every key; a second one that knows one key and takes small bodies only."""

    def __init__(self):
        self.running = [Upstream()]
        try:
            text = configuration(self.running[0].port)
            self.gateway = self.start(text)
            self.guarded = self.start(text + f"keys: [{{ name: tests, key: {CLIENT_KEY} }}]\n"
                                      f"limits: {{ body_bytes: {SMALL_BODY} }}\n")
        except BaseException:
            self.close()
            raise

    def start(self, text):
        self.running.append(Gateway(text))
        return self.running[-1]

    def environment(self):
        """What the test programs read."""
        return {
            "CONFORMANCE_BASE": f"http://127.0.0.1:{self.gateway.port}",
            "CONFORMANCE_ADMIN": f"http://127.0.0.1:{self.gateway.admin}",
            "CONFORMANCE_GUARDED": f"http://127.0.0.1:{self.guarded.port}",
            "CONFORMANCE_KEY": CLIENT_KEY,
        }

    def close(self):
        for process in reversed(self.running):
            process.close()
