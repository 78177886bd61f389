"""The official OpenAI client for Python: the Responses API."""

import json

import openai
import pydantic
from support import (BASE, CITIES, GUARDED, IMAGE_URL, KEY, PIXEL_URL, STREAMED, TEXT, Conformance, expand,
                     main, model)

WEATHER = {"type": "function", "name": "weather", "description": "The weather of a city.", "strict": True,
           "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"],
                          "additionalProperties": False}}


class Person(pydantic.BaseModel):
    name: str
    age: int


def new_client(base=BASE, **options):
    return openai.OpenAI(**{"base_url": base + "/v1", "api_key": "any", "max_retries": 0, **options})


def refusals(response):
    return "".join(part.refusal for item in response.output if item.type == "message" for part in item.content
                   if part.type == "refusal")


def thoughts(response):
    return "".join(part.text for item in response.output if item.type == "reasoning"
                   for part in (item.summary or item.content or []))


@expand
class OpenaiResponses(Conformance):
    client = "openai Python, responses"

    def setUp(self):
        self.openai = new_client()
        self.addCleanup(self.openai.close)

    def create(self, command, up, **fields):
        return self.openai.responses.create(**{"model": model(command, up), "input": "hi", "store": False, **fields})

    def stream(self, command, up, **fields):
        return self.openai.responses.stream(**{"model": model(command, up), "input": "hi", "store": False, **fields})

    def final(self, command, up, **fields):
        with self.stream(command, up, **fields) as stream:
            return stream.get_final_response()

    def sent(self, up, **fields):
        return json.loads(self.create("echo", up, **fields).output_text)

    def feature_chat(self, up):
        response = self.create("ok", up)
        self.assertEqual((response.output_text, response.status, response.object), (TEXT, "completed", "response"))
        self.assertGreater(response.created_at, 1_600_000_000)

    def feature_system_and_turns(self, up):
        turns = [{"role": "user", "content": "one"}, {"role": "assistant", "content": "two"},
                 {"role": "user", "content": [{"type": "input_text", "text": "three"}]}]
        sent = self.sent(up, instructions="Be brief.", input=turns, temperature=0.5, max_output_tokens=77)
        self.assertEqual(sent["temperature"], 0.5)
        got = sent["input" if up == "responses" else "messages"]
        self.assertEqual([t["role"] for t in got if t.get("role") not in ("system", "developer")],
                         ["user", "assistant", "user"])
        self.assertIn("three", json.dumps(got[-1]))
        if up == "openai":
            self.assertIn(got[0]["role"], ("system", "developer"))
            self.assertEqual(got[0]["content"], "Be brief.")
            self.assertEqual(sent.get("max_completion_tokens", sent.get("max_tokens")), 77)
        elif up == "anthropic":
            self.assertIn("Be brief.", json.dumps(sent["system"]))
            self.assertEqual(sent["max_tokens"], 77)
        else:
            self.assertEqual((sent["instructions"], got), ("Be brief.", turns))

    def feature_streaming(self, up):
        events = list(self.create("ok", up, stream=True))
        self.assertEqual([events[0].type, events[-1].type], ["response.created", "response.completed"])
        self.assertEqual("".join(e.delta for e in events if e.type == "response.output_text.delta"), STREAMED)
        numbers = [event.sequence_number for event in events]
        self.assertEqual(numbers, sorted(set(numbers)), "sequence numbers grow")
        self.assertEqual(events[-1].response.output_text, STREAMED)
        self.assertEqual(events[-1].response.id, events[0].response.id)

    def feature_streaming_helper(self, up):
        with self.stream("ok", up) as stream:
            deltas = [event.delta for event in stream if event.type == "response.output_text.delta"]
            final = stream.get_final_response()
        self.assertEqual("".join(deltas), STREAMED)
        self.assertEqual((final.output_text, final.status), (STREAMED, "completed"))
        self.assertEqual((final.usage.input_tokens, final.usage.output_tokens, final.usage.total_tokens), (11, 5, 16))

    def feature_tool_loop(self, up):
        items = [{"role": "user", "content": "weather?"}]
        response = self.create("tools", up, input=items, tools=[WEATHER])
        called = [item for item in response.output if item.type == "function_call"]
        self.assertEqual(tuple(json.loads(item.arguments)["city"] for item in called), CITIES)
        items += [item.model_dump(exclude_none=True) for item in response.output]
        items += [{"type": "function_call_output", "call_id": item.call_id, "output": "sunny"} for item in called]
        self.assertEqual(self.create("tools", up, input=items, tools=[WEATHER]).output_text, "The tool said: sunny")

    def feature_tool_streaming(self, up):
        with self.stream("tools", up, tools=[WEATHER]) as stream:
            done = [event for event in stream if event.type == "response.function_call_arguments.done"]
            final = stream.get_final_response()
        self.assertEqual(sorted(json.loads(event.arguments)["city"] for event in done), sorted(CITIES))
        self.assertEqual(tuple(json.loads(item.arguments)["city"] for item in final.output
                               if item.type == "function_call"), CITIES)

    def feature_tool_choice(self, up):
        sent = self.sent(up, tools=[WEATHER], tool_choice={"type": "function", "name": "weather"},
                         parallel_tool_calls=False)
        self.assertIn("weather", json.dumps(sent["tool_choice"]))
        self.assertIn("The weather of a city.", json.dumps(sent["tools"]))
        if up == "anthropic":
            self.assertIs(sent["tool_choice"]["disable_parallel_tool_use"], True)

    def feature_structured_output(self, up):
        response = self.openai.responses.parse(model=model("json", up), input="hi", text_format=Person, store=False)
        self.assertEqual(response.output_parsed, Person(name="Ada", age=36))
        self.assertEqual(self.final("json", up, text_format=Person).output_parsed, Person(name="Ada", age=36))

    def feature_schema_is_passed_on(self, up):
        schema = Person.model_json_schema() | {"additionalProperties": False}
        raw = self.openai.responses.with_raw_response.create(
            model=model("echo", up), input="hi", store=False,
            text={"format": {"type": "json_schema", "name": "person", "strict": True, "schema": schema}})
        text = raw.parse().output_text
        self.assertTrue('"age"' in text or raw.headers.get("x-thalamus-loss"), text)

    def feature_images(self, up):
        for url in (PIXEL_URL, IMAGE_URL):
            content = [{"type": "input_text", "text": "what?"},
                       {"type": "input_image", "image_url": url, "detail": "auto"}]
            sent = json.dumps(self.sent(up, input=[{"role": "user", "content": content}]))
            self.assertIn(url.split("base64,")[-1], sent)
            self.assertIn({"openai": "image_url", "responses": "input_image", "anthropic": '"source"'}[up], sent)

    def feature_reasoning(self, up):
        asked = {"reasoning": {"effort": "low", "summary": "auto"}, "include": ["reasoning.encrypted_content"]}
        for response, text in ((self.create("reason", up, **asked), TEXT),
                               (self.final("reason", up, **asked), STREAMED)):
            self.assertEqual([item.type for item in response.output], ["reasoning", "message"])
            self.assertEqual((thoughts(response), response.output_text), ("Let me think.", text))
            if up != "openai":
                self.assertTrue(response.output[0].encrypted_content, "what the next turn must bring back")

    def feature_reasoning_comes_back(self, up):
        if up == "openai":
            self.skipTest("chat completions have no place for a proof of reasoning")
        response = self.create("reason", up, include=["reasoning.encrypted_content"])
        items = [{"role": "user", "content": "hi"}, *(i.model_dump(exclude_none=True) for i in response.output),
                 {"role": "user", "content": "go on"}]
        self.assertIn("c2lnbmVk", json.dumps(self.sent(up, input=items)))

    def feature_refusal(self, up):
        for response in (self.create("refuse", up), list(self.create("refuse", up, stream=True))[-1].response):
            self.assert_refused(response, up)

    def feature_refusal_by_helper(self, up):
        self.assert_refused(self.final("refuse", up), up)

    def assert_refused(self, response, up):
        # Anthropic's protocol says that it is a refusal by the stop reason, not by the text.
        said = refusals(response) if up != "anthropic" else refusals(response) or response.output_text
        self.assertEqual(said, "I cannot do that.")

    def feature_usage(self, up):
        for response in (self.create("cached", up), self.final("cached", up)):
            usage = response.usage
            self.assertEqual((usage.input_tokens, usage.output_tokens, usage.total_tokens), (100, 9, 109))
            self.assertEqual(usage.input_tokens_details.cached_tokens, 60)
            self.assertEqual(usage.output_tokens_details.reasoning_tokens, 2)

    def feature_stop_reasons(self, up):
        for response in (self.create("length", up), self.create("length", up, stream=True)):
            if not isinstance(response, openai.types.responses.Response):
                last = list(response)[-1]
                self.assertEqual(last.type, "response.incomplete")
                response = last.response
            self.assertEqual((response.status, response.incomplete_details.reason), ("incomplete", "max_output_tokens"))

    def feature_error_classes(self, up):
        table = ((400, openai.BadRequestError, 400), (422, openai.BadRequestError, 400),
                 (413, openai.APIStatusError, 413), (429, openai.RateLimitError, 429),
                 (500, openai.InternalServerError, 502), (503, openai.InternalServerError, 503))
        for asked, error, status in table:
            with self.subTest(status=asked), self.assertRaises(error) as raised:
                self.create(f"status-{asked}", up)
            self.assertEqual(raised.exception.status_code, status)
            self.assertIn(f"scripted status {asked}", raised.exception.message)
            self.assertTrue(raised.exception.request_id)

    def feature_error_in_a_stream(self, up):
        # The client hands the event of an error on instead of raising it; `cut-after` must not look complete either.
        for command in ("late-error", "cut-after"):
            stream = self.create(command, up, stream=True)
            try:
                last = list(stream)[-1]
            except openai.APIError:
                continue
            self.assertIn(last.type, ("error", "response.failed"))

    def feature_retries(self, up):
        name = model("flaky-2", up)
        with new_client(max_retries=3) as patient:
            self.assert_calls(name, 3, lambda: self.assertEqual(
                patient.responses.create(model=name, input="openai-python responses " + up).output_text, TEXT))
            name = model("status-400", up)

            def wrong():
                with self.assertRaises(openai.BadRequestError):
                    patient.responses.create(model=name, input="hi")
            self.assert_calls(name, 1, wrong)

    def feature_time_out(self, up):
        self.assert_times_out(model("slow-3000", up), lambda headers: self.create(
            "slow-3000", up, timeout=0.3, extra_headers=headers), openai.APITimeoutError)

    def feature_cancellation(self, up):
        def leave():
            stream = self.create("drip-50", up, stream=True)
            next(event for event in stream if event.type == "response.output_text.delta")
            stream.close()
        self.assert_cancels(model("drip-50", up), leave)

    def feature_request_id_and_headers(self, up):
        raw = self.openai.responses.with_raw_response.create(model=model("ok", up), input="hi", store=False)
        self.assertEqual(raw.headers["x-thalamus-target"], model("ok", up))
        self.assertEqual(raw.parse()._request_id, raw.headers["x-request-id"])

    def feature_losses_are_told(self, up):
        # `service_tier` and `truncation` are said to OpenAI only; a state kept by the provider to nobody else.
        raw = self.openai.responses.with_raw_response.create(model=model("ok", up), input="hi", store=False,
                                                             truncation="auto")
        self.assertEqual("truncation" in raw.headers.get("x-thalamus-loss", ""), up != "responses")

    def feature_state_is_refused_clearly(self, up):
        if up == "responses":
            self.skipTest("a provider with this protocol keeps its own state")
        with self.assertRaises(openai.BadRequestError) as raised:
            self.create("ok", up, previous_response_id="resp_123")
        self.assertIn("previous_response_id", raised.exception.message)

    def once_gateway_errors(self):
        with self.assertRaises(openai.NotFoundError):
            self.openai.responses.create(model="no-such-model", input="hi")
        with self.assertRaises(openai.BadRequestError):
            self.openai.responses.create(model="auto", input=[{"role": "nobody", "content": "x"}])
        with self.assertRaises(openai.UnprocessableEntityError):
            self.create("narrow", "responses", input="many words " * 400)
        with new_client(GUARDED, api_key="wrong-key-123") as stranger, self.assertRaises(openai.AuthenticationError):
            stranger.responses.create(model="auto", input="hi")
        with new_client(GUARDED, api_key=KEY) as known, self.assertRaises(openai.APIStatusError) as raised:
            known.responses.create(model="auto", input="x" * 40000)
        self.assertEqual(raised.exception.status_code, 413)


if __name__ == "__main__":
    main()
