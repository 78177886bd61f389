// The official Anthropic client for JavaScript.
import Anthropic from '@anthropic-ai/sdk';
import { zodOutputFormat } from '@anthropic-ai/sdk/helpers/zod';
import assert from 'node:assert/strict';
import { z } from 'zod';
import {
  BASE, CITIES, GUARDED, IMAGE_URL, KEY, PIXEL, STREAMED, Skip, TEXT, assertCalls, assertCancels, cancelled, features,
  millisecondsUntilCancelled, model,
} from './support.mjs';

const newClient = (options = {}) => new Anthropic({ baseURL: BASE, apiKey: 'any', maxRetries: 0, ...options });
const client = newClient();
const messages = [{ role: 'user', content: 'hi' }];
const weather = {
  name: 'weather', description: 'Of a city.',
  input_schema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
};

const body = (command, up, fields) => ({ model: model(command, up), max_tokens: 200, messages, ...fields });
const create = (command, up, fields = {}, options = {}) => client.messages.create(body(command, up, fields), options);
const stream = (command, up, fields = {}) => client.messages.stream(body(command, up, fields));
const text = (message) => message.content.filter((b) => b.type === 'text').map((b) => b.text).join('');
const cities = (message) => message.content.filter((b) => b.type === 'tool_use').map((b) => b.input.city);

