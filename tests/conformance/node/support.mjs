// Turns an object of features into tests, one for each feature and upstream, and writes down how each ended.
//
// `features(client, table)`: each entry is a function of the upstream protocol; under `once` are those that are run
// once. CONFORMANCE_FAST leaves one upstream for each feature, a different one from feature to feature.
import assert from 'node:assert/strict';
import { appendFileSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

const environment = process.env;
export const BASE = environment.CONFORMANCE_BASE;
export const GUARDED = environment.CONFORMANCE_GUARDED;
export const KEY = environment.CONFORMANCE_KEY;
export const UPSTREAMS = ['openai', 'responses', 'anthropic'];
export const TEXT = 'The scripted answer.';
export const STREAMED = 'piece 0 piece 1 piece 2 ';
export const CITIES = ['Utrecht', 'Bonn'];
export const PIXEL =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgYPhfDwAChAGA6oyyZwAAAABJRU5ErkJggg==';
export const PIXEL_URL = `data:image/png;base64,${PIXEL}`;
export const IMAGE_URL = 'https://example.com/cat.png';
const CANCELLED_WITHIN_MS = 100;

export const model = (command, up) => `${command}@${up}`;

/** The sum over the series of that name which have all of these labels. */
export async function metric(name, labels) {
  const text = await (await fetch(`${environment.CONFORMANCE_ADMIN}/metrics`)).text();
  let total = 0;
  for (const line of text.split('\n')) {
    const found = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line);
    if (!found || found[1] !== name) continue;
    if (Object.entries(labels).every(([k, v]) => (found[2] ?? '').includes(`${k}="${v}"`))) total += Number(found[3]);
  }
  return total;
}

export const calls = (target) => metric('thalamus_target_calls_total', { target });
export const cancelled = (target) => metric('thalamus_target_calls_total', { target, result: 'cancelled' });

/** From now until the gateway counts one more cancelled call of that target. */
export async function millisecondsUntilCancelled(target, before, limit = 3000) {
  const start = performance.now();
  while (performance.now() - start < limit) {
    if ((await cancelled(target)) > before) return performance.now() - start;
    await sleep(5);
  }
  throw new Error(`the call of ${target} was not cancelled within ${limit} ms`);
}

/** `leave` starts a stream and goes away; the best of three counts, as other work shares this machine. */
export async function assertCancels(target, leave) {
  let best = Infinity;
  for (let i = 0; i < 3 && best > CANCELLED_WITHIN_MS; ++i) {
    const before = await cancelled(target);
    await leave();
    best = Math.min(best, await millisecondsUntilCancelled(target, before));
  }
  assert.ok(best <= CANCELLED_WITHIN_MS, `the upstream call ended ${best.toFixed(0)} ms after the client had gone`);
}

export async function assertCalls(target, expected, work) {
  const before = await calls(target);
  await work();
  // A call is counted once its answer has left, when the client may have read it already.
  const start = performance.now();
  while ((await calls(target)) - before < expected && performance.now() - start < 3000) await sleep(5);
  assert.equal((await calls(target)) - before, expected, `calls of ${target}`);
}

/** Thrown by a feature that cannot be tested yet. */
export class Skip extends Error {}

function record(client, feature, upstream, outcome, reason, began) {
  if (!environment.CONFORMANCE_RESULTS) return;
  const seconds = Math.round(performance.now() - began) / 1000;
  const line = { client, feature, upstream, outcome, reason: reason.slice(0, 600), seconds };
  appendFileSync(environment.CONFORMANCE_RESULTS, JSON.stringify(line) + '\n');
}

function register(client, feature, upstream, run) {
  test(`${client} | ${feature} | ${upstream}`, async (context) => {
    const began = performance.now();
    try {
      await run(upstream);
      record(client, feature, upstream, 'pass', '', began);
    } catch (error) {
      const skipped = error instanceof Skip;
      record(client, feature, upstream, skipped ? 'skip' : 'fail', `${error?.message ?? error}`, began);
      if (!skipped) throw error;
      context.skip(error.message);
    }
  });
}

export function features(client, { once = {}, ...table }) {
  const named = (key) => key.replaceAll('_', ' ');
  Object.entries(table).forEach(([key, run], i) => {
    const chosen = environment.CONFORMANCE_FAST ? [UPSTREAMS[i % UPSTREAMS.length]] : UPSTREAMS;
    for (const up of chosen) register(client, named(key), up, run);
  });
  for (const [key, run] of Object.entries(once)) register(client, named(key), '-', run);
}
