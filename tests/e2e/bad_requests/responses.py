"""Malformed requests of OpenAI's responses."""

from . import common
from .case import Case, Passed, Request

PATH = "/v1/responses"
MODEL = "responses-model"
REQUEST = Request(model=MODEL, input="hello")
TOOL = '{"type":"function","name":"f","parameters":{}}'
COUNT = "a whole number from 1 to"


def row(what, text, param, *says, status=400, **more):
    return Case(what, REQUEST.plus(text), status, param, says, **more)


def given(what, text, place, *says):
    """With another input."""
    return Case(what, REQUEST.but("input", text), 400, "input" + place, says)


def item(what, text, place, *says):
    """With a second item."""
    return given(what, '[{"role":"user","content":"hello"},' + text + "]", "[1]" + place, *says)


def part(what, text, place, *says):
    text = '[{"role":"user","content":[{"type":"input_text","text":"see"},' + text + "]}]"
    return given(what, text, "[0].content[1]" + place, *says)


def of_input():
    return [
        Case("no `input`", REQUEST.without("input"), 400, "input", ("missing", "a string or a non-empty array")),
        given("`input` is null", "null", "", "missing", "a string or a non-empty array"),
        given("`input` is empty", "[]", "", "got []", "at least one message"),
        given("`input` is a number", "42", "", "got 42", "a string or a non-empty array of items"),
        given("`input` is one item", '{"role":"user","content":"x"}', "", "an object", "array of items"),
        row("`input` twice", '"input":"x"', "input", "given twice; give it once"),
        given("an item is a string", '["hello"]', "[0]", 'got "hello"', "an object"),
        item("an item without type or role", '{"content":"x"}', ".type", "missing", "function_call_output"),
        item("an item's type is a number", '{"type":1}', ".type", "got 1", "a string"),
        item("an item's type twice", '{"type":"message","type":"reasoning"}', ".type", "given twice"),
        item("a message without a role", '{"type":"message","content":"x"}', ".role", "missing", "user, assistant"),
        item("a role with a slip", '{"role":"asistant","content":"x"}', ".role", '"asistant"',
             "did you mean 'assistant'"),
        item("the role of another protocol", '{"role":"tool","content":"x"}', ".role", '"tool"',
             "user, assistant, system, developer"),
        item("a role that is a number", '{"role":2,"content":"x"}', ".role", "got 2", "a string"),
        item("a role twice", '{"role":"user","role":"user","content":"x"}', ".role", "given twice"),
        item("a message without content", '{"role":"user"}', ".content", "missing", "a string or an array of parts"),
        item("content is a number", '{"role":"user","content":42}', ".content", "got 42",
             "a string or an array of parts"),
        part("a part is a string", '"hello"', "", 'got "hello"', "an object"),
        part("a part without a type", '{"text":"x"}', ".type", "missing", "input_text, output_text"),
        part("a part's type is a number", '{"type":7}', ".type", "got 7", "a string"),
        part("a part's text twice", '{"type":"input_text","text":"a","text":"b"}', ".text", "given twice"),
        part("a text part without text", '{"type":"input_text"}', ".text", "missing", "a string"),
        part("a text part's text is an object", '{"type":"input_text","text":{}}', ".text", "an object", "a string"),
        part("an image without an address", '{"type":"input_image"}', ".image_url", "missing", "file_id"),
        part("an image's address is empty", '{"type":"input_image","image_url":""}', ".image_url", 'got ""', "data:"),
        part("an image's address is an object, as in chat", '{"type":"input_image","image_url":{"url":"https://x/y"}}',
             ".image_url", "an object", "data:image/png;base64,DATA"),
        part("an image's address is a file name", '{"type":"input_image","image_url":"C:\\\\cat.png"}', ".image_url",
             'cat.png"', "data:"),
        part("an image's data URL without base64", '{"type":"input_image","image_url":"data:image/png;hex,00"}',
             ".image_url", '"data:image/png;hex,00"', ";base64,"),
        part("a file without content", '{"type":"input_file","filename":"a.pdf"}', ".file_data", "missing", "file_id"),
        item("a call without a name", '{"type":"function_call","call_id":"c","arguments":"{}"}', ".name", "got none",
             "function's name"),
        item("a call without an id", '{"type":"function_call","name":"f","arguments":"{}"}', ".call_id", "got none",
             "function_call_output repeats"),
        item("a call's arguments are an object", '{"type":"function_call","call_id":"c","name":"f","arguments":{}}',
             ".arguments", "an object", "a string"),
        item("a call's result without an id", '{"type":"function_call_output","output":"42"}', ".call_id", "got none",
             "the identifier of the function_call"),
        item("a call's result without output", '{"type":"function_call_output","call_id":"c"}', ".output", "missing",
             "a string or an array of parts"),
        item("a call's result is an object", '{"type":"function_call_output","call_id":"c","output":{"a":1}}',
             ".output", "an object", "a string or an array of parts"),
        item("a thought's summary is a string", '{"type":"reasoning","id":"r","summary":"x"}', ".summary", '"x"',
             "an array"),
        item("a thought's encrypted content is a number", '{"type":"reasoning","id":"r","encrypted_content":1}',
             ".encrypted_content", "got 1", "a string"),
    ]