features('@anthropic-ai/sdk', {
  async chat(up) {
    const message = await create('ok', up);
    assert.deepEqual([message.type, message.role, text(message)], ['message', 'assistant', TEXT]);
  },
  async system_and_turns(up) {
    const turns = [
      { role: 'user', content: 'one' }, { role: 'assistant', content: 'two' }, { role: 'user', content: 'three' },
    ];
    const sent = text(await create('echo', up, { system: 'Be brief.', messages: turns, stop_sequences: ['END'] }));
    for (const word of ['Be brief.', 'one', 'two', 'three']) assert.ok(sent.includes(word), word);
  },
  async streaming(up) {
    const types = [];
    const pieces = [];
    for await (const event of await create('ok', up, { stream: true })) {
      types.push(event.type);
      if (event.type === 'content_block_delta') pieces.push(event.delta.text);
    }
    assert.equal(types[0], 'message_start');
    assert.equal(types.at(-1), 'message_stop');
    assert.equal(pieces.join(''), STREAMED);
  },
  async streaming_helper(up) {
    const pieces = [];
    const final = await stream('ok', up).on('text', (delta) => pieces.push(delta)).finalMessage();
    assert.deepEqual([pieces.join(''), text(final), final.stop_reason], [STREAMED, STREAMED, 'end_turn']);
    const { usage } = final;
    assert.deepEqual([usage.input_tokens, usage.cache_read_input_tokens, usage.output_tokens], [8, 3, 5]);
  },
  async tool_loop(up) {
    const first = await create('tools', up, { tools: [weather] });
    assert.equal(first.stop_reason, 'tool_use');
    assert.deepEqual(cities(first), CITIES);
    const results = first.content.filter((b) => b.type === 'tool_use')
      .map((b) => ({ type: 'tool_result', tool_use_id: b.id, content: 'sunny' }));
    const turns = [...messages, { role: 'assistant', content: first.content }, { role: 'user', content: results }];
    const last = await create('tools', up, { tools: [weather], messages: turns });
    assert.deepEqual([text(last), last.stop_reason], ['The tool said: sunny', 'end_turn']);
  },
  async tool_streaming(up) {
    const final = await stream('tools', up, { tools: [weather] }).finalMessage();
    assert.deepEqual([cities(final), final.stop_reason], [CITIES, 'tool_use']);
  },
  async tool_choice(up) {
    const sent = JSON.parse(text(await create('echo', up, {
      tools: [weather], tool_choice: { type: 'tool', name: 'weather' },
    })));
    assert.ok(JSON.stringify(sent.tool_choice).includes('weather'));
  },
  async structured_output(up) {
    const format = zodOutputFormat(z.object({ name: z.string(), age: z.number() }));
    const message = await client.messages.parse(body('json', up, { output_config: { format } }));
    assert.deepEqual(message.parsed_output, { name: 'Ada', age: 36 });
  },
  async images(up) {
    const sources = [
      { type: 'base64', media_type: 'image/png', data: PIXEL }, { type: 'url', url: IMAGE_URL },
    ];
    for (const source of sources) {
      const content = [{ type: 'image', source }, { type: 'text', text: 'what?' }];
      assert.ok(text(await create('echo', up, { messages: [{ role: 'user', content }] }))
        .includes(source.data ?? source.url));
    }
  },
  async reasoning(up) {
    const fields = { max_tokens: 2000, thinking: { type: 'enabled', budget_tokens: 1024 } };
    for (const message of [await create('reason', up, fields), await stream('reason', up, fields).finalMessage()]) {
      assert.deepEqual(message.content.map((b) => b.type), ['thinking', 'text']);
      assert.equal(message.content[0].thinking, 'Let me think.');
      // Chat completions have no place for a proof.
      const proof = { openai: '', anthropic: 'c2lnbmVk', responses: 'thalamus.1.rs_scripted.c2lnbmVk' }[up];
      assert.equal(message.content[0].signature, proof);
    }
  },
  async refusal(up) {
    for (const message of [await create('refuse', up), await stream('refuse', up).finalMessage()])
      assert.deepEqual([text(message), message.stop_reason], ['I cannot do that.', 'refusal']);
  },
  async usage(up) {
    for (const { usage } of [await create('cached', up), await stream('cached', up).finalMessage()]) {
      assert.deepEqual([usage.input_tokens, usage.cache_read_input_tokens, usage.cache_creation_input_tokens,
        usage.output_tokens], [10, 60, 30, 9]);
    }
  },
  async stop_reasons(up) {
    for (const [command, expected] of [['ok', 'end_turn'], ['length', 'max_tokens']])
      assert.equal((await create(command, up)).stop_reason, expected);
  },
  async count_tokens(up) {
    try {
      const counted = await client.messages.countTokens({ model: model('ok', up), messages });
      assert.ok(counted.input_tokens > 0 && counted.input_tokens < 50);
    } catch (error) {
      if (!(error instanceof Anthropic.NotFoundError) || !error.message.includes('no such path')) throw error;
      throw new Skip('the gateway has no /v1/messages/count_tokens yet');
    }
  },
  async error_classes(up) {
    const table = [
      [400, Anthropic.BadRequestError, 400], [422, Anthropic.BadRequestError, 400],
      [413, Anthropic.APIError, 413], [429, Anthropic.RateLimitError, 429],
      [500, Anthropic.InternalServerError, 502], [503, Anthropic.InternalServerError, 503],
    ];
    for (const [asked, kind, status] of table) {
      const error = await create(`status-${asked}`, up).then(() => assert.fail('no error'), (e) => e);
      assert.ok(error instanceof kind, `${asked}: ${error.constructor.name}`);
      assert.equal(error.status, status);
      assert.ok(error.message.includes(`scripted status ${asked}`), error.message);
      assert.ok(error.requestID);
    }
  },
  async error_in_a_stream(up) {
    for (const command of ['late-error', 'cut-after']) {
      const running = stream(command, up);
      const pieces = [];
      running.on('text', (delta) => pieces.push(delta));
      await assert.rejects(running.finalMessage(), Anthropic.AnthropicError);
      assert.ok(pieces.length > 0, 'what came before the failure was told');
    }
  },
  async retries(up) {
    const ask = { messages: [{ role: 'user', content: `anthropic-node ${up}` }] };
    await assertCalls(model('flaky-2', up), 3, async () =>
      assert.equal(text(await create('flaky-2', up, ask, { maxRetries: 3 })), TEXT));
    await assertCalls(model('status-400', up), 1, () =>
      assert.rejects(create('status-400', up, {}, { maxRetries: 3 }), Anthropic.BadRequestError));
  },
  async time_out(up) {
    const before = await cancelled(model('slow-3000', up));
    await assert.rejects(create('slow-3000', up, {}, { timeout: 300 }), Anthropic.APIConnectionTimeoutError);
    await millisecondsUntilCancelled(model('slow-3000', up), before);
  },
  async cancellation(up) {
    await assertCancels(model('drip-50', up), async () => {
      for await (const event of await create('drip-50', up, { stream: true }))
        if (event.type === 'content_block_delta') break;
    });
  },
  async request_id_and_headers(up) {
    const { data, response } = await create('ok', up).withResponse();
    assert.equal(response.headers.get('x-thalamus-target'), model('ok', up));
    assert.match(data._request_id, /^[0-9a-f]{32}$/);
    assert.equal(data._request_id, response.headers.get('request-id'));
  },
  once: {
    async models() {
      const listed = [];
      for await (const one of client.models.list()) listed.push(one);
      const auto = listed.find((one) => one.id === 'auto');
      assert.equal(auto?.type, 'model');
      assert.ok(auto.display_name);
    },
    async gateway_errors() {
      const ask = (c, fields) => c.messages.create({ model: 'auto', max_tokens: 200, messages, ...fields });
      await assert.rejects(ask(client, { model: 'no-such-model' }), Anthropic.NotFoundError);
      await assert.rejects(ask(client, { messages: [] }), Anthropic.BadRequestError);
      const stranger = newClient({ baseURL: GUARDED, apiKey: 'wrong-key-123' });
      await assert.rejects(ask(stranger), Anthropic.AuthenticationError);
      const known = newClient({ baseURL: GUARDED, apiKey: KEY });
      assert.equal(text(await ask(known)), TEXT);
      const big = [{ role: 'user', content: 'x'.repeat(40000) }];
      await assert.rejects(ask(known, { messages: big }), { status: 413 });
    },
  },
});
