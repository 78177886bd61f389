// The AI SDK (`ai`) with its OpenAI-compatible and its Anthropic provider.
import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { APICallError, Output, RetryError, embedMany, generateText, stepCountIs, streamText, tool } from 'ai';
import assert from 'node:assert/strict';
import { z } from 'zod';
import {
  BASE, CITIES, GUARDED, PIXEL, STREAMED, Skip, TEXT, assertCalls, assertCancels, cancelled, features,
  millisecondsUntilCancelled, model,
} from './support.mjs';

globalThis.AI_SDK_LOG_WARNINGS = false;

const compatible = (baseURL = `${BASE}/v1`) => createOpenAICompatible({
  name: 'thalamus', baseURL, apiKey: 'any-key-at-all', includeUsage: true, supportsStructuredOutputs: true,
});
const anthropic = (baseURL = `${BASE}/v1`) => createAnthropic({ baseURL, apiKey: 'any-key-at-all' });

const Person = z.object({ name: z.string(), age: z.number() });
const failed = (promise) => promise.then(() => assert.fail('no error'), (error) => error);

function weather(asked) {
  return tool({
    description: 'Of a city.',
    inputSchema: z.object({ city: z.string() }),
    execute: async ({ city }) => (asked.push(city), 'sunny'),
  });
}

