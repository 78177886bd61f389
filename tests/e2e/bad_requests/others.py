"""Malformed requests of the endpoints beside the three protocols: embeddings, decisions, counts, models."""

from . import chat, common, messages
from .case import Case, Request

EMBEDDINGS = Request(model="embedding-model", input="hello")
COUNT = "a whole number from"


def embedding(what, text, param, *says, status=400, **more):
    return Case(what, EMBEDDINGS.plus(text), status, param, says, **more)


def given(what, text, place, *says, status=400, **more):
    return Case(what, EMBEDDINGS.but("input", text), status, "input" + place, says, **more)


def of_embeddings():
    form = "an array of strings, an array of tokens"
    many = "[" + ",".join(['"x"'] * 2049) + "]"
    return [
        Case("no `input`", EMBEDDINGS.without("input"), 400, "input", ("missing", form)),
        given("`input` is null", "null", "", "missing", form),
        given("`input` is empty", "[]", "", "got []", form),
        given("`input` is an empty string", '""', "", 'got ""', "a non-empty string"),
        given("`input` is a number", "5", "", "got 5", form),
        given("`input` is an object", '{"text":"x"}', "", "an object", form),
        given("a text is empty", '["a",""]', "[1]", 'got ""', "a non-empty string"),
        given("a text is null", '["a",null]', "[1]", "got null", "a string"),
        given("texts and tokens", '["a",5]', "[1]", "got 5", "a string"),
        given("tokens and texts", '[5,"a"]', "[1]", '"a"', COUNT),
        given("an empty array of tokens", "[[1],[]]", "[1]", "got []", "a non-empty array of tokens"),
        given("a token is negative", "[1,-2]", "[1]", "got -2", COUNT),
        given("a token has a fraction", "[[1.5]]", "[0][0]", "got 1.5", COUNT),
        given("a token past 32 bits", "[4294967296]", "[0]", "got 4294967296", COUNT),
        given("2049 texts", many, "", "more than 2048", "several requests", status=413, code="request_too_large"),
        embedding("`input` twice", '"input":"x"', "input", "given twice; give it once"),
        embedding("an unknown encoding", '"encoding_format":"flaot"', "encoding_format", '"flaot"',
                  "did you mean 'float'"),
        embedding("the encoding is a number", '"encoding_format":1', "encoding_format", "got 1", "a string"),
        embedding("no dimensions", '"dimensions":0', "dimensions", "got 0", COUNT),
        embedding("dimensions with a fraction", '"dimensions":2.5', "dimensions", "got 2.5", COUNT),
        embedding("dimensions in words", '"dimensions":"many"', "dimensions", '"many"', COUNT),
        embedding("`user` is a number", '"user":1', "user", "got 1", "a string"),
        Case("a route without such a target", EMBEDDINGS.but("model", '"chat-model"'), 400, "model",
             ("'chat-model'", "no target that gives embeddings", "embeddings: true")),
    ]


def of_decisions():
    good = chat.REQUEST.good()

    def row(what, body, param, *says, **more):
        return Case(what, body, 400, param, says, **more)

    return [
        row("an unknown protocol", good, "x-thalamus-format", "'opnai'", "did you mean 'openai'",
            headers={"x-thalamus-format": "opnai"}),
        row("an empty protocol", good, "x-thalamus-format", "''", "openai, responses, anthropic",
            headers={"x-thalamus-format": ""}),
        row("the words of another protocol", good, "input", "missing", "a string or a non-empty array",
            headers={"x-thalamus-format": "responses"}),
        row("no body", b"", "body", "got an empty body", "expected a JSON object"),
        row("no `messages`", chat.REQUEST.without("messages"), "messages", "missing", "at least one message"),
        row("an unknown member of the contract", chat.REQUEST.plus('"thalamus":{"costs":1}'), "thalamus", '"costs"',
            "max_cost_usd"),
        row("a model with a slip", chat.REQUEST.but("model", '"chat-modle"'), "model", "did you mean 'chat-model'",
            code="model_not_found")._replace(status=404),
        Case("GET instead of POST", b"", 405, None, ("POST only",), code=None, method="GET"),
        common.keys(chat.REQUEST, "messages-model")[0],
        common.keys(chat.REQUEST, "messages-model")[3],
        common.keys(chat.REQUEST, "messages-model")[6],
    ]


def of_counts():
    request = Request(model=messages.MODEL, messages=[messages.USER])

    def row(what, body, param, *says, **more):
        return Case(what, body, 400, param, says, **more)

    return [
        row("no body", b"", "body", "got an empty body", "expected a JSON object"),
        row("cut", b"{", "body", "at byte 1", "ends inside an object"),
        row("no `messages`", request.without("messages"), "messages", "missing", "at least one message"),
        row("no `model`", request.without("model"), "model", "missing", "GET /v1/models lists them"),
        row("`messages` is a string", request.but("messages", '"x"'), "messages", '"x"', "array of messages"),
        row("`system` is a number", request.plus('"system":5'), "system", "got 5", "a string or an array"),
        row("a tool without a schema", request.plus('"tools":[{"name":"f"}]'), "tools[0].input_schema", "missing",
            "a JSON schema object"),
        row("a budget of less than 1024", request.plus('"thinking":{"type":"enabled","budget_tokens":1}'),
            "thinking.budget_tokens", "got 1", "from 1024"),
        Case("GET instead of POST", b"", 405, None, ("POST only",), code=None, method="GET"),
        row("a model with a slip", request.but("model", '"messages-modle"'), "model", "did you mean 'messages-model'",
            code="model_not_found")._replace(status=404),
        *common.keys(request, "chat-model")[:7:3],
    ]


def of_models():
    return [
        Case("a model with a slip", b"", 404, "model", ("'chat-modle'", "did you mean 'chat-model'"),
             code="model_not_found", method="GET", path="/v1/models/chat-modle"),
        Case("POST instead of GET", b"{}", 405, None, ("GET only",), code=None),
        Case("no key", b"", 401, None, ("no API key given",), code="invalid_api_key", method="GET", keyed=True),
        Case("a model that the key may not use: it is not named", b"", 404, "model",
             ("the model 'messages-model' does not exist; GET /v1/models lists them",), code="model_not_found",
             method="GET", path="/v1/models/messages-model", keyed=True,
             headers={"authorization": f"Bearer {common.KEY}"}),
    ]
