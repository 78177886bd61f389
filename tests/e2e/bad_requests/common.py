"""What can be wrong with a request of any protocol: its JSON, its model, its contract, its head."""

import gzip

from .case import BODY_BYTES_MAX, KEY, Case

NOT_JSON = "body"  # the place of what is no JSON


def syntax(request):
    """What is no JSON object. `request` is a good one."""
    good = request.good()
    cut = good[:-4]
    place = lambda at: (f"at byte {len(good) + at}",)  # of what follows the last member
    rows = [
        ("no body", b"", ("got an empty body", "expected a JSON object")),
        ("white space only", b" \r\n\t ", ("got an empty body", "expected a JSON object")),
        ("an array", b"[]", ("got an array", "expected a JSON object")),
        ("a string", b'"hello"', ('got "hello"', "expected a JSON object")),
        ("a number", b"12", ("got 12", "expected a JSON object")),
        ("`null`", b"null", ("got null", "expected a JSON object")),
        ("a word without quotes", b"hello", ("at byte 0", "expected a value")),
        ("form fields", b"model=x&stream=true", ("at byte 0", "expected a value")),
        ("XML", b"<model>x</model>", ("at byte 0", "expected a value")),
        ("compressed with gzip", gzip.compress(good, mtime=0), ("at byte 0",)),
        ("UTF-16", good.decode().encode("utf-16"), ("at byte 0",)),
        ("a byte order mark", b"\xef\xbb\xbf" + good, ("send UTF-8 without the mark",)),
        ("cut after the first brace", b"{", ("at byte 1", "ends inside an object")),
        ("cut within a string", b'{"model":"mo', ("at byte 12", "ends inside a string")),
        ("cut before the last bytes", cut, (f"at byte {len(cut)}", "the text ends")),
        ("two objects", good + good, (f"at byte {len(good)}", "expected nothing after the value")),
        ("a NUL behind the object", good + b"\0", (f"at byte {len(good)}", "expected nothing after the value")),
        ("a comma before the brace", good[:-1] + b",}", place(0) + ("expected a key in double quotes",)),
        ("single quotes", b"{'model':'x'}", ("at byte 1", "expected a key in double quotes")),
        ("a comment", b"{/* x */}", ("at byte 1", "expected a key in double quotes")),
        ("a key without quotes", request.plus("x:1"), place(0) + ("expected a key in double quotes",)),
        ("`True` of another language", request.plus('"x":True'), place(4) + ("expected a value",)),
        ("NaN", request.plus('"x":NaN'), place(4) + ("expected a value",)),
        ("a number with a leading zero", request.plus('"x":01'), place(5) + ("must not begin with a zero",)),
        ("a number in hexadecimal", request.plus('"x":0x10'), place(5) + ("expected ',' or '}'",)),
        ("an unknown escape", request.plus(r'"x":"\q"'), place(5) + ("unknown escape",)),
        ("three digits behind `\\u`", request.plus(r'"x":"\u12g4"'), place(5) + ("four hexadecimal digits",)),
        ("a line feed inside a string", request.plus(b'"x":"a\nb"'), place(6) + ("must be escaped",)),
        ("a NUL inside a string", request.plus(b'"x":"a\0b"'), place(6) + ("must be escaped",)),
        ("a byte that is no UTF-8", request.plus(b'"x":"a\xffb"'), place(6) + ("invalid UTF-8",)),
        ("an overlong slash", request.plus(b'"x":"\xc0\xaf"'), place(5) + ("invalid UTF-8",)),
        ("a surrogate as UTF-8", request.plus(b'"x":"\xed\xa0\x80"'), place(5) + ("invalid UTF-8",)),
    ]
    cases = [Case(what, body, 400, NOT_JSON, says) for what, body, says in rows]
    deep = b'"x":' + b"[" * 64 + b"]" * 64
    return cases + [Case("nested 65 deep", request.plus(deep), 413, NOT_JSON, ("64 levels", "flatten the value"),
                         code="request_too_large")]


def model(request, name):
    other = name[:-1]
    unknown = "GET /v1/models lists them"
    return [
        Case("no `model`", request.without("model"), 400, "model", ("missing", unknown)),
        Case("`model` is null", request.but("model", "null"), 400, "model", ("missing", unknown)),
        Case("`model` is empty", request.but("model", '""'), 400, "model", ('got ""', unknown)),
        Case("`model` is a number", request.but("model", "7"), 400, "model", ("got 7", "a string")),
        Case("`model` is an array", request.but("model", f'["{name}"]'), 400, "model", ("an array", "a string")),
        Case("`model` twice", request.plus(f'"model":"{name}"'), 400, "model", ("given twice; give it once",)),
        Case("`model` twice, once with an escape", request.plus(f'"mod\\u0065l":"{name}"'), 400, "model",
             ("given twice; give it once",)),
        Case("a model with a slip", request.but("model", f'"{other}"'), 404, "model",
             (f"'{other}'", f"did you mean '{name}'", unknown), code="model_not_found"),
        Case("a model of somebody else", request.but("model", '"gpt-99-ultra"'), 404, "model",
             ("'gpt-99-ultra'", unknown), code="model_not_found"),
        Case("a model's name of 300 letters", request.but("model", f'"{"m" * 300}"'), 404, "model",
             ("mmm", unknown), code="model_not_found"),
    ]


