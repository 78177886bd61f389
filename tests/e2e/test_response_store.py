#!/usr/bin/env python3
"""The store of POST /v1/responses with the official client: going on from a response over every kind of upstream,
whose conversations are whose, and what is said without a store."""

import hashlib
import json
import unittest

import openai
from rig import Gateway, Upstream

PROVIDERS = {"openai": "/v1", "anthropic": "", "responses": "/v1"}
KEYS = {"ann": "key-of-ann-0123456789", "bob": "key-of-bob-0123456789"}


def config(port, store="response_store: { entries: 100, bytes: 1MiB, lifetime: 1h }"):
    lines = [store, "providers:"]
    for name, base in PROVIDERS.items():
        lines.append(f"  {name}: {{ format: {name}, base_url: 'http://127.0.0.1:{port}{base}' }}")
    lines.append("models:")
    for name in PROVIDERS:
        for command in ("ok", "echo", "tools"):
            lines.append(f"  - {{ name: {name}-{command}, provider: {name}, id: {command}, "
                         "price: { input: 1, output: 10 } }")
    lines.append("routes:")
    lines.append("  - { name: auto, targets: [openai-ok] }")
    lines.append("keys:")
    for name, key in KEYS.items():
        lines.append(f"  - {{ name: {name}, sha256: {hashlib.sha256(key.encode()).hexdigest()} }}")
    return "\n".join(lines) + "\n"


