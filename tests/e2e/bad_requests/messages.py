"""Malformed requests of Anthropic's messages."""

from . import common
from .case import Case, Passed, Request

PATH = "/v1/messages"
MODEL = "messages-model"
USER = {"role": "user", "content": "hello"}
REQUEST = Request(model=MODEL, max_tokens=100, messages=[USER])
TOOL = '{"name":"f","input_schema":{"type":"object"}}'
COUNT = "a whole number from 0 to"


def row(what, text, param, *says, status=400, **more):
    return Case(what, REQUEST.plus(text), status, param, says, **more)


def limit(what, value, *says):
    return Case(what, REQUEST.but("max_tokens", value), 400, "max_tokens", says)


def messages(what, text, place, *says):
    return Case(what, REQUEST.but("messages", text), 400, "messages" + place, says)


def second(what, text, place, *says):
    return messages(what, '[{"role":"user","content":"hello"},' + text + "]", "[1]" + place, *says)


def block(what, text, place, *says):
    text = '[{"role":"user","content":[{"type":"text","text":"see"},' + text + "]}]"
    return messages(what, text, "[0].content[1]" + place, *says)


def of_messages():
    return [
        Case("no `messages`", REQUEST.without("messages"), 400, "messages", ("missing", "at least one message")),
        messages("`messages` is null", "null", "", "missing", "at least one message"),
        messages("`messages` is empty", "[]", "", "got []", "at least one with role and content"),
        messages("`messages` is a string", '"hello"', "", 'got "hello"', "a non-empty array of messages"),
        row("`messages` twice", '"messages":[]', "messages", "given twice; give it once"),
        messages("a message is a string", '["hello"]', "[0]", 'got "hello"', "an object"),
        second("no role", '{"content":"x"}', ".role", "missing", "user or assistant"),
        second("a role with a slip", '{"role":"asistant","content":"x"}', ".role", '"asistant"',
               "did you mean 'assistant'"),
        second("the role of another protocol", '{"role":"tool","content":"x"}', ".role", '"tool"', "user, assistant"),
        second("a role that is null", '{"role":null,"content":"x"}', ".role", "got null", "a string"),
        second("a role twice", '{"role":"user","role":"user","content":"x"}', ".role", "given twice"),
        second("no content", '{"role":"user"}', ".content", "missing", "a string or an array of content blocks"),
        second("content is null", '{"role":"user","content":null}', ".content", "got null",
               "a string or an array of content blocks"),
        second("content is empty", '{"role":"user","content":[]}', ".content", "got []", "at least one content block"),
        second("content is one block", '{"role":"user","content":{"type":"text","text":"x"}}', ".content", "an object",
               "a string or an array of content blocks"),
        second("content twice", '{"role":"user","content":"x","content":"y"}', ".content", "given twice"),
    ]


