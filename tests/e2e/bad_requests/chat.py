"""Malformed requests of OpenAI's chat completions."""

from . import common
from .case import Case, Passed, Request

PATH = "/v1/chat/completions"
MODEL = "chat-model"
USER = {"role": "user", "content": "hello"}
REQUEST = Request(model=MODEL, messages=[USER])
TOOL = '{"type":"function","function":{"name":"f","parameters":{}}}'
CALL = '{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}'
COUNT = "a whole number from 1 to"
ROLES = "system, developer, user, assistant, tool, function"


def row(what, text, param, *says, status=400, **more):
    """With more members."""
    return Case(what, REQUEST.plus(text), status, param, says, **more)


def messages(what, text, place, *says):
    return Case(what, REQUEST.but("messages", text), 400, "messages" + place, says)


def second(what, text, place, *says):
    """With a second message."""
    return messages(what, '[{"role":"user","content":"hello"},' + text + "]", "[1]" + place, *says)


def part(what, text, place, *says):
    """With a second part in the user's content."""
    text = '[{"role":"user","content":[{"type":"text","text":"see"},' + text + "]}]"
    return messages(what, text, "[0].content[1]" + place, *says)


def of_messages():
    return [
        Case("no `messages`", REQUEST.without("messages"), 400, "messages", ("missing", "at least one message")),
        messages("`messages` is null", "null", "", "missing", "at least one message"),
        messages("`messages` is empty", "[]", "", "got []", "at least one with role and content"),
        messages("`messages` is a string", '"hello"', "", 'got "hello"', "a non-empty array of messages"),
        messages("`messages` is one message", '{"role":"user","content":"x"}', "", "an object", "array of messages"),
        row("`messages` twice", '"messages":[]', "messages", "given twice; give it once"),
        messages("a message is a string", '["hello"]', "[0]", 'got "hello"', "an object"),
        messages("a message is null", "[null]", "[0]", "got null", "an object"),
        second("no role", '{"content":"x"}', ".role", "missing", "system, developer, user, assistant"),
        second("a role with a slip", '{"role":"usr","content":"x"}', ".role", '"usr"', "did you mean 'user'"),
        second("the role of another protocol", '{"role":"model","content":"x"}', ".role", '"model"', ROLES),
        second("a role that is a number", '{"role":1,"content":"x"}', ".role", "got 1", "a string"),
        second("a role twice", '{"role":"user","role":"system","content":"x"}', ".role", "given twice"),
        second("no content", '{"role":"user"}', ".content", "got nothing", "a string or an array of parts"),
        second("content is null for a user", '{"role":"user","content":null}', ".content", "got null",
               "a string or an array of parts"),
        second("content is a number", '{"role":"user","content":42}', ".content", "got 42",
               "a string or an array of parts"),
        second("content is one part", '{"role":"user","content":{"type":"text","text":"x"}}', ".content", "an object",
               "a string or an array of parts"),
        second("content twice", '{"role":"user","content":"x","content":"y"}', ".content", "given twice"),
        part("a part is a string", '"hello"', "", 'got "hello"', "an object"),
        part("a part without a type", '{"text":"x"}', ".type", "missing", "text, image_url"),
        part("a part's type is a number", '{"type":1,"text":"x"}', ".type", "got 1", "a string"),
        part("a text part without text", '{"type":"text"}', ".text", "missing", "a string"),
        part("a text part's text is a number", '{"type":"text","text":5}', ".text", "got 5", "a string"),
        part("a text part's text twice", '{"type":"text","text":"a","text":"b"}', ".text", "given twice"),
        part("an image without an address", '{"type":"image_url"}', ".image_url", "missing", '"url"'),
        part("an image's address is empty", '{"type":"image_url","image_url":{"url":""}}', ".image_url.url", 'got ""',
             "data:"),
        part("an image's address is a number", '{"type":"image_url","image_url":{"url":7}}', ".image_url.url", "got 7",
             "a string"),
        part("an image's address is a file name", '{"type":"image_url","image_url":{"url":"cat.png"}}',
             ".image_url.url", '"cat.png"', "data:"),
        part("an image's data URL without base64", '{"type":"image_url","image_url":{"url":"data:image/png,AAAA"}}',
             ".image_url.url", '"data:image/png,AAAA"', ";base64,"),
        part("an image's data URL without data", '{"type":"image_url","image_url":{"url":"data:image/png;base64,"}}',
             ".image_url.url", "a data URL without data", "base64,DATA"),
        second("a tool's result without an id", '{"role":"tool","content":"42"}', ".tool_call_id", "missing",
               "the id of the call"),
        second("a tool's result with an empty id", '{"role":"tool","tool_call_id":"","content":"42"}',
               ".tool_call_id", 'got ""', "the id of the call"),
        second("a tool's result whose id is a number", '{"role":"tool","tool_call_id":1,"content":"42"}',
               ".tool_call_id", "got 1", "a string"),
        second("calls that are no array", '{"role":"assistant","tool_calls":%s}' % CALL, ".tool_calls", "an object",
               "an array"),
        second("no calls and no content", '{"role":"assistant","tool_calls":[]}', ".content", "got nothing",
               "tool_calls"),
        second("a call without an id", '{"role":"assistant","tool_calls":[%s]}' % CALL.replace('"id":"c",', ""),
               ".tool_calls[0].id", "missing", "tool_call_id"),
        second("a call without a function", '{"role":"assistant","tool_calls":[{"id":"c","type":"function"}]}',
               ".tool_calls[0].function", "missing", '"name"'),
        second("a call without a name", '{"role":"assistant","tool_calls":[%s]}' % CALL.replace('"name":"f",', ""),
               ".tool_calls[0].function.name", "got none", "function's name"),
        second("a call's arguments are an object",
               '{"role":"assistant","tool_calls":[%s]}' % CALL.replace('"{}"', "{}"),
               ".tool_calls[0].function.arguments", "an object", "a string"),
    ]


