"""The malformed requests of docs/bad-requests.md, by protocol."""

from typing import NamedTuple

from . import chat, messages, others, responses


class Section(NamedTuple):
    title: str
    path: str
    shape: str     # of its errors: "openai" or "anthropic"
    groups: list   # (title, cases)
    passed: list
    least: int     # cases


SECTIONS = [
    Section(chat.TITLE, chat.PATH, "openai", chat.CASES, chat.PASSED, 60),
    Section(responses.TITLE, responses.PATH, "openai", responses.CASES, responses.PASSED, 60),
    Section(messages.TITLE, messages.PATH, "anthropic", messages.CASES, messages.PASSED, 60),
    Section("Embeddings", "/v1/embeddings", "openai", [("Body", others.of_embeddings())], [], 20),
    Section("Decisions", "/v1/decision", "openai", [("Request", others.of_decisions())], [], 10),
    Section("Counts of tokens", "/v1/messages/count_tokens", "anthropic", [("Request", others.of_counts())], [], 10),
    Section("Models", "/v1/models", "openai", [("Request", others.of_models())], [], 3),
]
