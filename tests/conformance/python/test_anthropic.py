"""The official Anthropic client for Python: messages, streams, tools, errors, retries, time-outs."""

import json

import anthropic
import pydantic
from support import (BASE, CITIES, GUARDED, IMAGE_URL, KEY, PIXEL, STREAMED, TEXT, Conformance, expand, main, model)

WEATHER = {"name": "weather", "description": "The weather of a city.",
           "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}
HI = [{"role": "user", "content": "hi"}]


class Person(pydantic.BaseModel):
    name: str
    age: int


def new_client(base=BASE, **options):
    return anthropic.Anthropic(**{"base_url": base, "api_key": "any", "max_retries": 0, **options})


def texts(message):
    return "".join(block.text for block in message.content if block.type == "text")


@expand
class AnthropicMessages(Conformance):
    client = "anthropic Python"

    def setUp(self):
        self.anthropic = new_client()
        self.addCleanup(self.anthropic.close)

    def create(self, command, up, **fields):
        return self.anthropic.messages.create(**{"model": model(command, up), "max_tokens": 200, "messages": HI,
                                                 **fields})

    def stream(self, command, up, **fields):
        return self.anthropic.messages.stream(**{"model": model(command, up), "max_tokens": 200, "messages": HI,
                                                 **fields})

    def sent(self, up, **fields):
        return json.loads(texts(self.create("echo", up, **fields)))

    def feature_chat(self, up):
        message = self.create("ok", up)
        self.assertEqual((message.type, message.role, texts(message)), ("message", "assistant", TEXT))

    def feature_system_and_turns(self, up):
        messages = [{"role": "user", "content": "one"}, {"role": "assistant", "content": "two"},
                    {"role": "user", "content": [{"type": "text", "text": "three"}]}]
        sent = self.sent(up, system="Be brief.", messages=messages, max_tokens=77, stop_sequences=["END"],
                         extra_body={"temperature": 0.5})
        self.assertEqual(sent["temperature"], 0.5)
        turns = sent["input" if up == "responses" else "messages"]
        self.assertEqual([turn["role"] for turn in turns if turn.get("role") not in ("system", "developer")],
                         ["user", "assistant", "user"])
        self.assertIn("three", json.dumps(turns[-1]))
        if up == "openai":
            self.assertEqual(turns[0], {"role": "system", "content": "Be brief."})
            self.assertEqual((sent.get("max_completion_tokens", sent.get("max_tokens")), sent["stop"]), (77, ["END"]))
        elif up == "responses":
            self.assertIn("Be brief.", sent.get("instructions") or json.dumps(turns[0]))
            self.assertEqual(sent["max_output_tokens"], 77)
        else:
            self.assertEqual((sent["system"], sent["messages"]), ("Be brief.", messages))

    def feature_streaming(self, up):
        events = list(self.create("ok", up, stream=True))
        types = [event.type for event in events if event.type != "ping"]
        self.assertEqual(types[0], "message_start")
        self.assertEqual(types[-3:], ["content_block_stop", "message_delta", "message_stop"])
        self.assertEqual("".join(e.delta.text for e in events if e.type == "content_block_delta"), STREAMED)

    def feature_streaming_helper(self, up):
        with self.stream("ok", up) as stream:
            pieces = list(stream.text_stream)
            final = stream.get_final_message()
        self.assertEqual("".join(pieces), STREAMED)
        self.assertEqual(texts(final), STREAMED)
        self.assertEqual(final.stop_reason, "end_turn")
        self.assertEqual((final.usage.input_tokens, final.usage.cache_read_input_tokens, final.usage.output_tokens),
                         (8, 3, 5))

    def feature_tool_loop(self, up):
        messages = [{"role": "user", "content": "weather?"}]
        message = self.create("tools", up, messages=messages, tools=[WEATHER])
        self.assertEqual(message.stop_reason, "tool_use")
        called = [block for block in message.content if block.type == "tool_use"]
        self.assertEqual(tuple(block.input["city"] for block in called), CITIES)
        messages.append({"role": "assistant", "content": message.content})
        messages.append({"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": block.id, "content": "sunny"} for block in called]})
        message = self.create("tools", up, messages=messages, tools=[WEATHER])
        self.assertEqual((texts(message), message.stop_reason), ("The tool said: sunny", "end_turn"))

    def feature_tool_runner(self, up):
        asked = []

        @anthropic.beta_tool
        def weather(city: str) -> str:
            """The weather of a city.

            Args:
                city: its name
            """
            asked.append(city)
            return "sunny"

        runner = self.anthropic.beta.messages.tool_runner(model=model("tools", up), max_tokens=200, tools=[weather],
                                                          messages=HI)
        self.assertEqual(texts(runner.until_done()), "The tool said: sunny")
        self.assertEqual(tuple(asked), CITIES)

    def feature_tool_streaming(self, up):
        with self.stream("tools", up, tools=[WEATHER]) as stream:
            final = stream.get_final_message()
        self.assertEqual(tuple(b.input["city"] for b in final.content if b.type == "tool_use"), CITIES)
        self.assertEqual(final.stop_reason, "tool_use")

    def feature_tool_choice(self, up):
        sent = self.sent(up, tools=[WEATHER], tool_choice={"type": "tool", "name": "weather",
                                                           "disable_parallel_tool_use": True})
        self.assertIn("weather", json.dumps(sent["tool_choice"]))
        self.assertIn("The weather of a city.", json.dumps(sent["tools"]))
        if up != "anthropic":
            self.assertIs(sent["parallel_tool_calls"], False)

    def feature_structured_output(self, up):
        message = self.anthropic.messages.parse(model=model("json", up), max_tokens=200, messages=HI,
                                                output_format=Person)
        self.assertEqual(message.parsed_output, Person(name="Ada", age=36))

    def feature_schema_is_passed_on(self, up):
        schema = {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"],
                  "additionalProperties": False}
        raw = self.anthropic.messages.with_raw_response.create(
            model=model("echo", up), max_tokens=200, messages=HI,
            output_config={"format": {"type": "json_schema", "schema": schema}})
        text = texts(raw.parse())
        self.assertTrue('"age"' in text or raw.headers.get("x-thalamus-loss"), text)

    def feature_images(self, up):
        sources = ({"type": "base64", "media_type": "image/png", "data": PIXEL}, {"type": "url", "url": IMAGE_URL})
        for source in sources:
            content = [{"type": "image", "source": source}, {"type": "text", "text": "what?"}]
            sent = json.dumps(self.sent(up, messages=[{"role": "user", "content": content}]))
            self.assertIn(source.get("data") or source["url"], sent)
            self.assertIn({"openai": "image_url", "responses": "input_image", "anthropic": '"source"'}[up], sent)

    def feature_reasoning(self, up):
        thinking = {"type": "enabled", "budget_tokens": 1024}
        message = self.create("reason", up, max_tokens=2000, thinking=thinking)
        self.assert_thought(message, up, TEXT)
        with self.stream("reason", up, max_tokens=2000, thinking=thinking) as stream:
            self.assert_thought(stream.get_final_message(), up, STREAMED)

    def assert_thought(self, message, up, text):
        self.assertEqual([block.type for block in message.content], ["thinking", "text"])
        self.assertEqual(message.content[0].thinking, "Let me think.")
        if up != "openai":  # chat completions have no place for a proof
            proof = {"anthropic": "c2lnbmVk", "responses": "thalamus.1.rs_scripted.c2lnbmVk"}[up]
            self.assertEqual(message.content[0].signature, proof)
        self.assertEqual(texts(message), text)

    def feature_refusal(self, up):
        message = self.create("refuse", up)
        self.assertEqual((texts(message), message.stop_reason), ("I cannot do that.", "refusal"))
        with self.stream("refuse", up) as stream:
            final = stream.get_final_message()
        self.assertEqual((texts(final), final.stop_reason), ("I cannot do that.", "refusal"))

    def feature_usage(self, up):
        self.assert_usage(self.create("cached", up).usage)
        with self.stream("cached", up) as stream:
            self.assert_usage(stream.get_final_message().usage)

    def assert_usage(self, usage):
        # Disjoint: 100 tokens of input, of which 60 were read from a cache and 30 written to it.
        self.assertEqual((usage.input_tokens, usage.cache_read_input_tokens, usage.cache_creation_input_tokens,
                          usage.output_tokens), (10, 60, 30, 9))

    def feature_stop_reasons(self, up):
        for command, expected in (("ok", "end_turn"), ("length", "max_tokens")):
            self.assertEqual(self.create(command, up).stop_reason, expected)
            with self.stream(command, up) as stream:
                self.assertEqual(stream.get_final_message().stop_reason, expected)

    def feature_count_tokens(self, up):
        try:
            counted = self.anthropic.messages.count_tokens(model=model("ok", up), messages=HI)
        except anthropic.NotFoundError as error:
            if "no such path" not in error.message:
                raise
            self.skipTest("the gateway has no /v1/messages/count_tokens yet")
        self.assertGreater(counted.input_tokens, 0)
        self.assertLess(counted.input_tokens, 50)

    def feature_error_classes(self, up):
        table = ((400, anthropic.BadRequestError, 400), (422, anthropic.BadRequestError, 400),
                 (413, anthropic.RequestTooLargeError, 413), (429, anthropic.RateLimitError, 429),
                 (500, anthropic.InternalServerError, 502), (503, anthropic.ServiceUnavailableError, 503),
                 (408, anthropic.DeadlineExceededError, 504))
        for asked, error, status in table:
            with self.subTest(status=asked), self.assertRaises(error) as raised:
                self.create(f"status-{asked}", up)
            self.assertEqual(raised.exception.status_code, status)
            self.assertIn(f"scripted status {asked}", raised.exception.message)
            self.assertTrue(raised.exception.request_id)
            self.assertEqual(raised.exception.body["type"], "error")

    def feature_error_in_a_stream(self, up):
        for command in ("late-error", "cut-after"):
            with self.stream(command, up) as stream, self.assertRaises(anthropic.APIError):
                stream.until_done()

    def feature_retries(self, up):
        name = model("flaky-2", up)
        ask = [{"role": "user", "content": "anthropic-python " + up}]
        with new_client(max_retries=3) as patient:
            self.assert_calls(name, 3, lambda: self.assertEqual(
                texts(patient.messages.create(model=name, max_tokens=200, messages=ask)), TEXT))
            name = model("status-400", up)

            def wrong():
                with self.assertRaises(anthropic.BadRequestError):
                    patient.messages.create(model=name, max_tokens=200, messages=HI)
            self.assert_calls(name, 1, wrong)

    def feature_time_out(self, up):
        self.assert_times_out(model("slow-3000", up), lambda headers: self.create(
            "slow-3000", up, timeout=0.3, extra_headers=headers), anthropic.APITimeoutError)

    def feature_cancellation(self, up):
        def leave():
            with self.stream("drip-50", up) as stream:
                next(stream.text_stream)
        self.assert_cancels(model("drip-50", up), leave)

    def feature_request_id_and_headers(self, up):
        raw = self.anthropic.messages.with_raw_response.create(model=model("ok", up), max_tokens=200, messages=HI)
        self.assertEqual(raw.headers["x-thalamus-target"], model("ok", up))
        self.assertRegex(raw.headers["request-id"], r"^[0-9a-f]{32}$")
        self.assertEqual(raw.parse()._request_id, raw.headers["request-id"])

    def feature_losses_are_told(self, up):
        # `top_k` has no place in OpenAI's protocols.
        raw = self.anthropic.messages.with_raw_response.create(model=model("ok", up), max_tokens=200, messages=HI,
                                                               extra_body={"top_k": 5})
        self.assertEqual("top_k" in raw.headers.get("x-thalamus-loss", ""), up != "anthropic")
        if up != "anthropic":
            with self.assertRaises(anthropic.BadRequestError) as raised:
                self.create("strict", up, extra_body={"top_k": 5})
            self.assertIn("top_k", raised.exception.message)

    def once_models(self):
        listed = [m.id for m in self.anthropic.models.list()]
        self.assertIn("auto", listed)
        one = self.anthropic.models.retrieve("auto")
        self.assertEqual((one.id, one.type), ("auto", "model"))
        self.assertTrue(one.display_name)
        with self.assertRaises(anthropic.NotFoundError) as raised:
            self.anthropic.models.retrieve("no-such-model")
        self.assertEqual(raised.exception.body["type"], "error", "in Anthropic's shape")

    def once_gateway_errors(self):
        with self.assertRaises(anthropic.NotFoundError):
            self.anthropic.messages.create(model="no-such-model", max_tokens=200, messages=HI)
        with self.assertRaises(anthropic.BadRequestError):
            self.anthropic.messages.create(model="auto", max_tokens=200, messages=[])
        with self.assertRaises(anthropic.UnprocessableEntityError):
            self.create("narrow", "anthropic", messages=[{"role": "user", "content": "many words " * 400}])
        with self.assertRaises(anthropic.ServiceUnavailableError):
            self.anthropic.messages.create(model="down", max_tokens=200, messages=HI)
        with new_client(GUARDED, api_key="wrong-key-123") as stranger, \
                self.assertRaises(anthropic.AuthenticationError):
            stranger.messages.create(model="auto", max_tokens=200, messages=HI)
        with new_client(GUARDED, api_key=KEY) as known:
            self.assertEqual(texts(known.messages.create(model="auto", max_tokens=200, messages=HI)), TEXT)
            with self.assertRaises(anthropic.RequestTooLargeError) as raised:
                known.messages.create(model="auto", max_tokens=200, messages=[{"role": "user", "content": "x" * 40000}])
            self.assertEqual(raised.exception.body["type"], "error", "in Anthropic's shape")


if __name__ == "__main__":
    main()