def of_blocks():
    image = '{"type":"image","source":%s}'
    return [
        block("a block is a string", '"hello"', "", 'got "hello"', "a content block"),
        block("a block without a type", '{"text":"x"}', ".type", "missing", "text, image, document"),
        block("a block's type is a number", '{"type":1}', ".type", "got 1", "a string"),
        block("a block's type twice", '{"type":"text","type":"image","text":"x"}', ".type", "given twice"),
        block("a text block without text", '{"type":"text"}', ".text", "missing", "a string"),
        block("a text block's text is null", '{"type":"text","text":null}', ".text", "got null", "a string"),
        block("an image without a source", '{"type":"image"}', ".source", "missing", "an object"),
        block("an image's source is a string", image % '"https://x/y.png"', ".source", '"https://x/y.png"',
              "an object"),
        block("an image's source of an unknown type", image % '{"type":"uri","uri":"x"}', ".source.type", '"uri"',
              "base64, url, file"),
        block("an image without a media type", image % '{"type":"base64","data":"AAAA"}', ".source.media_type",
              "missing", "image/png"),
        block("an image of an unknown media type", image % '{"type":"base64","media_type":"png","data":"AAAA"}',
              ".source.media_type", '"png"', "image/png"),
        block("an image without data", image % '{"type":"base64","media_type":"image/png"}', ".source.data", "missing",
              "base64"),
        block("an image with empty data", image % '{"type":"base64","media_type":"image/png","data":""}',
              ".source.data", 'got ""', "expected base64"),
        block("an image's data is a data URL",
              image % '{"type":"base64","media_type":"image/png","data":"data:image/png;base64,AAAA"}',
              ".source.data", '"data:image/png;base64,AAAA"', "expected base64 alone"),
        block("an image without an address", image % '{"type":"url"}', ".source.url", "missing", "https://"),
        block("an image's address is a file name", image % '{"type":"url","url":"cat.png"}', ".source.url",
              '"cat.png"', "https://"),
        block("a document without a source", '{"type":"document"}', ".source", "missing", "an object"),
        block("a document's text is an object", '{"type":"document","source":{"type":"text","data":{}}}',
              ".source.data", "an object", "a string"),
        block("a call in a user's turn", '{"type":"tool_use","id":"t","name":"f","input":{}}', "",
              "belong into assistant messages"),
        block("a result without an id", '{"type":"tool_result","content":"42"}', ".tool_use_id", "missing",
              "the identifier of the answered call"),
        block("a result whose id is a number", '{"type":"tool_result","tool_use_id":1}', ".tool_use_id", "got 1",
              "a string"),
        block("a result's content is a number", '{"type":"tool_result","tool_use_id":"t","content":42}', ".content",
              "got 42", "a string or an array of content blocks"),
        block("`is_error` is a word", '{"type":"tool_result","tool_use_id":"t","is_error":"yes"}', ".is_error",
              '"yes"', "true or false"),
        block("a call within a result", '{"type":"tool_result","tool_use_id":"t","content":[{"type":"tool_use","id":'
              '"u","name":"f","input":{}}]}', ".content[0]", "tool_use", "expected text, an image or a document"),
        second("a call without an id", '{"role":"assistant","content":[{"type":"tool_use","name":"f","input":{}}]}',
               ".content[0].id", "missing", "the identifier of the call"),
        second("a call without a name", '{"role":"assistant","content":[{"type":"tool_use","id":"t","input":{}}]}',
               ".content[0].name", "missing", "the name of the called tool"),
        second("a call without input", '{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"f"}]}',
               ".content[0].input", "missing", "an object"),
        second("a call's input is a string",
               '{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"f","input":"{}"}]}',
               ".content[0].input", '"{}"', "an object"),
        second("a result in an assistant's turn",
               '{"role":"assistant","content":[{"type":"tool_result","tool_use_id":"t"}]}', ".content[0]",
               "belong into user messages"),
        second("a thought without a text", '{"role":"assistant","content":[{"type":"thinking","signature":"s"}]}',
               ".content[0].thinking", "missing", "a string"),
        second("a thought's signature is a number",
               '{"role":"assistant","content":[{"type":"thinking","thinking":"x","signature":1}]}',
               ".content[0].signature", "got 1", "a string"),
    ]


def of_options():
    return [
        Case("no `max_tokens`", REQUEST.without("max_tokens"), 400, "max_tokens", ("missing", "such as 1024")),
        limit("`max_tokens` is negative", "-1", "got -1", COUNT),
        limit("`max_tokens` has a fraction", "10.5", "got 10.5", COUNT),
        limit("`max_tokens` is a string", '"100"', '"100"', COUNT),
        limit("`max_tokens` past 32 bits", "4294967296", "got 4294967296", COUNT),
        row("`system` is a number", '"system":5', "system", "got 5", "a string or an array of content blocks"),
        row("`system` holds a string", '"system":["x"]', "system[0]", '"x"', "a content block"),
        row("a call in `system`", '"system":[{"type":"tool_use","id":"t","name":"f","input":{}}]', "system[0]",
            "expected a text block", "tool_use"),
        row("`stream` is a number", '"stream":0', "stream", "got 0", "true or false"),
        row("`temperature` of OpenAI's range", '"temperature":1.5', "temperature", "got 1.5", "from 0 to 1"),
        row("`temperature` is a word", '"temperature":"hot"', "temperature", '"hot"', "from 0 to 1"),
        row("`top_p` above its range", '"top_p":2', "top_p", "got 2", "from 0 to 1"),
        row("`stop_sequences` is a string", '"stop_sequences":"END"', "stop_sequences", '"END"', "an array of strings"),
        row("`stop_sequences` holds null", '"stop_sequences":[null]', "stop_sequences[0]", "got null", "a string"),
        row("`thinking` is a flag", '"thinking":true', "thinking", "got true", "an object"),
        row("`thinking` without a type", '"thinking":{"budget_tokens":2000}', "thinking.type", "missing",
            "enabled, disabled, adaptive"),
        row("`thinking` of an unknown type", '"thinking":{"type":"on"}', "thinking.type", '"on"',
            "enabled, disabled, adaptive"),
        row("`thinking` without a budget", '"thinking":{"type":"enabled"}', "thinking.budget_tokens", "missing",
            "at least 1024"),
        row("a budget of less than 1024", '"thinking":{"type":"enabled","budget_tokens":1000}',
            "thinking.budget_tokens", "got 1000", "from 1024"),
        row("a budget twice", '"thinking":{"type":"enabled","budget_tokens":2000,"budget_tokens":3000}',
            "thinking.budget_tokens", "given twice"),
        row("`metadata` is a string", '"metadata":"x"', "metadata", '"x"', "an object"),
        row("`user_id` is a number", '"metadata":{"user_id":1}', "metadata.user_id", "got 1", "a string"),
        row("`output_config` is a word", '"output_config":"low"', "output_config", '"low"', "an object"),
        row("the effort is a number", '"output_config":{"effort":1}', "output_config.effort", "got 1", "a string"),
        row("a format without a type", '"output_config":{"format":{"schema":{}}}', "output_config.format.type",
            "missing", "json_schema"),
        row("a format of OpenAI's", '"output_config":{"format":{"type":"json_object"}}', "output_config.format.type",
            '"json_object"', "json_schema"),
        row("a format without a schema", '"output_config":{"format":{"type":"json_schema"}}',
            "output_config.format.schema", "missing", "a JSON schema object"),
        row("a schema that is a string", '"output_config":{"format":{"type":"json_schema","schema":"{}"}}',
            "output_config.format.schema", '"{}"', "a JSON schema object"),
    ]


