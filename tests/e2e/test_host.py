#!/usr/bin/env python3
"""thalamus-host from outside: the official OpenAI client, raw HTTP for what a client library hides, signals, files.

usage: test_host.py [--host build/release/thalamus-host] [--tiny tools/tiny_gguf.py] [unittest options]

The paths may come from THALAMUS_HOST and THALAMUS_TINY_GGUF. The model is a tiny one with random weights, made here. If
this interpreter has no `openai`, the test goes on in the one that tools/setup.sh made. One line is printed a check.
"""
import argparse
import http.client
import importlib.util
import json
import math
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
DEPS = Path(os.environ.get("THALAMUS_DEPS_DIR") or CACHE / "thalamus" / "deps")
PYTHON = DEPS / "python" / "bin" / "python"
START_SECONDS_MAX = 120
STOP_SECONDS_MAX = 2.0
options = argparse.Namespace()
folder = Path()


def check(condition, text):
    """One line of the report."""
    print(("ok      " if condition else "FAILED  ") + text, flush=True)
    if not condition:
        raise AssertionError(text)


class Host:
    """One running thalamus-host; `with` ends it."""

    def __init__(self, model, *arguments, listen=True):
        # One thread: on a busy machine the threads of so small a model only wait for each other.
        command = [options.host, "--model", str(model), "--threads", "1", *arguments]
        if listen:
            command += ["--listen", "127.0.0.1:0"]
        self.log = tempfile.TemporaryFile(dir=folder)
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log, text=True)
        line = self.process.stdout.readline()
        match = re.fullmatch(r"listens on (?:unix:(.*)|127\.0\.0\.1:(\d+))\n", line)
        if not match:
            self.process.wait(timeout=START_SECONDS_MAX)
            raise AssertionError(f"no address but {line!r}; {self.errors()}")
        self.socket_path, self.port = match.group(1), int(match.group(2) or 0)

    def errors(self):
        self.log.seek(0)
        return self.log.read().decode()

    def ready(self):
        end = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < end:
            if self.ask("GET", "/health").status == 200:
                return self
            time.sleep(0.02)
        raise AssertionError("not ready; " + self.errors())

    def connect(self):
        if not self.socket_path:
            return http.client.HTTPConnection("127.0.0.1", self.port, timeout=START_SECONDS_MAX)
        connection = http.client.HTTPConnection("localhost", timeout=START_SECONDS_MAX)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(self.socket_path)
        return connection

    def ask(self, method, path, body=None):
        """The answer, with its bytes in `text`."""
        connection = self.connect()
        data = json.dumps(body) if isinstance(body, dict) else body
        connection.request(method, path, data, {"Content-Type": "application/json"} if data else {})
        answer = connection.getresponse()
        answer.text = answer.read()
        connection.close()
        return answer

    def chat(self, **members):
        return self.ask("POST", "/v1/chat/completions", body_of(**members))

    def open_stream(self, **members):
        """A stream with its first bytes read: the slot is at work on it. Close it to go away."""
        connection = self.connect()
        connection.request("POST", "/v1/chat/completions", json.dumps(body_of(stream=True, **members)))
        answer = connection.getresponse()
        answer.read1(1)
        return connection, answer

    def end(self, number=signal.SIGTERM):
        """(exit code, seconds until it came)."""
        begin = time.monotonic()
        self.process.send_signal(number)
        code = self.process.wait(timeout=START_SECONDS_MAX)
        return code, time.monotonic() - begin

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.log.close()


def body_of(text="Say something.", **members):
    return {"model": "tiny", "messages": [{"role": "user", "content": text}], **members}


def run_to_end(*arguments):
    """(exit code, standard error) of a start that must fail."""
    done = subprocess.run([options.host, *arguments], capture_output=True, text=True, timeout=START_SECONDS_MAX,
                          check=False)
    return done.returncode, done.stderr


def make_model(name, *arguments):
    path = folder / name
    subprocess.run([sys.executable, options.tiny, path, *arguments], check=True)
    return path