def of_options():
    return [
        row("`stream` is a word", '"stream":"yes"', "stream", '"yes"', "true or false"),
        row("`stream` is a number", '"stream":1', "stream", "got 1", "true or false"),
        row("`stream_options` is a flag", '"stream":true,"stream_options":true', "stream_options", "got true",
            "an object"),
        row("`include_usage` is a word", '"stream":true,"stream_options":{"include_usage":"yes"}',
            "stream_options.include_usage", '"yes"', "true or false"),
        row("`temperature` is a word", '"temperature":"hot"', "temperature", '"hot"', "a number from 0 to 2"),
        row("`temperature` below its range", '"temperature":-0.1', "temperature", "got -0.1", "from 0 to 2"),
        row("`temperature` above its range", '"temperature":2.5', "temperature", "got 2.5", "from 0 to 2"),
        row("`temperature` is infinite", '"temperature":1e400', "temperature", "got 1e400", "from 0 to 2"),
        row("`temperature` twice", '"temperature":0,"temperature":1', "temperature", "given twice; give it once"),
        row("`top_p` above its range", '"top_p":1.01', "top_p", "got 1.01", "from 0 to 1"),
        row("`top_p` is an array", '"top_p":[0.5]', "top_p", "an array", "from 0 to 1"),
        row("`max_tokens` is zero", '"max_tokens":0', "max_tokens", "got 0", COUNT),
        row("`max_tokens` is negative", '"max_tokens":-1', "max_tokens", "got -1", COUNT),
        row("`max_tokens` has a fraction", '"max_tokens":10.5', "max_tokens", "got 10.5", COUNT),
        row("`max_tokens` past 32 bits", '"max_tokens":4294967296', "max_tokens", "got 4294967296", COUNT),
        row("`max_tokens` of a hundred digits", f'"max_tokens":{"9" * 100}', "max_tokens", "got 9999", COUNT),
        row("`max_tokens` is a string", '"max_tokens":"100"', "max_tokens", '"100"', COUNT),
        row("`max_completion_tokens` is zero", '"max_completion_tokens":0', "max_completion_tokens", "got 0", COUNT),
        row("two limits that differ", '"max_tokens":10,"max_completion_tokens":20', "max_completion_tokens", "got 20",
            "`max_tokens` says 10", "give one of them"),
        row("`stop` is a number", '"stop":5', "stop", "got 5", "a string or an array of strings"),
        row("`stop` holds a number", '"stop":["a",5]', "stop[1]", "got 5", "a string"),
        row("`seed` is a word", '"seed":"lucky"', "seed", '"lucky"', "a whole number"),
        row("`seed` has a fraction", '"seed":1.5', "seed", "got 1.5", "a whole number"),
        row("`logprobs` is a number", '"logprobs":5', "logprobs", "got 5", "true or false"),
        row("`top_logprobs` above its range", '"logprobs":true,"top_logprobs":21', "top_logprobs", "got 21", "0 to 20"),
        row("`top_logprobs` is negative", '"logprobs":true,"top_logprobs":-1', "top_logprobs", "got -1", "0 to 20"),
        row("`top_logprobs` without `logprobs`", '"top_logprobs":5', "top_logprobs", "got 5", "logprobs"),
        row("`parallel_tool_calls` is a word", f'"tools":[{TOOL}],"parallel_tool_calls":"no"', "parallel_tool_calls",
            '"no"', "true or false"),
        row("`reasoning_effort` is a number", '"reasoning_effort":3', "reasoning_effort", "got 3", "a string"),
        row("`user` is a number", '"user":17', "user", "got 17", "a string"),
        row("`metadata` is a string", '"metadata":"x"', "metadata", '"x"', "an object"),
        row("the task in `metadata` is a number", '"metadata":{"task":1}', "metadata.task", "got 1", "a string"),
        row("`response_format` is a word", '"response_format":"json"', "response_format", '"json"', "an object"),
        row("`response_format` without a type", '"response_format":{}', "response_format.type", "missing",
            "text, json_object, json_schema"),
        row("`response_format` of an unknown type", '"response_format":{"type":"jsno_object"}', "response_format.type",
            '"jsno_object"', "did you mean 'json_object'"),
        row("`response_format` type twice", '"response_format":{"type":"text","type":"json_object"}',
            "response_format.type", "given twice"),
        row("`json_schema` without a schema", '"response_format":{"type":"json_schema"}', "response_format.json_schema",
            "missing", '"schema"'),
        row("`json_schema` is a string", '"response_format":{"type":"json_schema","json_schema":"x"}',
            "response_format.json_schema", '"x"', "an object"),
        row("the schema is an array", '"response_format":{"type":"json_schema","json_schema":{"schema":[]}}',
            "response_format.json_schema.schema", "an array", "an object"),
    ]


