"""The official OpenAI client for Python: chat completions, models, errors, retries, time-outs."""

import json
import unittest

import openai
import pydantic
from support import (BASE, CITIES, GUARDED, IMAGE_URL, KEY, PIXEL_URL, STREAMED, TEXT, Conformance, expand,
                     main, model)

WEATHER = {"type": "function", "function": {
    "name": "weather", "description": "The weather of a city.", "strict": True,
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"],
                   "additionalProperties": False}}}
HI = [{"role": "user", "content": "hi"}]


class Person(pydantic.BaseModel):
    name: str
    age: int


def new_client(base=BASE, **options):
    return openai.OpenAI(**{"base_url": base + "/v1", "api_key": "any", "max_retries": 0, **options})


@expand
class OpenaiChat(Conformance):
    client = "openai Python, chat"

    def setUp(self):
        self.openai = new_client()
        self.addCleanup(self.openai.close)
        self.create = self.openai.chat.completions.create

    def sent(self, up, **fields):
        """What the upstream got, in its own protocol."""
        answer = self.create(model=model("echo", up), **{"messages": HI, **fields})
        return json.loads(answer.choices[0].message.content)

    def feature_chat(self, up):
        answer = self.create(model=model("ok", up), messages=HI)
        self.assertEqual(answer.choices[0].message.content, TEXT)
        self.assertEqual(answer.choices[0].message.role, "assistant")
        self.assertEqual(answer.object, "chat.completion")
        self.assertGreater(answer.created, 1_600_000_000)

    def feature_system_and_turns(self, up):
        messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "one"},
                    {"role": "assistant", "content": "two"}, {"role": "user", "content": "three"}]
        sent = self.sent(up, messages=messages, temperature=0.5, max_completion_tokens=77, stop=["END"])
        self.assertEqual(sent["temperature"], 0.5)
        turns = sent["input" if up == "responses" else "messages"]
        users = [turn for turn in turns if turn.get("role") == "user"]
        self.assertEqual(len(users), 2)
        self.assertIn("three", json.dumps(users[1]))
        self.assertIn("two", json.dumps([turn for turn in turns if turn.get("role") == "assistant"]))
        if up == "anthropic":
            self.assertIn("Be brief.", json.dumps(sent["system"]))
            self.assertEqual((sent["max_tokens"], sent["stop_sequences"]), (77, ["END"]))
        elif up == "responses":
            self.assertIn("Be brief.", sent.get("instructions") or json.dumps(turns[0]))
            self.assertEqual(sent["max_output_tokens"], 77)
        else:
            self.assertEqual(sent["messages"], messages)

    def feature_streaming(self, up):
        stream = self.create(model=model("ok", up), messages=HI, stream=True)
        chunks = list(stream)
        self.assertEqual("".join(c.choices[0].delta.content or "" for c in chunks if c.choices), STREAMED)
        self.assertEqual(len({c.id for c in chunks}), 1)
        self.assertEqual([c.choices[0].finish_reason for c in chunks if c.choices][-1], "stop")
        self.assertFalse(any(c.usage for c in chunks), "usage was not asked for")

    def feature_streaming_helper(self, up):
        with self.openai.chat.completions.stream(model=model("ok", up), messages=HI,
                                                 stream_options={"include_usage": True}) as stream:
            deltas = [event.delta for event in stream if event.type == "content.delta"]
            final = stream.get_final_completion()
        self.assertEqual("".join(deltas), STREAMED)
        self.assertEqual(final.choices[0].message.content, STREAMED)
        self.assertEqual((final.usage.prompt_tokens, final.usage.completion_tokens, final.usage.total_tokens),
                         (11, 5, 16))

    def feature_tool_loop(self, up):
        messages = [{"role": "user", "content": "weather?"}]
        answer = self.create(model=model("tools", up), messages=messages, tools=[WEATHER], parallel_tool_calls=True)
        choice = answer.choices[0]
        self.assertEqual(choice.finish_reason, "tool_calls")
        called = choice.message.tool_calls
        self.assertEqual(tuple(json.loads(c.function.arguments)["city"] for c in called), CITIES)
        self.assertEqual(len({c.id for c in called}), 2)
        messages.append(choice.message.model_dump(exclude_none=True))
        messages += [{"role": "tool", "tool_call_id": c.id, "content": "sunny"} for c in called]
        answer = self.create(model=model("tools", up), messages=messages, tools=[WEATHER])
        self.assertEqual(answer.choices[0].message.content, "The tool said: sunny")
        self.assertEqual(answer.choices[0].finish_reason, "stop")

    def feature_tool_streaming(self, up):
        calls = {}
        chunks = list(self.create(model=model("tools", up), messages=HI, tools=[WEATHER], stream=True))
        for chunk in chunks:
            for piece in (chunk.choices[0].delta.tool_calls or []) if chunk.choices else []:
                call = calls.setdefault(piece.index, {"id": piece.id, "name": piece.function.name, "arguments": ""})
                call["arguments"] += piece.function.arguments or ""
        self.assertEqual(list(calls), [0, 1])
        self.assertEqual(tuple(json.loads(call["arguments"])["city"] for call in calls.values()), CITIES)
        self.assertEqual([call["name"] for call in calls.values()], ["weather"] * 2)
        self.assertEqual(len({call["id"] for call in calls.values()}), 2)
        self.assertEqual([c.choices[0].finish_reason for c in chunks if c.choices][-1], "tool_calls")

    def feature_tool_streaming_by_helper(self, up):
        with self.openai.chat.completions.stream(model=model("tools", up), messages=HI, tools=[WEATHER]) as stream:
            done = [e.arguments for e in stream if e.type == "tool_calls.function.arguments.done"]
            final = stream.get_final_completion()
        self.assertEqual(done, ['{"city":"Utrecht"}', '{"city":"Bonn"}'], "each call is told as done once, and whole")
        self.assertEqual(len(final.choices[0].message.tool_calls), 2)

    def feature_tool_choice(self, up):
        sent = self.sent(up, tools=[WEATHER], tool_choice={"type": "function", "function": {"name": "weather"}})
        self.assertIn("weather", json.dumps(sent["tool_choice"]))
        self.assertIn("The weather of a city.", json.dumps(sent["tools"]))
        if up == "anthropic":
            self.assertEqual(sent["tool_choice"]["type"], "tool")

    def feature_structured_output(self, up):
        answer = self.openai.chat.completions.parse(model=model("json", up), messages=HI, response_format=Person)
        self.assertEqual(answer.choices[0].message.parsed, Person(name="Ada", age=36))
        with self.openai.chat.completions.stream(model=model("json", up), messages=HI,
                                                 response_format=Person) as stream:
            self.assertEqual(stream.get_final_completion().choices[0].message.parsed, Person(name="Ada", age=36))

    def feature_schema_is_passed_on(self, up):
        schema = Person.model_json_schema() | {"additionalProperties": False}
        form = {"type": "json_schema", "json_schema": {"name": "person", "strict": True, "schema": schema}}
        raw = self.openai.chat.completions.with_raw_response.create(
            model=model("echo", up), messages=HI, response_format=form)
        text = raw.parse().choices[0].message.content
        # Either the upstream gets the schema, or the client is told that it did not.
        self.assertTrue('"age"' in text or raw.headers.get("x-thalamus-loss"), text)

    def feature_images(self, up):
        for url in (PIXEL_URL, IMAGE_URL):
            content = [{"type": "text", "text": "what?"}, {"type": "image_url", "image_url": {"url": url}}]
            sent = json.dumps(self.sent(up, messages=[{"role": "user", "content": content}]))
            self.assertIn(url.split("base64,")[-1], sent)
            self.assertIn({"openai": "image_url", "responses": "input_image", "anthropic": '"source"'}[up], sent)

    def feature_reasoning(self, up):
        message = self.create(model=model("reason", up), messages=HI, reasoning_effort="low").choices[0].message
        self.assertEqual(message.reasoning_content, "Let me think.")
        self.assertEqual(message.content, TEXT)
        chunks = self.create(model=model("reason", up), messages=HI, stream=True)
        thoughts = [getattr(c.choices[0].delta, "reasoning_content", None) or "" for c in chunks if c.choices]
        self.assertEqual("".join(thoughts), "Let me think.")

    def feature_refusal(self, up):
        choice = self.create(model=model("refuse", up), messages=HI).choices[0]
        said = choice.message.refusal if up != "anthropic" else choice.message.refusal or choice.message.content
        self.assertEqual(said, "I cannot do that.")
        # The responses protocol tells a refusal by its part alone, and OpenAI's chat ends one as any other answer.
        self.assertEqual(choice.finish_reason, "stop" if up == "responses" else "content_filter")
        with self.openai.chat.completions.stream(model=model("refuse", up), messages=HI) as stream:
            for _ in stream:
                pass
            message = stream.current_completion_snapshot.choices[0].message
        self.assertEqual(message.refusal or message.content, "I cannot do that.")

    def feature_usage(self, up):
        usage = self.create(model=model("cached", up), messages=HI).usage
        self.assert_usage(usage, up)
        stream = self.create(model=model("cached", up), messages=HI, stream=True,
                             stream_options={"include_usage": True})
        self.assert_usage([chunk.usage for chunk in stream if chunk.usage][-1], up)

    def assert_usage(self, usage, up):
        self.assertEqual((usage.prompt_tokens, usage.completion_tokens, usage.total_tokens), (100, 9, 109))
        self.assertEqual(usage.prompt_tokens_details.cached_tokens, 60)
        self.assertEqual(usage.completion_tokens_details.reasoning_tokens, 2)

    def feature_stop_reasons(self, up):
        for command, expected in (("ok", "stop"), ("length", "length")):
            self.assertEqual(self.create(model=model(command, up), messages=HI).choices[0].finish_reason, expected)
            chunks = self.create(model=model(command, up), messages=HI, stream=True)
            reasons = [c.choices[0].finish_reason for c in chunks if c.choices and c.choices[0].finish_reason]
            self.assertEqual(reasons, [expected])

    def feature_error_classes(self, up):
        table = ((400, openai.BadRequestError, 400), (422, openai.BadRequestError, 400),
                 (413, openai.APIStatusError, 413), (429, openai.RateLimitError, 429),
                 (500, openai.InternalServerError, 502), (503, openai.InternalServerError, 503),
                 (404, openai.InternalServerError, 502))
        for asked, error, status in table:
            with self.subTest(status=asked), self.assertRaises(error) as raised:
                self.create(model=model(f"status-{asked}", up), messages=HI)
            self.assertEqual(raised.exception.status_code, status)
            self.assertIn(f"scripted status {asked}", raised.exception.message)
            self.assertTrue(raised.exception.request_id)
            self.assertTrue(raised.exception.type)
        # The provider's key is dead: at first its own words, from then on that nothing is left to call with.
        with self.assertRaises(openai.InternalServerError):
            self.create(model=model("status-401", up), messages=HI)

    def feature_error_in_a_stream(self, up):
        for command in ("late-error", "cut-after"):
            stream = self.create(model=model(command, up), messages=HI, stream=True)
            with self.assertRaises(openai.APIError):
                for _ in stream:
                    pass

    def feature_retries(self, up):
        name = model("flaky-2", up)
        ask = [{"role": "user", "content": "openai-python chat " + up}]
        with new_client(max_retries=3) as patient:
            self.assert_calls(name, 3, lambda: self.assertEqual(
                patient.chat.completions.create(model=name, messages=ask).choices[0].message.content, TEXT))
            name = model("status-400", up)

            def wrong():
                with self.assertRaises(openai.BadRequestError):
                    patient.chat.completions.create(model=name, messages=HI)
            self.assert_calls(name, 1, wrong)

    def feature_time_out(self, up):
        name = model("slow-3000", up)
        self.assert_times_out(name, lambda headers: self.create(model=name, messages=HI, timeout=0.3,
                                                                extra_headers=headers), openai.APITimeoutError)

    def feature_cancellation(self, up):
        def leave():
            stream = self.create(model=model("drip-50", up), messages=HI, stream=True)
            next(chunk for chunk in stream if chunk.choices and chunk.choices[0].delta.content)
            stream.close()
        self.assert_cancels(model("drip-50", up), leave)

    def feature_request_id_and_headers(self, up):
        raw = self.openai.chat.completions.with_raw_response.create(model=model("ok", up), messages=HI)
        self.assertEqual(raw.headers["x-thalamus-target"], model("ok", up))
        self.assertRegex(raw.headers["x-request-id"], r"^[0-9a-f]{32}$")
        self.assertEqual(raw.parse()._request_id, raw.headers["x-request-id"])

    def feature_losses_are_told(self, up):
        # A penalty has no place in Anthropic's protocol or in Responses.
        raw = self.openai.chat.completions.with_raw_response.create(
            model=model("ok", up), messages=HI, frequency_penalty=0.5)
        self.assertEqual("frequency_penalty" in raw.headers.get("x-thalamus-loss", ""), up != "openai")
        if up == "openai":
            return
        with self.assertRaises(openai.BadRequestError) as raised:
            self.create(model=model("strict", up), messages=HI, frequency_penalty=0.5)
        self.assertIn("frequency_penalty", raised.exception.message)

    def once_models(self):
        listed = [m.id for m in self.openai.models.list()]
        self.assertIn("auto", listed)
        self.assertEqual(self.openai.models.retrieve("auto").id, "auto")
        self.assertEqual(self.openai.models.retrieve(model("ok", "openai")).id, model("ok", "openai"))
        with self.assertRaises(openai.NotFoundError):
            self.openai.models.retrieve("no-such-model")

    def once_embeddings(self):
        try:
            answer = self.openai.embeddings.create(model="auto", input=["one", "two"])
        except openai.NotFoundError as error:
            if "no such path" not in error.message:
                raise
            raise unittest.SkipTest("the gateway has no /v1/embeddings yet") from None
        except openai.BadRequestError as error:
            self.assertIn("embedding", error.message)
            return
        self.assertEqual(len(answer.data), 2)

    def once_gateway_errors(self):
        with self.assertRaises(openai.NotFoundError) as raised:
            self.create(model="no-such-model", messages=HI)
        self.assertEqual(raised.exception.code, "model_not_found")
        with self.assertRaises(openai.BadRequestError) as raised:
            self.create(model="auto", messages=[])
        self.assertEqual(raised.exception.param, "messages")
        with self.assertRaises(openai.UnprocessableEntityError):
            self.create(model="narrow@openai", messages=[{"role": "user", "content": "many words " * 400}])
        with self.assertRaises(openai.InternalServerError) as raised:
            self.create(model="down", messages=HI)
        self.assertEqual(raised.exception.status_code, 503)
        with new_client(GUARDED, api_key="wrong-key-123") as stranger, \
                self.assertRaises(openai.AuthenticationError):
            stranger.chat.completions.create(model="auto", messages=HI)
        with new_client(GUARDED, api_key=KEY) as known:
            self.assertEqual(known.chat.completions.create(model="auto", messages=HI).choices[0].message.content, TEXT)
            with self.assertRaises(openai.APIStatusError) as raised:
                known.chat.completions.create(model="auto", messages=[{"role": "user", "content": "x" * 40000}])
            self.assertEqual(raised.exception.status_code, 413)

    def once_fallback(self):
        raw = self.openai.chat.completions.with_raw_response.create(model="auto", messages=HI)
        self.assertEqual(raw.headers["x-thalamus-target"], "ok@anthropic")
        self.assertEqual(raw.parse().choices[0].message.content, TEXT)


if __name__ == "__main__":
    main()