def pieces_of(stream):
    """(chunks with content, finish reason, usage) of a client's stream."""
    texts, finish, usage = [], None, None
    for chunk in stream:
        usage = chunk.usage or usage
        for choice in chunk.choices:
            finish = choice.finish_reason or finish
            if choice.delta.content:
                texts.append(choice.delta.content)
    return texts, finish, usage


class Client(unittest.TestCase):
    """One host with the official client."""

    @classmethod
    def setUpClass(cls):
        import openai
        cls.openai = openai
        cls.endless = make_model("endless.gguf", "--stop-bias=-100")
        cls.host = Host(cls.endless).ready()
        cls.client = openai.OpenAI(base_url=f"http://127.0.0.1:{cls.host.port}/v1", api_key="any", max_retries=0)

    @classmethod
    def tearDownClass(cls):
        cls.client.close()
        cls.host.__exit__()

    def create(self, text="Say something.", **members):
        members.setdefault("messages", [{"role": "user", "content": text}])
        return self.client.chat.completions.create(model="tiny", **members)

    def refusal(self, **members):
        with self.assertRaises(self.openai.BadRequestError) as caught:
            self.create(**members)
        return caught.exception

    def test_answers_a_chat(self):
        answer = self.create(max_tokens=12)
        choice = answer.choices[0]
        check(choice.message.role == "assistant" and choice.message.content, "a chat has an answer")
        check(answer.object == "chat.completion" and answer.id.startswith("chatcmpl-"), "it has the protocol's shape")
        check(answer.model == "endless", "it carries the file's name as the model")
        check(choice.finish_reason == "length", "max_tokens ends it with `length`")
        check(answer.usage.completion_tokens == 12, "usage counts the tokens of the answer")
        check(answer.usage.total_tokens == answer.usage.prompt_tokens + 12, "usage adds up")
        again = self.create(max_tokens=3)
        check(again.usage.prompt_tokens == answer.usage.prompt_tokens, "equal prompts count equally")
        check(again.usage.prompt_tokens_details.cached_tokens == again.usage.prompt_tokens - 1,
              "an equal prompt is not computed again, but for its last token")

    def test_lists_its_model(self):
        check([model.id for model in self.client.models.list()] == ["endless"], "GET /v1/models lists the model")

    def test_streams_the_same_text_as_it_answers_at_once(self):
        for what in ({"temperature": 0}, {"temperature": 1, "seed": 5}, {"temperature": 0.7, "top_p": 0.8, "seed": -1}):
            whole = self.create(max_tokens=60, **what)
            texts, finish, usage = pieces_of(
                self.create(max_tokens=60, stream=True, stream_options={"include_usage": True}, **what))
            check("".join(texts) == whole.choices[0].message.content, f"the deltas join to the whole answer, {what}")
            check(len(texts) > 20, f"they come in many pieces, {what}")
            check(finish == whole.choices[0].finish_reason == "length", f"the finish reason is the same, {what}")
            check((usage.prompt_tokens, usage.completion_tokens) ==
                  (whole.usage.prompt_tokens, whole.usage.completion_tokens), f"usage is the same, {what}")
        _, _, usage = pieces_of(self.create(max_tokens=5, stream=True))
        check(usage is None, "a stream carries usage only where it was asked for")

    def test_repeats_itself_by_seed_only(self):
        def text(**members):
            return self.create(max_tokens=40, temperature=1, **members).choices[0].message.content

        check(text(seed=7) == text(seed=7), "equal seeds give equal answers")
        check(text(seed=7) != text(seed=8), "other seeds give other answers")
        check(text() != text(), "without a seed answers differ")

    def test_stops_at_stop_strings(self):
        whole = self.create(max_tokens=80, temperature=0).choices[0].message.content
        stop = whole[30:33]
        expected = whole[:whole.index(stop)]
        for stops in (stop, [stop, "never said"]):
            answer = self.create(max_tokens=80, temperature=0, stop=stops)
            check(answer.choices[0].message.content == expected, f"the answer ends before the stop string, {stops!r}")
            check(answer.choices[0].finish_reason == "stop", f"with `stop`, {stops!r}")
            texts, finish, _ = pieces_of(self.create(max_tokens=80, temperature=0, stop=stops, stream=True))
            check("".join(texts) == expected and finish == "stop", f"a stream does the same, {stops!r}")

    def test_gives_log_probabilities(self):
        answer = self.create(max_tokens=6, temperature=0, logprobs=True, top_logprobs=3).choices[0]
        content = answer.logprobs.content
        check(len(content) == 6, "each token has its log-probability")
        check(all(len(item.top_logprobs) == 3 for item in content), "with the alternatives asked for")
        check("".join(item.token for item in content) == answer.message.content, "the tokens join to the text")
        for item in content:
            values = [other.logprob for other in item.top_logprobs]
            check(values == sorted(values, reverse=True) and values[0] == item.logprob <= 0,
                  f"at temperature 0 the token {item.token!r} is the likeliest")
        plain = self.create(max_tokens=2, temperature=0, logprobs=True).choices[0].logprobs.content
        check([item.top_logprobs for item in plain] == [[], []], "no alternatives where none are asked for")
        stream = self.create(max_tokens=6, temperature=0, logprobs=True, top_logprobs=3, stream=True)
        streamed = [item for chunk in stream for choice in chunk.choices if choice.logprobs
                    for item in choice.logprobs.content]
        check([item.logprob for item in streamed] == [item.logprob for item in content], "a stream carries the same")
        first = self.create(max_tokens=1, logprobs=True, top_logprobs=20).choices[0].logprobs.content[0]
        check(0 < sum(math.exp(other.logprob) for other in first.top_logprobs) <= 1.000001,
              "probabilities sum to one at most")

    def test_follows_a_json_schema(self):
        members = {"name": {"type": "string", "maxLength": 12}, "good": {"type": "boolean"},
                   "size": {"type": "integer", "minimum": 0, "maximum": 99}, "kind": {"enum": ["red", "green"]}}
        schema = {"type": "object", "properties": members, "required": list(members), "additionalProperties": False}
        wanted = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, "strict": True}}
        for seed in range(5):
            answer = self.create(max_tokens=600, temperature=1, seed=seed, response_format=wanted).choices[0]
            value = json.loads(answer.message.content)
            good = (sorted(value) == sorted(schema["required"]) and isinstance(value["good"], bool)
                    and 0 <= value["size"] <= 99 and value["kind"] in ("red", "green") and len(value["name"]) <= 12)
            check(good and answer.finish_reason == "stop", f"the answer obeys the schema: {answer.message.content!r}")
        bad = self.refusal(response_format={"type": "json_schema", "json_schema": {
            "name": "answer", "schema": {"type": "object", "properties": {"a": {"$ref": "#/nowhere"}}}}})
        check(bad.status_code == 400 and bad.param.startswith("response_format"),
              f"a schema that cannot be a grammar is a 400: {bad.message}")

    def test_calls_a_tool_that_it_must_call(self):
        tools = [{"type": "function", "function": {"name": name, "description": "", "parameters": {
            "type": "object", "properties": {"city": {"type": "string", "maxLength": 8}, "days": {"enum": [1, 2]}},
            "required": ["city", "days"], "additionalProperties": False}}} for name in ("weather", "news")]
        for choice in ("required", {"type": "function", "function": {"name": "news"}}):
            members = {"tools": tools, "tool_choice": choice, "seed": 4, "max_tokens": 300}
            answer = self.create(**members).choices[0]
            call = answer.message.tool_calls[0]
            arguments = json.loads(call.function.arguments)
            named = call.function.name == "news" or (choice == "required" and call.function.name == "weather")
            check(named and sorted(arguments) == ["city", "days"] and arguments["days"] in (1, 2),
                  f"{choice}: {call.function.name}({arguments})")
            check(answer.finish_reason == "tool_calls" and call.id and not answer.message.content,
                  f"{choice}: nothing else is said")
            deltas = [chunk.choices[0] for chunk in self.create(stream=True, **members) if chunk.choices]
            streamed = [piece for delta in deltas for piece in delta.delta.tool_calls or []]
            arguments = "".join(piece.function.arguments or "" for piece in streamed)
            check({piece.index for piece in streamed} == {0} and streamed[0].function.name == call.function.name
                  and arguments == call.function.arguments and not any(delta.delta.content for delta in deltas),
                  f"{choice}: a stream carries the same call")
        free = self.create(tools=tools, tool_choice="none", max_tokens=20, temperature=0).choices[0].message
        check(free.content == self.create(max_tokens=20, temperature=0).choices[0].message.content,
              "`none`: the tools are as if not given")
        text = self.create(tools=tools, max_tokens=20, temperature=0, seed=1).choices[0].message.content
        texts, _, _ = pieces_of(self.create(tools=tools, max_tokens=20, temperature=0, seed=1, stream=True))
        check("".join(texts) == text and len(texts) > 5, "`auto`: what is no call streams as text")

    def test_forces_a_penalty(self):
        free = self.create(max_tokens=60, temperature=0).choices[0].message.content
        held = self.create(max_tokens=60, temperature=0, frequency_penalty=2, presence_penalty=2)
        check(len(set(held.choices[0].message.content)) > len(set(free)), "penalties make an answer more varied")

    def test_refuses_what_it_cannot_do_by_name(self):
        image = [{"role": "user", "content": [{"type": "text", "text": "a"}, {
            "type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]}]
        audio = [{"role": "user", "content": [
            {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}]}]
        for param, members in (("n", {"n": 2}), ("messages[0].content[1]", {"messages": image}),
                               ("messages[0].content[0]", {"messages": audio}),
                               ("modalities[0]", {"modalities": ["audio"]}), ("logit_bias", {"logit_bias": {"5": 1}}),
                               ("temperature", {"temperature": 3}), ("tool_choice", {"tool_choice": "required"})):
            error = self.refusal(**members)
            check(error.param == param, f"{param} is refused by name: {error.message}")

    def test_refuses_a_prompt_past_its_context(self):
        error = self.refusal(text="many words " * 2000)
        check(error.code == "context_length_exceeded" and error.param == "messages",
              f"a prompt past the context is a 400 with its code: {error.message}")
        with self.assertRaises(self.openai.BadRequestError) as caught:
            self.create(text="many words " * 2000, stream=True)
        check(caught.exception.code == "context_length_exceeded", "a stream is refused the same way")

    def test_ends_with_length_where_the_context_is_full(self):
        answer = self.create(text="x" * 3000, temperature=0)
        check(answer.choices[0].finish_reason == "length", "an answer that fills the context ends with `length`")
        check(answer.usage.total_tokens == 4096, "all of the context was used")
        check(self.create(max_tokens=2).usage.completion_tokens == 2, "the next request is answered")

    def test_answers_protocol_errors_in_the_protocols_shape(self):
        rows = (("GET", "/v1/chat/completions", None, 405), ("POST", "/health", "{}", 405), ("GET", "/v2/x", None, 404),
                ("POST", "/v1/chat/completions", "{", 400), ("POST", "/v1/chat/completions", "", 400),
                ("POST", "/v1/chat/completions", {"model": "x"}, 400),
                ("POST", "/v1/chat/completions", {"model": "x", "messages": []}, 400))
        for method, path, body, status in rows:
            answer = self.host.ask(method, path, body)
            error = json.loads(answer.text)["error"]
            check(answer.status == status and error["message"],
                  f"{method} {path} {body!r}: {status}, {error['message']}")
        check(self.host.ask("GET", "/v1/chat/completions").headers["Allow"] == "POST", "405 says what is allowed")

    def test_uses_no_processor_time_when_idle(self):
        def ticks():
            fields = Path(f"/proc/{self.host.process.pid}/stat").read_text().rpartition(")")[2].split()
            return int(fields[11]) + int(fields[12])

        self.create(max_tokens=5)
        time.sleep(0.1)
        before = ticks()
        time.sleep(1)
        check(ticks() - before <= 1, "an idle second costs no processor time")


class Queue(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.model = make_model("endless.gguf", "--stop-bias=-100")

    def test_refuses_more_than_its_queue_holds(self):
        with Host(self.model, "--queue", "1").ready() as host:
            running, _ = host.open_stream()
            waiting = host.connect()
            waiting.request("POST", "/v1/chat/completions", json.dumps(body_of(max_tokens=3)))
            deadline = time.monotonic() + 5
            refused = host.chat(max_tokens=3, temperature=0)
            while refused.status == 200 and time.monotonic() < deadline:
                refused = host.chat(max_tokens=3)
            error = json.loads(refused.text)["error"]
            check(refused.status == 503 and refused.headers["Retry-After"] == "1", "a full queue answers 503")
            check("queue of 1" in error["message"], f"it says why: {error['message']}")
            running.close()
            check(waiting.getresponse().status == 200, "who waited is answered")
            waiting.close()
            check(host.chat(max_tokens=3).status == 200, "after that there is room again")

    def test_gives_the_slot_to_the_next_when_the_client_goes(self):
        with Host(self.model).ready() as host:
            begin = time.monotonic()
            host.chat(max_tokens=500)
            whole = 7 * (time.monotonic() - begin)
            streams = [host.open_stream()[0]]
            for _ in range(20):
                connection = host.connect()
                connection.request("POST", "/v1/chat/completions", json.dumps(body_of()))
                streams.append(connection)
            time.sleep(0.1)
            for connection in streams:
                connection.close()
            begin = time.monotonic()
            answer = host.chat(max_tokens=3)
            waited = time.monotonic() - begin
            check(answer.status == 200 and waited < max(2 * whole, 1),
                  f"21 abandoned answers of about {whole:.1f} s each do not hold up the next: {waited:.3f} s")

    def test_does_not_count_who_is_gone(self):
        with Host(self.model, "--queue", "2").ready() as host:
            running, _ = host.open_stream()
            for _ in range(6):
                gone = host.connect()
                gone.request("POST", "/v1/chat/completions", json.dumps(body_of()))
                time.sleep(0.02)
                gone.close()
            time.sleep(0.1)
            waiting = host.connect()
            waiting.request("POST", "/v1/chat/completions", json.dumps(body_of(max_tokens=3)))
            time.sleep(0.1)
            running.close()
            check(waiting.getresponse().status == 200, "requests whose clients are gone take no place in the queue")
            waiting.close()

    def test_answers_several_at_once(self):
        with Host(self.model, "--slots", "3").ready() as host:
            texts = {seed: host.chat(max_tokens=50, seed=seed).text for seed in range(6)}
            found = {}

            def ask(seed):
                found[seed] = host.chat(max_tokens=50, seed=seed).text

            def content(text):
                return json.loads(text)["choices"][0]["message"]["content"]

            threads = [threading.Thread(target=ask, args=(seed,)) for seed in texts]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            check(all(content(texts[seed]) == content(found[seed]) for seed in texts),
                  "three slots at once give what one after the other gave")


class Text(unittest.TestCase):
    def test_sends_valid_text_from_a_model_that_writes_broken_bytes(self):
        model = make_model("bytes.gguf", "--alphabet", "bytes", "--stop-bias=-100")
        with Host(model).ready() as host:
            for seed in range(3):
                members = {"max_tokens": 300, "temperature": 1, "seed": seed}
                whole = json.loads(host.chat(**members).text.decode("utf-8"))["choices"][0]
                text = whole["message"]["content"]
                streamed = host.chat(stream=True, **members).text.decode("utf-8")
                frames = [json.loads(line[6:]) for line in streamed.split("\n")
                          if line.startswith("data: ") and line != "data: [DONE]"]
                deltas = [choice["delta"] for frame in frames for choice in frame["choices"]]
                joined = "".join(delta.get("content") or "" for delta in deltas)
                check("\ufffd" in text, f"broken bytes become U+FFFD, seed {seed}")
                check(joined == text, f"a stream of them is the same text, seed {seed}")
                check(streamed.rstrip().endswith("data: [DONE]"), f"and ends in order, seed {seed}")
            choice = json.loads(host.chat(max_tokens=40, seed=1, logprobs=True).text)["choices"][0]
            check(all(item["bytes"] for item in choice["logprobs"]["content"]),
                  "log-probabilities carry the bytes as they are")

    def test_ends_where_the_model_ends(self):
        model = make_model("short.gguf", "--stop-bias=4")
        with Host(model).ready() as host:
            choice = json.loads(host.chat(temperature=1, seed=3).text)["choices"][0]
            check(choice["finish_reason"] == "stop", f"an answer that the model ends has `stop`: {choice['message']}")
            check("<|im_end|>" not in choice["message"]["content"], "the end token is not shown")

    def test_shows_the_name_it_is_given(self):
        with Host(make_model("short.gguf", "--stop-bias=4"), "--model-name", "my-model").ready() as host:
            listed = json.loads(host.ask("GET", "/v1/models").text)["data"]
            check(listed[0]["id"] == "my-model", "--model-name is listed")
            check(json.loads(host.chat(max_tokens=1).text)["model"] == "my-model", "and echoed")


class Start(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.model = make_model("endless.gguf", "--stop-bias=-100")

    def refused(self, code, words, *arguments):
        found, text = run_to_end(*arguments)
        check(found == code and words in text, f"exit code {found}: {text.strip()}")

    def test_explains_a_model_file_that_it_cannot_use(self):
        empty, foreign, cut, flipped = (folder / name for name in ("empty", "foreign", "cut.gguf", "flipped.gguf"))
        data = self.model.read_bytes()
        empty.write_bytes(b"")
        foreign.write_bytes(b"PK\3\4 something else")
        cut.write_bytes(data[:len(data) // 2])
        flipped.write_bytes(data[:8] + b"\xff" * 16 + data[24:])
        address = ("--listen", "127.0.0.1:0")
        self.refused(3, "there is no such model file", "--model", str(folder / "absent.gguf"), *address)
        self.refused(2, "is a folder", "--model", str(folder), *address)
        self.refused(3, "is not a GGUF file", "--model", str(empty), *address)
        self.refused(3, "is not a GGUF file", "--model", str(foreign), *address)
        self.refused(3, "cannot be loaded as a model", "--model", str(cut), *address)
        self.refused(3, "cannot be loaded as a model", "--model", str(flipped), *address)

    def test_explains_an_address_that_it_cannot_have(self):
        model = ("--model", str(self.model))
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            self.refused(3, "is in use by another process", *model, "--listen", f"127.0.0.1:{port}")
        self.refused(2, "", *model, "--listen", "nowhere:1")
        self.refused(2, "", *model, "--listen", "127.0.0.1:99999")
        self.refused(2, "", *model, "--context", "1")
        self.refused(2, "", *model, "--slots", "many")
        self.refused(2, "--model", "--listen", "127.0.0.1:0")
        self.refused(2, "excludes", *model, "--listen", "127.0.0.1:0", "--unix", str(folder / "a.sock"))

    def test_explains_a_socket_that_it_cannot_have(self):
        model = ("--model", str(self.model))
        plain = folder / "plain"
        plain.write_text("kept")
        self.refused(3, "no socket lies there", *model, "--unix", str(plain))
        check(plain.read_text() == "kept", "a file at the socket's path is left alone")
        self.refused(3, "cannot listen", *model, "--unix", str(folder / "absent" / "a.sock"))
        self.refused(3, "cannot listen", *model, "--unix", str(plain / "a.sock"))
        self.refused(2, "too many", *model, "--unix", str(folder / ("x" * 200)))

    def test_listens_on_a_unix_socket_of_its_own(self):
        path = folder / "own.sock"
        with Host(self.model, "--unix", str(path), listen=False).ready() as host:
            check(host.chat(max_tokens=2).status == 200, "a Unix socket answers")
            check(path.stat().st_mode & 0o077 == 0, "it is its user's only")
            self.refused(3, "another process listens", "--model", str(self.model), "--unix", str(path))
            check(host.chat(max_tokens=2).status == 200, "who came second did not disturb it")
            host.process.kill()
            host.process.wait()
        check(path.exists(), "killed, it leaves its socket behind")
        with Host(self.model, "--unix", str(path), listen=False).ready() as host:
            check(host.chat(max_tokens=2).status == 200, "the next start takes the stale socket over")
            check(host.end()[0] == 0 and not path.exists(), "ended in order, it removes the socket")


class Stop(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.model = make_model("endless.gguf", "--stop-bias=-100")

    def ends(self, host, when, number=signal.SIGTERM):
        code, seconds = host.end(number)
        check(code == 0 and seconds < STOP_SECONDS_MAX,
              f"{when}, it ends within two seconds: {seconds:.2f} s, code {code}")

    def test_ends_by_a_signal(self):
        with Host(self.model).ready() as host:
            kept = host.connect()
            kept.request("GET", "/health")
            kept.getresponse().read()
            self.ends(host, "idle, with an idle connection")
            kept.close()
        with Host(self.model).ready() as host:
            self.ends(host, "at SIGINT", signal.SIGINT)
        with Host(self.model) as host:
            self.ends(host, "while it loads")
        with Host(self.model, "--slots", "2").ready() as host:
            streams = [host.open_stream() for _ in range(2)]
            for _ in range(10):
                connection = host.connect()
                connection.request("POST", "/v1/chat/completions", json.dumps(body_of()))
                streams.append((connection, None))
            time.sleep(0.2)  # until the last has been accepted
            self.ends(host, "with 12 requests")
            told = 0
            for connection, answer in streams:
                answer = answer or connection.getresponse()
                text = answer.read().decode()
                told += "the server is stopping" in text
                whole = "[DONE]" in text or '"finish_reason"' in text and answer.status == 200
                check(whole or "the server is stopping" in text, f"status {answer.status}: answered or told why not")
            check(told > 0, f"{told} of 12 were interrupted")
            for connection, _ in streams:
                connection.close()

    def test_lets_a_short_answer_finish(self):
        with Host(self.model).ready() as host:
            connection, answer = host.open_stream(max_tokens=20)
            host.process.send_signal(signal.SIGTERM)
            rest = answer.read().decode()
            check("data: [DONE]" in rest and '"error"' not in rest, "an answer under way is finished before the end")
            check(host.process.wait(timeout=START_SECONDS_MAX) == 0, "and then it ends")
            connection.close()


def main():
    global folder
    if importlib.util.find_spec("openai") is None:
        if not PYTHON.exists() or Path(sys.executable) == PYTHON:
            sys.exit(f"no `openai` package for {sys.executable}; run `tools/setup.sh --for test`")
        os.execv(PYTHON, [str(PYTHON), "-B", *sys.argv])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default=os.environ.get("THALAMUS_HOST", ROOT / "build/release/thalamus-host"))
    parser.add_argument("--tiny", default=os.environ.get("THALAMUS_TINY_GGUF", ROOT / "tools/tiny_gguf.py"))
    _, rest = parser.parse_known_args(namespace=options)
    with tempfile.TemporaryDirectory(prefix="host-") as name:
        folder = Path(name)
        unittest.main(argv=[sys.argv[0], *rest])


if __name__ == "__main__":
    main()
