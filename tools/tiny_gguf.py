#!/usr/bin/env python3
"""Writes a tiny language model with random weights, so that tests of the local model server need no real one.

What it promises:
  - A GGUF file of about 120 KB that llama.cpp loads: Qwen2 architecture, two layers, and a ChatML chat template.
  - Any text has tokens: the vocabulary holds all 256 bytes, some pairs of letters, and the control tokens.
  - What it says is noise, but the same noise: same options and seed, same bytes of the file, on any machine.
  - By default it says printable ASCII only. `--alphabet bytes` lets it say any byte, as a test of broken UTF-8.
  - `--stop-bias` moves the end token up (short answers) or down (-100: an answer ends at its token limit).
  - Needs the standard library only.

Format: GGUF version 3, little endian: counts, key-value pairs, tensor table, then tensors aligned to 32 bytes.
"""

import argparse
import random
import struct
from pathlib import Path

ALIGNMENT = 32
UINT32, FLOAT32, BOOL, STRING, ARRAY = 4, 6, 7, 8, 9
TENSOR_F32 = 0
TOKEN_NORMAL, TOKEN_CONTROL, INT32 = 1, 3, 5

LAYERS, WIDTH, HIDDEN, HEADS, KEY_HEADS, CONTEXT = 2, 32, 64, 2, 1, 4096
END_OF_TEXT, TURN_START, TURN_END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
MERGES = ["t h", "h e", "i n", "e r", "a n", "o n", "r e", "th e", "in g", "o u", "l l", "e s", "s t", "o r"]
CHAT_TEMPLATE = (
    "{%- for message in messages %}"
    "{{- '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}"
)


def byte_letters():
    """One printable letter per byte, as byte-level tokenizers write it: itself, or the next free one from 256."""
    plain = set(range(33, 127)) | set(range(161, 173)) | set(range(174, 256))
    letters, spare = [], 256
    for byte in range(256):
        letters.append(chr(byte if byte in plain else spare))
        spare += byte not in plain
    return letters


def vocabulary():
    """Tokens and their types: bytes first, so that a byte is its own token number, then pairs, then control tokens."""
    tokens = byte_letters() + [merge.replace(" ", "") for merge in MERGES]
    types = [TOKEN_NORMAL] * len(tokens)
    return tokens + [END_OF_TEXT, TURN_START, TURN_END], types + [TOKEN_CONTROL] * 3


def text(value):
    data = value.encode("utf-8")
    return struct.pack("<Q", len(data)) + data


def pair(key, kind, value):
    return text(key) + struct.pack("<I", kind) + value


def integer(key, value):
    return pair(key, UINT32, struct.pack("<I", value))


def real(key, value):
    return pair(key, FLOAT32, struct.pack("<f", value))


def string(key, value):
    return pair(key, STRING, text(value))


def strings(key, values):
    return pair(key, ARRAY, struct.pack("<IQ", STRING, len(values)) + b"".join(map(text, values)))


def integers(key, values):
    return pair(key, ARRAY, struct.pack(f"<IQ{len(values)}i", INT32, len(values), *values))


def metadata(tokens, types):
    return [
        string("general.architecture", "qwen2"),
        string("general.name", "Thalamus tiny random model"),
        integer("general.alignment", ALIGNMENT),
        integer("general.file_type", 0),
        integer("qwen2.block_count", LAYERS),
        integer("qwen2.context_length", CONTEXT),
        integer("qwen2.embedding_length", WIDTH),
        integer("qwen2.feed_forward_length", HIDDEN),
        integer("qwen2.attention.head_count", HEADS),
        integer("qwen2.attention.head_count_kv", KEY_HEADS),
        real("qwen2.attention.layer_norm_rms_epsilon", 1e-6),
        real("qwen2.rope.freq_base", 10000.0),
        string("tokenizer.ggml.model", "gpt2"),
        string("tokenizer.ggml.pre", "qwen2"),
        strings("tokenizer.ggml.tokens", tokens),
        integers("tokenizer.ggml.token_type", types),
        strings("tokenizer.ggml.merges", MERGES),
        integer("tokenizer.ggml.bos_token_id", tokens.index(END_OF_TEXT)),
        integer("tokenizer.ggml.eos_token_id", tokens.index(TURN_END)),
        integer("tokenizer.ggml.padding_token_id", tokens.index(END_OF_TEXT)),
        pair("tokenizer.ggml.add_bos_token", BOOL, b"\0"),
        string("tokenizer.chat_template", CHAT_TEMPLATE),
    ]


