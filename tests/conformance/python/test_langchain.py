"""LangChain's OpenAI client, over chat completions and over the Responses API."""

import json

import openai
import pydantic
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from support import (BASE, CITIES, GUARDED, IMAGE_URL, PIXEL_URL, STREAMED, TEXT, Conformance, expand, main, model)


class Person(pydantic.BaseModel):
    """A person."""

    name: str
    age: int


@tool
def weather(city: str) -> str:
    """The weather of a city."""
    return "sunny in " + city


class Shared(Conformance):
    responses = False

    def chat(self, command, up, **options):
        fields = {"base_url": BASE + "/v1", "api_key": "any", "max_retries": 0,
                  "use_responses_api": self.responses, **options}
        if self.responses:
            fields.setdefault("store", False)
        return ChatOpenAI(model=model(command, up), **fields)

    def text(self, message):
        return str(message.text)


class Features(Shared):
    def feature_chat(self, up):
        self.assertEqual(self.text(self.chat("ok", up).invoke("hi")), TEXT)

    def feature_system_and_turns(self, up):
        turns = [SystemMessage("Be brief."), HumanMessage("one"), AIMessage("two"), HumanMessage("three")]
        sent = json.loads(self.text(self.chat("echo", up, temperature=0.5).invoke(turns)))
        self.assertEqual(sent["temperature"], 0.5)
        for word in ("Be brief.", "one", "two", "three"):
            self.assertIn(word, json.dumps(sent))

    def feature_streaming(self, up):
        chunks = list(self.chat("ok", up, stream_usage=True).stream("hi"))
        self.assertEqual("".join(self.text(chunk) for chunk in chunks), STREAMED)
        whole = chunks[0]
        for chunk in chunks[1:]:
            whole = whole + chunk
        self.assertEqual((whole.usage_metadata["input_tokens"], whole.usage_metadata["output_tokens"]), (11, 5))

    def feature_tool_loop(self, up):
        bound = self.chat("tools", up).bind_tools([weather])
        turns = [HumanMessage("weather?")]
        turns.append(bound.invoke(turns))
        self.assertEqual(tuple(call["args"]["city"] for call in turns[-1].tool_calls), CITIES)
        turns += [weather.invoke(call) for call in turns[-1].tool_calls]
        self.assertIsInstance(turns[-1], ToolMessage)
        self.assertEqual(self.text(bound.invoke(turns)), "The tool said: sunny in Bonn")

    def feature_tool_streaming(self, up):
        whole = None
        for chunk in self.chat("tools", up).bind_tools([weather]).stream("weather?"):
            whole = chunk if whole is None else whole + chunk
        self.assertEqual(tuple(call["args"]["city"] for call in whole.tool_calls), CITIES)

    def feature_structured_output(self, up):
        asked = self.chat("json", up).with_structured_output(Person, method="json_schema")
        self.assertEqual(asked.invoke("who?"), Person(name="Ada", age=36))

    def feature_images(self, up):
        for url in (PIXEL_URL, IMAGE_URL):
            turn = HumanMessage([{"type": "text", "text": "what?"}, {"type": "image_url", "image_url": {"url": url}}])
            sent = self.text(self.chat("echo", up).invoke([turn]))
            self.assertIn(url.split("base64,")[-1], sent)

    def feature_usage(self, up):
        usage = self.chat("cached", up).invoke("hi").usage_metadata
        self.assertEqual((usage["input_tokens"], usage["output_tokens"], usage["total_tokens"]), (100, 9, 109))
        self.assertEqual(usage["input_token_details"]["cache_read"], 60)
        self.assertEqual(usage["output_token_details"]["reasoning"], 2)

    def feature_error_classes(self, up):
        for asked, error in ((400, openai.BadRequestError), (429, openai.RateLimitError),
                             (500, openai.InternalServerError), (503, openai.InternalServerError)):
            with self.subTest(status=asked), self.assertRaises(error):
                self.chat(f"status-{asked}", up).invoke("hi")

    def feature_retries(self, up):
        asked = f"{self.client} {up}"
        self.assert_calls(model("flaky-2", up), 3, lambda: self.assertEqual(
            self.text(self.chat("flaky-2", up, max_retries=3).invoke(asked)), TEXT))

    def feature_time_out(self, up):
        self.assert_times_out(model("slow-3000", up), lambda headers: self.chat(
            "slow-3000", up, timeout=0.3).invoke("hi", extra_headers=headers), openai.APITimeoutError)

    def feature_cancellation(self, up):
        def leave():
            stream = self.chat("drip-50", up).stream("hi")
            next(chunk for chunk in stream if self.text(chunk))
            stream.close()
        self.assert_cancels(model("drip-50", up), leave)


@expand
class LangchainChat(Shared):
    client = "LangChain, chat"
    vars().update({name: value for name, value in vars(Features).items() if name.startswith("feature_")})

    def once_wrong_key(self):
        with self.assertRaises(openai.AuthenticationError):
            self.chat("ok", "openai", base_url=GUARDED + "/v1", api_key="wrong-key-123").invoke("hi")

    def once_embeddings(self):
        embeddings = OpenAIEmbeddings(model="auto", base_url=BASE + "/v1", api_key="any", max_retries=0,
                                      check_embedding_ctx_length=False)
        try:
            vectors = embeddings.embed_documents(["one", "two"])
        except openai.NotFoundError as error:
            if "no such path" not in str(error):
                raise
            self.skipTest("the gateway has no /v1/embeddings yet")
        except openai.BadRequestError as error:
            self.assertIn("embedding", str(error))
            return
        self.assertEqual(len(vectors), 2)


@expand
class LangchainResponses(Shared):
    client = "LangChain, responses"
    responses = True
    vars().update({name: value for name, value in vars(Features).items() if name.startswith("feature_")})

    def feature_reasoning(self, up):
        message = self.chat("reason", up, reasoning={"effort": "low", "summary": "auto"}).invoke("hi")
        blocks = [block for block in message.content_blocks if block["type"] == "reasoning"]
        self.assertEqual("".join(block["reasoning"] for block in blocks), "Let me think.")


del Features

if __name__ == "__main__":
    main()
