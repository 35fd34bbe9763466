// Scenarios of `@cloakroom/client` in Chromium against the real server: each has a browser context of its own.
import assert from 'node:assert/strict';
import { facts } from '../facts.mjs';
import { launch, logIn, serve } from './browser.mjs';
import { bundle } from './install.mjs';

const script = await bundle(`export * from '@cloakroom/client'`);
// The query of the page configures the client; `load` signs in when the page is loaded.
const html = `<!doctype html><meta charset="utf-8"><title>Photos</title><link rel="icon" href="data:,">
<script type="module">
  import * as client from '/client.js';
  const given = JSON.parse(sessionStorage.getItem('given') ?? '{}');
  Object.assign(given, Object.fromEntries([...new URLSearchParams(location.search)].filter(([name]) => name.startsWith('_'))));
  sessionStorage.setItem('given', JSON.stringify(given));
  window.client = client;
  window.auth = client.cloakroom({ url: given._url ?? '${facts.issuer}', clientId: 'spa', dpop: given._dpop !== 'off' });
  window.changes = 0;
  auth.subscribe(() => window.changes++);
  if (given._load) window.loaded = auth.signIn(JSON.parse(given._load)).catch((error) => (window.failed = { ...error, name: error.name }));
</script>`;
const application = await serve((path) => (path === '/client.js' ? ['text/javascript', script] : ['text/html', html]));
export const browser = await launch();

/** Waits until the client of a page is ready, and returns its user. */
export async function settled(page) {
  await page.waitForURL(`${facts.application}/**`);
  await page.waitForFunction(() => window.auth && !window.auth.loading);
  return page.evaluate(() => window.auth.user);
}

/** Opens the application and signs in. */
export async function signedIn(context, query = '') {
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  await page.goto(`${facts.application}/${query}`);
  await settled(page);
  await leave(page, () => void window.auth.signIn());
  await logIn(page);
  await settled(page);
  assert.equal(await page.evaluate(() => window.auth.error), null);
  return page;
}

/** Runs a function that leads to another site, where its promise does not resolve. */
export const leave = (page, act, argument) => page.evaluate(act, argument);

/** Counts the answers of a path, by their status. */
export function count(context, path = '/oauth/token') {
  const statuses = [];
  context.on('response', (response) => {
    if (new URL(response.url()).pathname === path && response.request().method() !== 'OPTIONS') statuses.push(response.status());
  });
  return { statuses, good: () => statuses.filter((status) => status === 200).length };
}

export const readMe = (page) => page.evaluate(async () => (await window.auth.get('/users/{id}', { id: 'me' })).email);

/** Returns the error of a call in the page. */
export const refused = (page, act, argument) =>
  page.evaluate(
    async ([act, argument]) => {
      try {
        await new Function(`return (${act})`)()(argument);
      } catch (error) {
        return { ...error, name: error.name, message: error.message };
      }
      return undefined;
    },
    [act.toString(), argument],
  );

/** Calls the API as an administrator, without the client. */
export const asAdmin = (method, path, body) =>
  fetch(facts.issuer + path, {
    method,
    headers: { authorization: `Bearer ${facts.admin}`, 'content-type': 'application/json' },
    ...(body && { body: JSON.stringify(body) }),
  });

/** Moves the tokens of the page into the past by these seconds, as a sleeping laptop does: no timer runs. */
export async function sleep(page, seconds) {
  const now = await page.evaluate(() => Date.now());
  await page.clock.setSystemTime(now + 1000 * seconds);
}

/** Query for the server whose clock the tests move. Its `Date` stands for another time, so it gets no proofs. */
export const later = `?_dpop=off&_url=${encodeURIComponent(facts.later.issuer)}`;

/** Runs scenarios, one after the other. `ONLY=` runs those with this in their name. */
export async function run(scenarios) {
  const only = process.env.ONLY;
  try {
    for (const [name, act] of Object.entries(scenarios)) {
      if (only && !name.includes(only)) continue;
      const context = await browser.newContext();
      const began = Date.now();
      const complaints = [];
      context.on('weberror', (error) => complaints.push(String(error.error())));
      try {
        await act(context);
        assert.deepEqual(complaints, []);
        console.log(`ok ${name} (${Date.now() - began} ms)`);
      } catch (error) {
        console.log(`FAILED ${name}`);
        if (!process.env.GO_ON) throw error;
        console.log(error);
        process.exitCode = 1;
      } finally {
        await context.close();
      }
    }
  } finally {
    await browser.close();
    application.close();
  }
}