def output_bias(tokens, alphabet, stop_bias):
    """What the model may say: of control tokens only the end of its turn, of bytes by default printable ASCII."""
    never, bias = -1e9, []
    for number, token in enumerate(tokens):
        if token == TURN_END:
            bias.append(stop_bias)
        elif token in (TURN_START, END_OF_TEXT):
            bias.append(never)
        elif alphabet == "ascii" and number < 256 and not 32 <= number < 127:
            bias.append(never)
        else:
            bias.append(0.0)
    return bias


def tensors(tokens, options):
    """(name, shape, values) of every tensor; the shape's first number is the length of a row."""
    source = random.Random(options.seed)

    def noise(*shape):
        count = 1
        for size in shape:
            count *= size
        # Variance 1/row keeps activations near one through the layers.
        reach = (3.0 / shape[0]) ** 0.5
        return shape, [(2.0 * source.random() - 1.0) * reach for _ in range(count)]

    def constant(value, size):
        return (size,), [value] * size

    keys = WIDTH // HEADS * KEY_HEADS
    named = [("token_embd.weight", noise(WIDTH, len(tokens)))]
    for layer in range(LAYERS):
        block = f"blk.{layer}."
        named += [
            (block + "attn_norm.weight", constant(1.0, WIDTH)),
            (block + "attn_q.weight", noise(WIDTH, WIDTH)),
            (block + "attn_q.bias", constant(0.0, WIDTH)),
            (block + "attn_k.weight", noise(WIDTH, keys)),
            (block + "attn_k.bias", constant(0.0, keys)),
            (block + "attn_v.weight", noise(WIDTH, keys)),
            (block + "attn_v.bias", constant(0.0, keys)),
            (block + "attn_output.weight", noise(WIDTH, WIDTH)),
            (block + "ffn_norm.weight", constant(1.0, WIDTH)),
            (block + "ffn_gate.weight", noise(WIDTH, HIDDEN)),
            (block + "ffn_up.weight", noise(WIDTH, HIDDEN)),
            (block + "ffn_down.weight", noise(HIDDEN, WIDTH)),
        ]
    named += [
        ("output_norm.weight", constant(1.0, WIDTH)),
        ("output.weight", noise(WIDTH, len(tokens))),
        ("output.bias", ((len(tokens),), output_bias(tokens, options.alphabet, options.stop_bias))),
    ]
    return [(name, shape, values) for name, (shape, values) in named]


def padded(data):
    return data + b"\0" * (-len(data) % ALIGNMENT)


def model_bytes(options):
    tokens, types = vocabulary()
    pairs, weights = metadata(tokens, types), tensors(tokens, options)
    table, body = b"", b""
    for name, shape, values in weights:
        table += text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, TENSOR_F32, len(body))
        body += padded(struct.pack(f"<{len(values)}f", *values))
    head = b"GGUF" + struct.pack("<IQQ", 3, len(weights), len(pairs)) + b"".join(pairs) + table
    return padded(head) + body


def main():
    parser = argparse.ArgumentParser(description="Writes a tiny random language model as a GGUF file.")
    parser.add_argument("output", type=Path, help="file to write")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--alphabet", choices=("ascii", "bytes"), default="ascii", help="what it may say")
    parser.add_argument("--stop-bias", type=float, default=0.0, help="added to the end token's score")
    options = parser.parse_args()
    options.output.write_bytes(model_bytes(options))


if __name__ == "__main__":
    main()
