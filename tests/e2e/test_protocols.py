#!/usr/bin/env python3
"""Three protocols in, three out: what a client of each is told, whatever its target speaks. The official clients do the
same at length in tests/conformance; here the bytes themselves are looked at."""

import json
import unittest

import openai
from rig import Gateway, Upstream, frames, routes_config

SPOKEN = {"openai": "/v1", "anthropic": "", "responses": "/v1"}
COMMANDS = ["ok", "tools", "reason", "refuse", "json", "cached", "length", "error-in-200", "late-error", "status-429",
            "echo", "echo-headers"]


def config(port):
    lines = ["providers:"]
    for name, base in SPOKEN.items():
        lines.append(f"  {name}: {{ format: {name}, base_url: 'http://127.0.0.1:{port}{base}', "
                     "retries: { attempts_max: 1 } }")
    lines.append("models:")
    for name in SPOKEN:
        for command in COMMANDS:
            lines.append(f"  - {{ name: {name}-{command}, provider: {name}, id: {command}, "
                         "price: { input: 1, cached_input: 0.1, cache_write: 2, output: 10 }, "
                         "abilities: { reasoning_effort: true, images: true } }")
    lines.append("  - { name: vectors, provider: openai, id: ok, abilities: { embeddings: true } }")
    lines.append("routes:")
    lines.append("  - { name: mixed, targets: [openai-ok, vectors] }")
    lines.append("  - { name: strict, targets: [anthropic-ok], strict: true }")
    return "\n".join(lines) + "\n"