def of_tools():
    return [
        row("`tools` is an object", f'"tools":{TOOL}', "tools", "an object", "an array of tools"),
        row("a tool is a string", '"tools":["f"]', "tools[0]", '"f"', "an object"),
        row("a tool without a name", '"tools":[{"input_schema":{}}]', "tools[0].name", "missing",
            "the name of the tool"),
        row("a tool without a schema", '"tools":[{"name":"f"}]', "tools[0].input_schema", "missing",
            "a JSON schema object"),
        row("a tool as in chat", '"tools":[{"type":"function","function":{"name":"f","parameters":{}}}]',
            "tools[0].type", '"function"', "input_schema"),
        row("a tool's schema is a string", '"tools":[{"name":"f","input_schema":"{}"}]', "tools[0].input_schema",
            '"{}"', "a JSON schema object"),
        row("a tool's description is a number", '"tools":[{"name":"f","description":1,"input_schema":{}}]',
            "tools[0].description", "got 1", "a string"),
        row("`tool_choice` is a word", f'"tools":[{TOOL}],"tool_choice":"auto"', "tool_choice", '"auto"', "an object"),
        row("`tool_choice` of OpenAI's words", f'"tools":[{TOOL}],"tool_choice":{{"type":"required"}}',
            "tool_choice.type", '"required"', "auto, none, any, tool"),
        row("`tool_choice` without a name", f'"tools":[{TOOL}],"tool_choice":{{"type":"tool"}}', "tool_choice.name",
            "missing", "the name of the tool"),
        row("`tool_choice` names a tool that is not there",
            f'"tools":[{TOOL}],"tool_choice":{{"type":"tool","name":"g"}}', "tool_choice.name", '"g"', "tools"),
        row("`tool_choice` demands a call where there is no tool", '"tool_choice":{"type":"any"}', "tool_choice.type",
            '"any"', "tools"),
        row("`disable_parallel_tool_use` is a word",
            f'"tools":[{TOOL}],"tool_choice":{{"type":"auto","disable_parallel_tool_use":"yes"}}',
            "tool_choice.disable_parallel_tool_use", '"yes"', "true or false"),
    ]


TITLE = "Anthropic messages"
CASES = [("JSON", common.syntax(REQUEST)), ("Model", common.model(REQUEST, MODEL)), ("Messages", of_messages()),
         ("Content blocks", of_blocks()), ("Options", of_options()), ("Tools", of_tools()),
         ("Contract", common.contract(REQUEST)[6:] + common.headers(REQUEST)[:2]),
         ("HTTP", common.http(REQUEST, PATH, ("GET",)) + common.keys(REQUEST, "chat-model"))]


def on(what, text, headers=None):
    request = Request(model="messages-echo", max_tokens=100, messages=[USER])
    return Passed(what, request.plus(text), text, headers or {})


PASSED = [
    on("a budget above `max_tokens`", '"thinking":{"type":"enabled","budget_tokens":2000}'),
    on("`top_k` is negative", '"top_k":-5'),
    on("`service_tier` that nobody knows", '"service_tier":"gold"'),
    on("`container` is a number", '"container":7'),
    on("a tool of the provider that nobody knows", '"tools":[{"type":"crystal_ball_20300101","name":"b"}]'),
    on("an effort that nobody knows", '"output_config":{"effort":"heroic"}'),
    on("a member that no protocol has", '"colour":"green"'),
    on("an `anthropic-version` that never was", '"top_k":1', {"anthropic-version": "next week"}),
    on("an `anthropic-beta` that nobody knows", '"top_k":2', {"anthropic-beta": "crystal-ball-2030-01-01"}),
]