def contract(request):
    def member(text):
        return request.plus('"thalamus":' + text)

    def row(what, text, place, *says, **more):
        return Case(what, member(text), 400, "thalamus" + place, says, **more)

    return [
        row("`thalamus` is a string", '"cheap"', "", '"cheap"', "an object"),
        row("`thalamus` twice", '{},"thalamus":{}', "", "given twice; give it once"),
        row("an unknown member", '{"max_cots_usd":1}', "", '"max_cots_usd"', "did you mean 'max_cost_usd'"),
        row("a limit twice", '{"max_cost_usd":1,"max_cost_usd":2}', ".max_cost_usd", "given twice; give it once"),
        row("a negative cost", '{"max_cost_usd":-0.5}', ".max_cost_usd", "got -0.5", "at least 0"),
        row("a cost that no number holds", '{"max_cost_usd":1e999}', ".max_cost_usd", "got 1e999", "at least 0"),
        row("no time at all", '{"max_latency_ms":0}', ".max_latency_ms", "got 0", "above 0"),
        row("a quality in percent", '{"min_quality":90}', ".min_quality", "got 90", "from 0 to 1"),
        row("one name instead of a list", '{"allow":"small"}', ".allow", '"small"', "an array of target names or tags"),
        row("an empty name", '{"deny":[""]}', ".deny[0]", "got 0 bytes", "1 to 256 bytes"),
        row("a worth that is a number", '{"worth":0.02}', ".worth", "got 0.02", '{"answer_usd":0.02'),
        row("an unknown worth", '{"worth":{"answer":1}}', ".worth", '"answer"', "one of answer_usd, second_usd"),
        row("an unknown word for `explore`", '{"explore":"maybe"}', ".explore", '"maybe"', "never, allowed"),
        row("a flag that is a word", '{"explain":"yes"}', ".explain", '"yes"', "true or false"),
        row("a session of 300 bytes", '{"session":"%s"}' % ("s" * 300), ".session", "got 300 bytes", "1 to 256 bytes"),
    ]


def headers(request):
    good = request.good()

    def row(what, name, value, *says, status=400, **more):
        return Case(what, good, status, name, says, headers={name: value}, **more)

    return [
        row("an unknown header", "x-thalamus-denny", "small", "did you mean 'x-thalamus-deny'"),
        row("an unknown header with an underscore", "x-thalamus-max_cost_usd", "1", "x-thalamus-max-cost-usd"),
        row("a cost in words", "x-thalamus-max-cost-usd", "cheap", '"cheap"', "a number of at least 0"),
        row("a quality that is no number", "x-thalamus-min-quality", "nan", '"nan"', "from 0 to 1"),
        row("a name that is missing in a list", "x-thalamus-allow", "small,,large", "got 0 bytes", "1 to 256 bytes"),
        row("a flag that is neither", "x-thalamus-explain", "yes", '"yes"', "true or false"),
        row("an unknown word", "x-thalamus-on-infeasible", "panic", '"panic"', "fail, nearest"),
        row("a worth below nought", "x-thalamus-worth-answer-usd", "-1", '"-1"', "a number of at least 0"),
        row("a session of control characters", "x-thalamus-session", "a\tb", "without control characters"),
    ]


def waits(request):
    """How long the client says that it waits."""
    def row(what, name, value, *says):
        return Case(what, request.good(), 400, name, (*says, "leave the header out"), headers={name: value})

    return [
        row("a deadline in words", "x-thalamus-deadline-ms", "soon", "'soon'", "milliseconds as a number above zero"),
        row("a deadline in the past", "x-thalamus-deadline-ms", "-5", "'-5'", "milliseconds as a number above zero"),
        row("a time-out of nought", "x-stainless-read-timeout", "0", "'0'", "seconds as a number above zero"),
        row("a negative time-out", "x-stainless-timeout", "-1", "'-1'", "a number that is not negative"),
    ]


def http(request, path, methods=("GET", "PUT", "DELETE")):
    good = request.good()
    over = b'"x":"' + b"x" * BODY_BYTES_MAX + b'"'
    says = (str(BODY_BYTES_MAX), "shorten the request")
    cases = [Case(f"{method} instead of POST", b"", 405, None, (path, "POST only"), code=None, method=method)
             for method in methods]
    return cases + [
        Case("a path with a slip", good, 404, None, (path + "s", f"POST {path}"), code="not_found", path=path + "s"),
        Case("a body over the limit", request.plus(over), 413, None, says, code="request_too_large"),
        Case("a body over the limit, in chunks", request.plus(over), 413, None, says, code="request_too_large",
             framing="chunked"),
        Case("a length over the limit, before its body", b"", 413, None, says, code="request_too_large",
             framing="declared"),
    ]


def keys(request, other):
    """`other`: a route that the key may not use."""
    good = request.good()
    known = "Authorization: Bearer KEY"

    def row(what, headers, *says):
        return Case(what, good, 401, None, says, code="invalid_api_key", headers=headers, keyed=True)

    return [
        row("no key", {}, "no API key given", known),
        row("an empty bearer", {"authorization": "Bearer "}, "no API key given", known),
        row("a password instead of a bearer", {"authorization": "Basic dGVhbTpzZWNyZXQ="}, "no API key given", known),
        row("an unknown key", {"authorization": "Bearer sk-of-somebody-else"}, "not known to this gateway"),
        row("an unknown key in the other header", {"x-api-key": "sk-of-somebody-else"}, "not known to this gateway"),
        row("a key that has expired", {"authorization": "Bearer sk-old-secret-key"}, "'old' has expired",
            "ask the operator"),
        Case("a route that the key may not use", request.but("model", f'"{other}"'), 404, "model",
             (f"'{other}'", "GET /v1/models lists them"), code="model_not_found",
             headers={"authorization": f"Bearer {KEY}"}, keyed=True),
    ]