class ResponseStore(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.upstream = Upstream()
        cls.addClassCleanup(cls.upstream.close)
        cls.gateway = Gateway(config(cls.upstream.port))
        cls.addClassCleanup(cls.gateway.close)
        cls.ann, cls.bob = (openai.OpenAI(base_url=cls.gateway.base_url, api_key=key, max_retries=0)
                            for key in KEYS.values())

    def test_a_conversation_goes_on_by_name_over_every_kind_of_upstream(self):
        for name in PROVIDERS:
            first = self.ann.responses.create(model=f"{name}-ok", input="my name is Ada")
            second = self.ann.responses.create(model="openai-echo", input="what is my name?",
                                               previous_response_id=first.id)
            for words in ("my name is Ada", "The scripted answer.", "what is my name?"):
                self.assertIn(words, second.output_text, name)
            third = self.ann.responses.create(model="anthropic-echo", input="and again?",
                                              previous_response_id=second.id)
            self.assertIn("my name is Ada", third.output_text)
            self.assertIn("and again?", third.output_text)

    def test_a_stream_is_stored_when_it_ends(self):
        for name in PROVIDERS:
            with self.ann.responses.stream(model=f"{name}-ok", input="my name is Ada") as stream:
                first = stream.get_final_response()
            second = self.ann.responses.create(model="openai-echo", input="who am I?", previous_response_id=first.id)
            self.assertIn("my name is Ada", second.output_text, name)
            self.assertIn("piece 0 piece 1", second.output_text, name)

    def test_a_tool_loop_sends_results_only(self):
        tools = [{"type": "function", "name": "look", "parameters": {"type": "object", "properties": {}}}]
        first = self.ann.responses.create(model="openai-tools", input="look it up", tools=tools)
        calls = [item for item in first.output if item.type == "function_call"]
        self.assertEqual(len(calls), 2)
        second = self.ann.responses.create(
            model="anthropic-tools", previous_response_id=first.id, tools=tools,
            input=[{"type": "function_call_output", "call_id": call.call_id, "output": "42"} for call in calls])
        self.assertEqual(second.output_text, "The tool said: 42")

    def test_an_answer_says_what_it_went_on_from(self):
        for name in PROVIDERS:
            first = self.ann.responses.create(model=f"{name}-ok", input="my name is Ada")
            self.assertIsNone(first.previous_response_id, name)
            second = self.ann.responses.create(model=f"{name}-ok", input="more", previous_response_id=first.id)
            self.assertEqual(second.previous_response_id, first.id, name)
            self.assertTrue(second.store, name)
            self.assertEqual(self.ann.responses.retrieve(second.id).previous_response_id, first.id, name)
            seen, text = set(), ""
            for event in self.ann.responses.create(model=f"{name}-ok", input="more", stream=True,
                                                   previous_response_id=second.id):
                text += event.delta if event.type == "response.output_text.delta" else ""
                if hasattr(event, "response"):
                    seen.add(event.type)
                    self.assertEqual(event.response.previous_response_id, second.id, f"{name}: {event.type}")
            self.assertLessEqual({"response.created", "response.completed"}, seen, name)
            self.assertIn("piece 0 piece 1", text, name)

    def test_the_upstream_sees_nothing_of_the_store(self):
        first = self.ann.responses.create(model="responses-echo", input="my name is Ada")
        asked = json.loads(first.output_text)
        self.assertEqual((asked["input"], asked.get("store")), ("my name is Ada", None), "its bytes are forwarded")
        second = self.ann.responses.create(model="responses-echo", input="more", previous_response_id=first.id)
        asked = json.loads(second.output_text)
        self.assertNotIn("previous_response_id", asked)
        self.assertIs(asked["store"], False, "the conversation is kept here")
        self.assertEqual(asked["input"][-1], {"role": "user", "content": "more"})

    def test_losses_are_told_at_the_places_of_the_request_itself(self):
        first = self.ann.responses.create(model="openai-ok", input="hello")
        sound = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}
        raw = self.ann.responses.with_raw_response.create(
            model="anthropic-ok", previous_response_id=first.id,
            input=[{"role": "user", "content": [{"type": "input_text", "text": "x"}, sound]}])
        self.assertIn('"input[0].content[1]";reason=', raw.headers["x-thalamus-loss"])

    def test_so_are_errors(self):
        first = self.ann.responses.create(model="openai-ok", input="hello")
        with self.assertRaises(openai.BadRequestError) as raised:
            self.ann.responses.create(model="openai-ok", previous_response_id=first.id,
                                      input=[{"role": "user", "content": "x"}, {"role": "king", "content": "x"}])
        self.assertEqual(raised.exception.param, "input[1].role", raised.exception.message)
        self.assertTrue(raised.exception.message.startswith("Error code: 400"), raised.exception.message)
        self.assertIn("body.input[1].role: ", raised.exception.message)
        status, _, data = self.gateway.request(
            "POST", "/v1/decision", json.dumps({"model": "openai-ok", "previous_response_id": first.id, "input": [1]}),
            headers={"x-thalamus-format": "responses", "authorization": f"Bearer {KEYS['ann']}"})
        self.assertEqual((status, json.loads(data)["error"]["param"]), (400, "input[0]"), data)

    def test_a_translated_answer_repeats_what_was_asked(self):
        asked = {"instructions": "be brief", "temperature": 0.25, "metadata": {"run": "7"}, "max_output_tokens": 64,
                 "tools": [{"type": "function", "name": "look", "parameters": {"type": "object", "properties": {}}}]}
        for name in PROVIDERS:
            answer = self.ann.responses.create(model=f"{name}-ok", input="hello", **asked)
            self.assertTrue(answer.store, f"{name}: it is stored")
            final = [event.response for event in
                     self.ann.responses.create(model=f"{name}-ok", input="hello", stream=True, **asked)
                     if event.type == "response.completed"][0]
            self.assertTrue(final.store, name)
            self.assertEqual(self.ann.responses.retrieve(final.id).store, True, name)
            if name == "responses":
                continue  # its bytes are forwarded
            for response in (answer, final):
                self.assertEqual((response.instructions, response.temperature), ("be brief", 0.25), name)
                self.assertEqual((response.metadata, response.max_output_tokens), ({"run": "7"}, 64), name)
                self.assertEqual(response.tools[0].name, "look", name)
            self.assertEqual(answer.model, final.model, "buffered and streamed, it is the upstream's own name")
        self.assertFalse(self.ann.responses.create(model="openai-ok", input="hello", store=False).store)

    def test_what_is_stored_here_is_no_loss(self):
        for name in ("openai", "anthropic"):
            raw = self.ann.responses.with_raw_response.create(model=f"{name}-ok", input="hello", store=True)
            self.assertNotIn("x-thalamus-loss", raw.headers, name)

    def test_other_paths_below_a_response_are_not_offered(self):
        kept = self.ann.responses.create(model="openai-ok", input="hello")
        with self.assertRaises(openai.NotFoundError) as raised:
            list(self.ann.responses.input_items.list(kept.id))
        self.assertIn("'input_items' of a stored response is not offered", raised.exception.message)
        with self.assertRaises(openai.NotFoundError) as raised:
            self.ann.responses.cancel(kept.id)
        self.assertIn("'cancel' of a stored response is not offered", raised.exception.message)

    def test_other_operations_on_responses_are_not_offered(self):
        for name in ("input_tokens", "compact"):
            with self.assertRaises(openai.NotFoundError) as raised:
                self.ann.post(f"/responses/{name}", body={"model": "openai-ok", "input": "hello"}, cast_to=object)
            self.assertIn(f"POST /v1/responses/{name} is not offered", raised.exception.message)
            self.assertIn("GET and DELETE /v1/responses/{id}", raised.exception.message)

    def test_a_stored_response_takes_its_two_methods(self):
        kept = self.ann.responses.create(model="openai-ok", input="hello")
        for method in ("PUT", "POST"):
            status, headers, _ = self.gateway.request(method, f"/v1/responses/{kept.id}", "{}")
            self.assertEqual((status, headers["allow"]), (405, "GET, DELETE"))

    def test_fetching_and_deleting(self):
        kept = self.ann.responses.create(model="openai-ok", input="hello")
        self.assertEqual(self.ann.responses.retrieve(kept.id).output_text, "The scripted answer.")
        self.ann.responses.delete(kept.id)
        with self.assertRaises(openai.NotFoundError):
            self.ann.responses.retrieve(kept.id)
        with self.assertRaises(openai.NotFoundError):
            self.ann.responses.delete(kept.id)
        with self.assertRaises(openai.BadRequestError) as raised:
            self.ann.responses.create(model="openai-ok", input="hello", previous_response_id=kept.id)
        self.assertEqual(raised.exception.param, "previous_response_id")
        self.assertIn(f"no response '{kept.id}' is stored here", raised.exception.message)
        self.assertIn("send the whole conversation as input", raised.exception.message)

    def test_what_is_not_to_be_stored_is_not(self):
        gone = self.ann.responses.create(model="openai-ok", input="hello", store=False)
        with self.assertRaises(openai.BadRequestError):
            self.ann.responses.create(model="openai-ok", input="hello", previous_response_id=gone.id)

    def test_another_key_sees_nothing(self):
        kept = self.ann.responses.create(model="openai-ok", input="a secret of Ann's")
        with self.assertRaises(openai.BadRequestError):
            self.bob.responses.create(model="openai-echo", input="tell me", previous_response_id=kept.id)
        for ask in (self.bob.responses.retrieve, self.bob.responses.delete):
            with self.assertRaises(openai.NotFoundError):
                ask(kept.id)
        stranger = openai.OpenAI(base_url=self.gateway.base_url, api_key="nobody", max_retries=0)
        with self.assertRaises(openai.AuthenticationError):
            stranger.responses.retrieve(kept.id)
        with self.assertRaises(openai.AuthenticationError):
            stranger.responses.create(model="openai-echo", input="x", previous_response_id=kept.id)
        self.assertEqual(self.ann.responses.retrieve(kept.id).id, kept.id)

    def test_it_is_measured_and_shown(self):
        self.ann.responses.create(model="openai-ok", input="hello")
        self.assertGreaterEqual(self.gateway.metric("thalamus_stored_responses"), 1)
        self.assertGreater(self.gateway.metric("thalamus_stored_response_bytes"), 100)
        shown = self.gateway.request("GET", "/admin/config", admin=True)[2].decode()
        self.assertIn("response_store: { entries: 100, bytes: 1048576, lifetime: 3600s }", shown)

    def test_without_a_store_the_error_says_so(self):
        gateway = Gateway(config(self.upstream.port, store=""))
        try:
            client = openai.OpenAI(base_url=gateway.base_url, api_key=KEYS["ann"], max_retries=0)
            first = client.responses.create(model="openai-ok", input="hello")
            with self.assertRaises(openai.APIStatusError) as raised:
                client.responses.create(model="openai-ok", input="hello", previous_response_id=first.id)
            self.assertIn("no answers are stored here", raised.exception.message)
            raw = client.responses.with_raw_response.create(model="anthropic-ok", input="hello", store=True)
            self.assertIn('"store";reason=', raw.headers["x-thalamus-loss"])
            self.assertFalse(raw.parse().store)
            with self.assertRaises(openai.NotFoundError):
                client.responses.retrieve(first.id)
            status, headers, data = gateway.request("PUT", f"/v1/responses/{first.id}")
            self.assertEqual((status, headers["allow"]), (405, "GET, DELETE"), json.loads(data))
        finally:
            gateway.close()


if __name__ == "__main__":
    unittest.main(verbosity=2)