def of_tools():
    return [
        row("`tools` is an object", f'"tools":{TOOL}', "tools", "an object", "an array of tools"),
        row("a tool is a string", '"tools":["f"]', "tools[0]", '"f"', "an object"),
        row("a tool without a function", '"tools":[{"type":"function"}]', "tools[0].function", "missing", '"name"'),
        row("a tool without a name", '"tools":[{"type":"function","function":{"parameters":{}}}]',
            "tools[0].function.name", "got none", "the function's name"),
        row("a tool's name is a number", '"tools":[{"type":"function","function":{"name":1}}]',
            "tools[0].function.name", "got 1", "a string"),
        row("a tool's parameters are a string",
            '"tools":[{"type":"function","function":{"name":"f","parameters":"{}"}}]',
            "tools[0].function.parameters", '"{}"', "an object"),
        row("`tool_choice` is a flag", f'"tools":[{TOOL}],"tool_choice":true', "tool_choice", "got true",
            "a string or an object"),
        row("`tool_choice` names a tool that is not there",
            f'"tools":[{TOOL}],"tool_choice":{{"type":"function","function":{{"name":"ff"}}}}',
            "tool_choice.function.name", '"ff"', "did you mean 'f'", "tools"),
        row("`tool_choice` without a function", f'"tools":[{TOOL}],"tool_choice":{{"type":"function"}}',
            "tool_choice.function", "missing", '"name"'),
        row("`tool_choice` demands a call where there is no tool", '"tool_choice":"required"', "tool_choice",
            '"required"', "tools"),
    ]


def of_contract():
    nothing = Case("a contract that nothing satisfies", REQUEST.plus('"thalamus":{"deny":["chat-model"]}'), 422, None,
                   ("'chat-model'", "off `deny`"), code="contract_infeasible")
    return [nothing,
            Case("a limit where nothing is estimated", REQUEST.plus('"thalamus":{"min_quality":0.5}'), 400,
                 "thalamus.min_quality", ("no router to estimate by", "leave it out")),
            Case("the same in a header", REQUEST.good(), 400, "x-thalamus-min-quality",
                 ("no router to estimate by", "leave it out"), headers={"x-thalamus-min-quality": "0.5"})]


TITLE = "OpenAI chat completions"
CASES = [("JSON", common.syntax(REQUEST)), ("Model", common.model(REQUEST, MODEL)), ("Messages", of_messages()),
         ("Options", of_options()), ("Tools", of_tools()),
         ("Contract", common.contract(REQUEST) + common.headers(REQUEST) + common.waits(REQUEST) + of_contract()),
         ("HTTP", common.http(REQUEST, PATH) + common.keys(REQUEST, "responses-model"))]


def on(what, text, member=None):
    return Passed(what, Request(model="chat-echo", messages=[USER]).plus(text), member or text)


PASSED = [
    on("`n` of nought", '"n":0'),
    on("`n` is a word", '"n":"many"'),
    on("`frequency_penalty` above its range", '"frequency_penalty":3'),
    on("`logit_bias` is an array", '"logit_bias":[1,2]'),
    on("`service_tier` that nobody knows", '"service_tier":"gold"'),
    on("`seed` past 64 bits", '"seed":123456789012345678901234567890'),
    on("five strings in `stop`", '"stop":["a","b","c","d","e"]'),
    on("`reasoning_effort` that nobody knows", '"reasoning_effort":"heroic"'),
    on("`tool_choice` that nobody knows", f'"tools":[{TOOL}],"tool_choice":"sometimes"'),
    on("`modalities` is a number", '"modalities":7'),
    on("a member that no protocol has", '"colour":"green"'),
    on("a lone surrogate", r'"prompt_cache_key":"\ud800"'),
]