def of_options():
    return [
        row("`instructions` is an array", '"instructions":["x"]', "instructions", "an array", "a string"),
        row("`stream` is a word", '"stream":"true"', "stream", '"true"', "true or false"),
        row("`stream_options` is a word", '"stream_options":"usage"', "stream_options", '"usage"', "an object"),
        row("`store` is a word", '"store":"no"', "store", '"no"', "true or false"),
        row("an answer that was never stored", '"previous_response_id":"resp_1"', "previous_response_id",
            '"resp_1"', "send the whole conversation as input", code="unsupported_value"),
        row("`previous_response_id` is a number", '"previous_response_id":1', "previous_response_id", "got 1",
            "a string"),
        row("a conversation that is not kept here", '"conversation":{"id":"conv_1"}', "conversation",
            "send the whole conversation as input", code="unsupported_value"),
        row("in the background", '"background":true', "background", "leave it out", code="unsupported_value"),
        row("`background` is a number", '"background":1', "background", "got 1", "true or false"),
        row("`include` is a string", '"include":"reasoning.encrypted_content"', "include",
            '"reasoning.encrypted_content"', "an array"),
        row("`include` holds a number", '"include":[3]', "include[0]", "got 3", "a string"),
        row("`temperature` is a word", '"temperature":"hot"', "temperature", '"hot"', "a number from 0 to 2"),
        row("`temperature` above its range", '"temperature":2.01', "temperature", "got 2.01", "from 0 to 2"),
        row("`top_p` below its range", '"top_p":-1', "top_p", "got -1", "from 0 to 1"),
        row("`max_output_tokens` is zero", '"max_output_tokens":0', "max_output_tokens", "got 0", COUNT),
        row("`max_output_tokens` has a fraction", '"max_output_tokens":1.0', "max_output_tokens", "got 1.0", COUNT),
        row("`max_output_tokens` with an exponent", '"max_output_tokens":1e3', "max_output_tokens", "got 1e3", COUNT),
        row("`max_output_tokens` past 32 bits", '"max_output_tokens":99999999999', "max_output_tokens",
            "got 99999999999", COUNT),
        row("`reasoning` is a word", '"reasoning":"high"', "reasoning", '"high"', "an object"),
        row("the effort is a number", '"reasoning":{"effort":3}', "reasoning.effort", "got 3", "a string"),
        row("the effort twice", '"reasoning":{"effort":"low","effort":"high"}', "reasoning.effort", "given twice"),
        row("`truncation` is a flag", '"truncation":true', "truncation", "got true", "a string"),
        row("`user` is a number", '"user":1', "user", "got 1", "a string"),
        row("`safety_identifier` is an object", '"safety_identifier":{}', "safety_identifier", "an object", "a string"),
        row("`metadata` is an array", '"metadata":[]', "metadata", "an array", "an object"),
        row("`text` is a string", '"text":"json"', "text", '"json"', "an object"),
        row("`text.format` is a word", '"text":{"format":"json_schema"}', "text.format", '"json_schema"', "an object"),
        row("`text.format` without a type", '"text":{"format":{}}', "text.format.type", "missing",
            "text, json_object, json_schema"),
        row("`text.format` of an unknown type", '"text":{"format":{"type":"xml"}}', "text.format.type", '"xml"',
            "text, json_object, json_schema"),
        row("`text.format` without its schema", '"text":{"format":{"type":"json_schema","name":"n"}}',
            "text.format.schema", "missing", "JSON schema"),
        row("the schema is a string", '"text":{"format":{"type":"json_schema","name":"n","schema":"{}"}}',
            "text.format.schema", '"{}"', "an object"),
    ]