class Protocols(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.upstream = Upstream()
        cls.gateway = Gateway(config(cls.upstream.port))

    @classmethod
    def tearDownClass(cls):
        cls.gateway.close()
        cls.upstream.close()

    def post(self, path, body):
        status, headers, data = self.gateway.request("POST", path, json.dumps(body),
                                                     {"content-type": "application/json"})
        return status, headers, data

    def ask(self, client, model, **fields):
        if client == "anthropic":
            return self.post("/v1/messages", {"model": model, "max_tokens": 100,
                                              "messages": [{"role": "user", "content": "hello"}], **fields})
        if client == "responses":
            return self.post("/v1/responses", {"model": model, "input": "hello", **fields})
        return self.post("/v1/chat/completions", {"model": model, "messages": [{"role": "user", "content": "hello"}],
                                                  **fields})

    @staticmethod
    def text_of(client, data):
        body = json.loads(data)
        if client == "anthropic":
            return "".join(block.get("text", "") for block in body["content"])
        if client == "responses":
            return "".join(part.get("text", "") for item in body["output"] for part in item.get("content") or [])
        return body["choices"][0]["message"]["content"]

    def test_every_pair_answers(self):
        for client in SPOKEN:
            for target in SPOKEN:
                with self.subTest(client=client, target=target):
                    status, _, data = self.ask(client, f"{target}-ok")
                    self.assertEqual(status, 200, data)
                    self.assertEqual(self.text_of(client, data), "The scripted answer.")
                    status, _, data = self.ask(client, f"{target}-ok", stream=True)
                    self.assertEqual(status, 200, data)
                    events = frames(data) if client == "openai" else [
                        line[6:] for line in data.decode().split("\n") if line.startswith("data: ")]
                    text = "".join(self.delta(client, event) for event in events if event != "[DONE]")
                    self.assertEqual(text, "piece 0 piece 1 piece 2 ")

    @staticmethod
    def delta(client, event):
        event = json.loads(event)
        if client == "anthropic":
            return event.get("delta", {}).get("text", "") if event["type"] == "content_block_delta" else ""
        if client == "responses":
            return event["delta"] if event["type"] == "response.output_text.delta" else ""
        return event["choices"][0]["delta"].get("content") or "" if event["choices"] else ""

    def test_usage_is_counted_in_each_protocols_way(self):
        for target in SPOKEN:
            with self.subTest(target=target):
                usage = json.loads(self.ask("openai", f"{target}-cached")[2])["usage"]
                self.assertEqual((usage["prompt_tokens"], usage["prompt_tokens_details"]["cached_tokens"]), (100, 60))
                usage = json.loads(self.ask("anthropic", f"{target}-cached")[2])["usage"]
                self.assertEqual(usage["cache_read_input_tokens"], 60)
                self.assertEqual(usage["input_tokens"] + usage["cache_creation_input_tokens"], 40)
                usage = json.loads(self.ask("responses", f"{target}-cached")[2])["usage"]
                self.assertEqual((usage["input_tokens"], usage["input_tokens_details"]["cached_tokens"]), (100, 60))

    def test_errors_have_the_clients_shape(self):
        for target in SPOKEN:
            for client in SPOKEN:
                with self.subTest(client=client, target=target):
                    status, headers, data = self.ask(client, f"{target}-status-429")
                    self.assertEqual(status, 429)
                    self.assertEqual(headers["x-should-retry"], "true")
                    body = json.loads(data)
                    self.assertEqual(body.get("type"), "error" if client == "anthropic" else None)
                    self.assertEqual(body["error"]["type"], "rate_limit_error")

    def test_errors_inside_a_stream_have_it_too(self):
        for target in SPOKEN:
            for client in SPOKEN:
                with self.subTest(client=client, target=target):
                    status, _, data = self.ask(client, f"{target}-late-error", stream=True)
                    self.assertEqual(status, 200)
                    self.assertIn(b"late scripted failure", data)
                    status, _, data = self.ask(client, f"{target}-error-in-200", stream=True)
                    self.assertEqual(status, 502, data)

    def test_a_translation_tells_what_it_lost_and_a_strict_route_refuses(self):
        status, headers, _ = self.ask("openai", "anthropic-ok", logit_bias={"1": 2})
        self.assertEqual(status, 200)
        self.assertIn('"logit_bias";reason=', headers["x-thalamus-loss"])
        self.assertNotIn("x-thalamus-loss", self.ask("anthropic", "anthropic-ok", top_k=5)[1])
        status, _, data = self.ask("openai", "strict", logit_bias={"1": 2})
        self.assertEqual(status, 400, data)
        self.assertEqual(json.loads(data)["error"]["param"], "logit_bias")
        self.assertEqual(self.ask("openai", "strict")[0], 200)

    def test_thoughts_of_others_do_not_bar_the_way_to_a_target_of_the_clients_own_protocol(self):
        """A conversation that one target began goes on with another one that speaks what the client speaks."""
        hello = {"role": "user", "content": "hello"}
        thinking = {"max_tokens": 3000, "thinking": {"type": "enabled", "budget_tokens": 1200}}
        for began in ("openai", "responses", "anthropic"):
            _, _, data = self.ask("anthropic", f"{began}-reason", **thinking)
            said = json.loads(data)["content"]
            self.assertEqual([block["type"] for block in said], ["thinking", "text"], began)
            _, headers, data = self.ask("anthropic", "anthropic-echo", **thinking,
                                        messages=[hello, {"role": "assistant", "content": said}, hello])
            seen = json.loads(json.loads(data)["content"][0]["text"])["messages"]
            own = began == "anthropic"
            self.assertEqual(seen[1]["content"], said if own else said[1:], began)
            self.assertEqual("messages[1].content[0]" in headers.get("x-thalamus-loss", ""), not own, began)
        for began in ("openai", "anthropic", "responses"):
            _, _, data = self.ask("responses", f"{began}-reason", include=["reasoning.encrypted_content"])
            said = json.loads(data)["output"]
            self.assertEqual([item["type"] for item in said], ["reasoning", "message"], began)
            _, headers, data = self.ask("responses", "responses-echo", input=[hello] + said + [hello])
            seen = json.loads(json.loads(data)["output"][0]["content"][0]["text"])["input"]
            own = began == "responses"
            self.assertEqual([item["type"] for item in seen[1:-1]], ["reasoning", "message"] if own else ["message"])
            self.assertEqual("input[1]" in headers.get("x-thalamus-loss", ""), not own, began)

    def test_clients_of_messages_get_thoughts_only_where_they_ask_for_them(self):
        for spoken in ("openai", "responses"):
            for asked in ({}, {"thinking": {"type": "adaptive"}}):
                _, _, data = self.ask("anthropic", f"{spoken}-reason", **asked)
                kinds = [block["type"] for block in json.loads(data)["content"]]
                self.assertEqual(kinds, ["thinking", "text"] if asked else ["text"], spoken)
                _, _, data = self.ask("anthropic", f"{spoken}-reason", stream=True, **asked)
                self.assertEqual("thinking_delta" in data.decode(), bool(asked), spoken)

    def test_betas_go_on_within_a_protocol_and_are_told_elsewhere(self):
        body = json.dumps({"model": "anthropic-echo-headers", "max_tokens": 9,
                           "messages": [{"role": "user", "content": "hello"}]})
        beta = {"content-type": "application/json", "anthropic-beta": "context-management-2025-06-27,other-1"}
        _, headers, data = self.gateway.request("POST", "/v1/messages", body, beta)
        self.assertIn("anthropic-beta: context-management-2025-06-27,other-1\n", json.loads(data)["content"][0]["text"])
        self.assertNotIn("x-thalamus-loss", headers)
        _, headers, data = self.gateway.request("POST", "/v1/messages", body.replace("anthropic-", "openai-"), beta)
        self.assertNotIn("beta", json.loads(data)["content"][0]["text"])
        self.assertIn('"header anthropic-beta";reason=', headers["x-thalamus-loss"])
        status, _, data = self.gateway.request(
            "POST", "/v1/chat/completions", json.dumps({"model": "strict", "messages": [{"role": "user",
                                                                                        "content": "hello"}]}),
            {"content-type": "application/json", "openai-beta": "assistants=v2"})
        self.assertEqual((status, json.loads(data)["error"]["param"]), (400, "openai-beta"), data)

    def test_tokens_are_counted_without_asking_anybody(self):
        body = {"model": "openai-ok", "messages": [{"role": "user", "content": "How many words are in this sentence?"}]}
        status, _, data = self.post("/v1/messages/count_tokens", body)
        self.assertEqual(status, 200, data)
        self.assertTrue(5 <= json.loads(data)["input_tokens"] <= 20, data)
        status, _, data = self.post("/v1/messages/count_tokens", {"model": "x"})
        self.assertEqual((status, json.loads(data)["type"]), (400, "error"))

    def test_tokens_are_counted_of_models_that_there_are(self):
        body = {"model": "absent", "max_tokens": 5, "messages": [{"role": "user", "content": "hello"}]}
        told = []
        for path in ("/v1/messages", "/v1/messages/count_tokens"):
            status, _, data = self.post(path, body)
            self.assertEqual(status, 404, data)
            told.append(json.loads(data)["error"])
        self.assertEqual(told[0], told[1])
        self.assertIn("the model 'absent' is neither a route nor a target", told[1]["message"])

    def test_tokens_are_counted_of_models_that_the_key_may_use(self):
        keys = "keys:\n  - { name: team, key: sk-team-secret-key, routes: [mine] }\n"
        gateway = Gateway(routes_config(self.upstream.port, {"mine": ["ok"], "theirs": ["ok"]}, keys))
        try:
            for model, key, expected in (("mine", "sk-team-secret-key", 200), ("theirs", "sk-team-secret-key", 404),
                                         ("mine", "sk-of-nobody", 401)):
                body = json.dumps({"model": model, "messages": [{"role": "user", "content": "hello"}]})
                status, _, data = gateway.request("POST", "/v1/messages/count_tokens", body, {"x-api-key": key})
                self.assertEqual(status, expected, data)
        finally:
            gateway.close()

    def test_models_have_the_shape_that_the_client_reads(self):
        for headers, key in (({}, "object"), ({"anthropic-version": "2023-06-01"}, "has_more")):
            status, _, data = self.gateway.request("GET", "/v1/models", headers=headers)
            self.assertEqual(status, 200)
            self.assertIn(key, json.loads(data))
            status, _, data = self.gateway.request("GET", "/v1/models/mixed", headers=headers)
            self.assertEqual(json.loads(data)["id"], "mixed")
            status, _, data = self.gateway.request("GET", "/v1/models/absent", headers=headers)
            error = json.loads(data)["error"]
            self.assertEqual((status, error["message"][:34]), (404, "the model 'absent' does not exist;"), data)
            self.assertEqual(error.get("param", "model"), "model")

    def test_embeddings(self):
        client = openai.OpenAI(base_url=self.gateway.base_url, api_key="anything", max_retries=0)
        for encoding in (openai.NOT_GIVEN, "float", "base64"):
            answer = client.embeddings.create(model="mixed", input=["one", "three"], encoding_format=encoding)
            if encoding != "base64":
                self.assertEqual([item.embedding for item in answer.data], [[0, 3, 0.5], [1, 5, 0.5]])
        self.assertEqual(client.embeddings.create(model="mixed", input=[[1, 2], [3]]).data[1].embedding, [1, 1, 0.5])
        with self.assertRaises(openai.BadRequestError) as refused:
            client.embeddings.create(model="strict", input="x")
        self.assertIn("no target that gives embeddings", str(refused.exception))
        with self.assertRaises(openai.APIStatusError):
            client.chat.completions.create(model="vectors", messages=[{"role": "user", "content": "hello"}])


if __name__ == "__main__":
    unittest.main(verbosity=2)