/** What both providers must do; `used` gives the input tokens of the case `cached`. */
function shared(name, provider) {
  const ask = (command, up, fields = {}) =>
    generateText({ model: provider()(model(command, up)), prompt: 'hi', maxRetries: 0, ...fields });
  const flow = (command, up, fields = {}) =>
    streamText({ model: provider()(model(command, up)), prompt: 'hi', maxRetries: 0, onError() {}, ...fields });

  return {
    async chat(up) {
      const { text, finishReason } = await ask('ok', up);
      assert.deepEqual([text, finishReason], [TEXT, 'stop']);
    },
    async system_and_turns(up) {
      const messages = [
        { role: 'user', content: 'one' }, { role: 'assistant', content: 'two' }, { role: 'user', content: 'three' },
      ];
      const { text } = await ask('echo', up, { prompt: undefined, system: 'Be brief.', messages });
      for (const word of ['Be brief.', 'one', 'two', 'three']) assert.ok(text.includes(word), word);
    },
    async streaming(up) {
      const result = flow('ok', up);
      let text = '';
      for await (const piece of result.textStream) text += piece;
      assert.equal(text, STREAMED);
      const usage = await result.usage;
      assert.deepEqual([usage.inputTokens, usage.outputTokens], [11, 5]);
      assert.equal(await result.finishReason, 'stop');
    },
    async tool_loop(up) {
      const asked = [];
      const result = await ask('tools', up, { tools: { weather: weather(asked) }, stopWhen: stepCountIs(3) });
      assert.deepEqual(asked, CITIES);
      assert.equal(result.text, 'The tool said: sunny');
    },
    async tool_streaming(up) {
      const asked = [];
      const result = flow('tools', up, { tools: { weather: weather(asked) }, stopWhen: stepCountIs(3) });
      assert.equal(await result.text, 'The tool said: sunny');
      assert.deepEqual(asked.sort(), [...CITIES].sort());
    },
    async structured_output(up) {
      const { output } = await ask('json', up, { output: Output.object({ schema: Person }) });
      assert.deepEqual(output, { name: 'Ada', age: 36 });
    },
    async images(up) {
      const content = [{ type: 'text', text: 'what?' }, { type: 'image', image: Buffer.from(PIXEL, 'base64') }];
      const { text } = await ask('echo', up, { prompt: undefined, messages: [{ role: 'user', content }] });
      assert.ok(text.includes(PIXEL));
    },
    async reasoning(up) {
      // Messages have thoughts only where they are asked for.
      const fields = { providerOptions: { anthropic: { thinking: { type: 'enabled', budgetTokens: 1024 } } } };
      assert.equal((await ask('reason', up, fields)).reasoningText, 'Let me think.');
      const result = flow('reason', up, fields);
      assert.equal(await result.reasoningText, 'Let me think.');
      assert.equal(await result.text, STREAMED);
    },
    async refusal(up) {
      assert.equal((await ask('refuse', up)).finishReason, 'content-filter');
    },
    async usage(up) {
      const { usage } = await ask('cached', up);
      assert.deepEqual([usage.inputTokens, usage.outputTokens], [100, 9]);
      assert.equal(usage.inputTokenDetails.cacheReadTokens, 60);
    },
    async stop_reasons(up) {
      assert.equal((await ask('length', up)).finishReason, 'length');
    },
    async error_classes(up) {
      const table = [[400, 400, false], [422, 400, false], [413, 413, false], [429, 429, true], [500, 502, true],
        [503, 503, true]];
      for (const [asked, status, retryable] of table) {
        const error = await failed(ask(`status-${asked}`, up));
        assert.ok(APICallError.isInstance(error), `${asked}: ${error.name}`);
        assert.deepEqual([error.statusCode, error.isRetryable], [status, retryable]);
        assert.ok(error.message.includes(`scripted status ${asked}`), error.message);
      }
    },
    async error_in_a_stream(up) {
      for (const command of ['late-error', 'cut-after']) {
        const parts = [];
        for await (const part of flow(command, up).fullStream) parts.push(part.type);
        assert.ok(parts.includes('error'), parts.join(' '));
      }
    },
    async retries(up) {
      await assertCalls(model('flaky-2', up), 3, async () =>
        assert.equal((await ask('flaky-2', up, { prompt: `${name} ${up}`, maxRetries: 3 })).text, TEXT));
      await assertCalls(model('status-400', up), 1, async () =>
        assert.ok(APICallError.isInstance(await failed(ask('status-400', up, { maxRetries: 3 })))));
      const error = await failed(ask('status-503', up, { maxRetries: 1 }));
      assert.ok(RetryError.isInstance(error), error.name);
    },
    async time_out(up) {
      const before = await cancelled(model('slow-3000', up));
      const error = await failed(ask('slow-3000', up, { abortSignal: AbortSignal.timeout(300) }));
      assert.equal(error.name, 'TimeoutError');
      await millisecondsUntilCancelled(model('slow-3000', up), before);
    },
    async cancellation(up) {
      await assertCancels(model('drip-50', up), async () => {
        const abort = new AbortController();
        for await (const piece of flow('drip-50', up, { abortSignal: abort.signal }).textStream) {
          if (piece) abort.abort();
        }
      });
    },
    async request_id_and_headers(up) {
      const { response } = await ask('ok', up);
      assert.equal(response.headers['x-thalamus-target'], model('ok', up));
      assert.match(response.headers['x-request-id'], /^[0-9a-f]{32}$/);
    },
    once: {
      async gateway_errors() {
        const call = (named, from = provider()) => failed(generateText({
          model: from(named), prompt: 'hi', maxRetries: 0,
        }));
        assert.equal((await call('no-such-model')).statusCode, 404);
        assert.equal((await call('down')).statusCode, 503);
        assert.equal((await call('auto', provider(`${GUARDED}/v1`))).statusCode, 401);
      },
    },
  };
}

const openai = shared('ai-openai-compatible', compatible);
openai.once.embeddings = async () => {
  const embedding = compatible().textEmbeddingModel('auto');
  try {
    const { embeddings } = await embedMany({ model: embedding, values: ['one', 'two'], maxRetries: 0 });
    assert.equal(embeddings.length, 2);
  } catch (error) {
    if (error.statusCode === 404 && error.responseBody.includes('no such path'))
      throw new Skip('the gateway has no /v1/embeddings yet');
    if (error.statusCode !== 400 || !error.message.includes('embedding')) throw error;
  }
};

features('AI SDK, openai-compatible', openai);
features('AI SDK, anthropic', shared('ai-anthropic', anthropic));