def of_tools():
    return [
        row("`tools` is a string", '"tools":"web_search"', "tools", '"web_search"', "an array of tools"),
        row("a tool without a type", '"tools":[{"name":"f"}]', "tools[0].type", "missing", "function"),
        row("a tool without a name", '"tools":[{"type":"function"}]', "tools[0].name", "missing", '"name"'),
        row("a tool as in chat", '"tools":[{"type":"function","function":{"name":"f"}}]', "tools[0].name", "missing",
            '"name"'),
        row("a tool's name is a number", '"tools":[{"type":"function","name":5}]', "tools[0].name", "got 5",
            "a string"),
        row("a tool's parameters are an array", '"tools":[{"type":"function","name":"f","parameters":[]}]',
            "tools[0].parameters", "an array", "an object"),
        row("`tool_choice` is a number", f'"tools":[{TOOL}],"tool_choice":1', "tool_choice", "got 1",
            "a string or an object"),
        row("`tool_choice` names a tool that is not there",
            f'"tools":[{TOOL}],"tool_choice":{{"type":"function","name":"g"}}', "tool_choice.name", '"g"', "tools"),
        row("`tool_choice` without a name", f'"tools":[{TOOL}],"tool_choice":{{"type":"function"}}',
            "tool_choice.name", "missing", "the name of the tool"),
        row("`tool_choice` demands a call where there is no tool", '"tool_choice":"required"', "tool_choice",
            '"required"', "tools"),
        row("`parallel_tool_calls` is a word", '"parallel_tool_calls":"never"', "parallel_tool_calls", '"never"',
            "true or false"),
    ]


TITLE = "OpenAI responses"
CASES = [("JSON", common.syntax(REQUEST)), ("Model", common.model(REQUEST, MODEL)), ("Input", of_input()),
         ("Options", of_options()), ("Tools", of_tools()), ("Contract", common.contract(REQUEST)[:6]),
         ("HTTP", common.http(REQUEST, PATH, ("GET",)) + common.keys(REQUEST, "messages-model"))]


def on(what, text, member=None):
    return Passed(what, Request(model="responses-echo", input="hello").plus(text), member or text)


PASSED = [
    on("`max_tool_calls` is a word", '"max_tool_calls":"few"'),
    on("`service_tier` that nobody knows", '"service_tier":"gold"'),
    on("an effort that nobody knows", '"reasoning":{"effort":"heroic"}'),
    on("`truncation` that nobody knows", '"truncation":"sometimes"'),
    on("`text.verbosity` that nobody knows", '"text":{"verbosity":"epic"}'),
    on("`include` that nobody knows", '"include":["everything"]'),
    on("`tool_choice` that nobody knows", f'"tools":[{TOOL}],"tool_choice":"sometimes"'),
    on("a tool of the provider that nobody knows", '"tools":[{"type":"crystal_ball"}]'),
    on("a member that no protocol has", '"colour":"green"'),
]
