#!/usr/bin/env python3
"""docs/openapi.json against the running server: every path answers as described, and no path is missing from it."""

import json
import re
import unittest

from rig import CANARY, SOURCE, Gateway, Upstream, routes_config

DOCUMENT = json.loads((SOURCE / "docs/openapi.json").read_text())
# What the protocols' own documentation describes.
OF_PROTOCOLS = {"/v1/chat/completions", "/v1/messages", "/v1/messages/count_tokens", "/v1/responses", "/v1/embeddings",
                "/v1/models"}


def faults(value, schema, place="body"):
    """Where `value` is not of `schema`: the part of JSON Schema that the document uses."""
    types = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None), "integer": int,
             "number": (int, float)}
    wanted = schema.get("type", [])
    wanted = wanted if isinstance(wanted, list) else [wanted]
    fits = any(isinstance(value, types[t]) and not (isinstance(value, bool) and t in ("integer", "number"))
               for t in wanted)
    if wanted and not fits:
        return [f"{place}: {value!r} is not {wanted}"]
    if value not in schema.get("enum", [value]):
        return [f"{place}: {value!r} is none of {schema['enum']}"]
    found = []
    if isinstance(value, dict):
        properties, other = schema.get("properties", {}), schema.get("additionalProperties", True)
        found += [f"{place}: {name} is missing" for name in schema.get("required", []) if name not in value]
        for name, member in value.items():
            if name in properties:
                found += faults(member, properties[name], f"{place}.{name}")
            elif other is False:
                found.append(f"{place}: {name} is not described")
            elif isinstance(other, dict):
                found += faults(member, other, f"{place}.{name}")
    if isinstance(value, list) and "items" in schema:
        for i, item in enumerate(value):
            found += faults(item, schema["items"], f"{place}[{i}]")
    return found


class OpenApi(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.upstream = Upstream()
        cls.gateway = Gateway(routes_config(cls.upstream.port, {"one": ["ok", "status-503"]}))

    @classmethod
    def tearDownClass(cls):
        cls.gateway.close()
        cls.upstream.close()

    def check(self, method, path, expected, body=None, headers=None, gateway=None):
        described = DOCUMENT["paths"][path][method.lower()]
        admin = described["x-listener"] == "admin"
        status, answered, data = (gateway or self.gateway).request(method, path, body, headers, admin=admin)
        self.assertEqual(status, expected, data)
        self.assertIn(str(status), described["responses"], f"{method} {path}")
        content = described["responses"][str(status)]["content"]
        kind = answered["content-type"].split(";")[0]
        self.assertIn(kind, content)
        if kind == "application/json":
            self.assertEqual(faults(json.loads(data), content[kind]["schema"]), [])

    def test_answers_are_as_described(self):
        chat = json.dumps({"model": "one", "messages": [{"role": "user", "content": "hello"}]})
        self.check("POST", "/v1/decision", 200, chat)
        self.check("POST", "/v1/decision", 400, "{}")
        self.check("POST", "/v1/decision", 404, chat.replace('"one"', '"none"'))
        for path in ("/healthz", "/readyz", "/metrics", "/admin/status", "/admin/config"):
            self.check("GET", path, 200)
        self.check("POST", "/admin/reload", 200, b"")
        self.check("POST", "/admin/reload", 403, b"", {"origin": "http://example.org"})

    def test_who_is_asked_for_a_credential_is_as_described(self):
        keys = {"client": "sk-team-secret-key", "admin": CANARY}
        self.assertEqual(set(DOCUMENT["components"]["securitySchemes"]), set(keys))
        gateway = Gateway(f"admin_token: {keys['admin']}\n" + routes_config(
            self.upstream.port, {"one": ["ok"]}, f"keys:\n  - {{ name: team, key: {keys['client']} }}\n"))
        body = json.dumps({"model": "one", "messages": [{"role": "user", "content": "hello"}]})
        try:
            for path, methods in DOCUMENT["paths"].items():
                for method, described in methods.items():
                    with self.subTest(path=path):
                        schemes = [name for way in described.get("security", []) for name in way]
                        method, given = method.upper(), body if "requestBody" in described else None
                        self.check(method, path, 401 if schemes else 200, given, gateway=gateway)
                        self.assertEqual("401" in described["responses"], bool(schemes))
                        for name in schemes:
                            right = {"authorization": "Bearer " + keys[name]}
                            self.check(method, path, 200, given, right, gateway=gateway)
        finally:
            gateway.close()

    def test_a_reload_that_is_refused_is_as_described(self):
        gateway = Gateway(routes_config(self.upstream.port, {"one": ["ok"]}))
        text = gateway.config.read_text()
        try:
            for wrong, expected in (("models: none\n", 400), (text + "threads: 7\n", 409)):
                gateway.config.write_text(wrong)
                self.check("POST", "/admin/reload", expected, gateway=gateway)
            gateway.config.unlink()
            self.check("POST", "/admin/reload", 400, gateway=gateway)
        finally:
            gateway.close()

    def test_every_path_of_the_server_is_described(self):
        said = set()
        for admin in (False, True):
            status, _, data = self.gateway.request("GET", "/nothing/here", admin=admin)
            self.assertEqual(status, 404)
            said |= set(re.findall(r"(/[a-z0-9_/]+)", json.loads(data)["error"]["message"])) - {"/nothing/here"}
        described = set(DOCUMENT["paths"])
        self.assertEqual(said - described - OF_PROTOCOLS, set())
        self.assertEqual(described - said, set())


if __name__ == "__main__":
    unittest.main(verbosity=2)
