// The client signs in and out, by the pages of the real server.
import assert from 'node:assert/strict';
import { facts } from '../facts.mjs';
import { logIn } from './browser.mjs';
import { asAdmin, count, later, leave, readMe, refused, run, settled, signedIn } from './scenarios.mjs';

await run({
  async 'three lines sign in, and return to the same place'(context) {
    const page = await context.newPage();
    await page.goto(`${facts.application}/albums?_load={}&year=1843#note-g`);
    await logIn(page);
    const user = await settled(page);
    assert.equal(user.email, facts.user.email);
    const at = new URL(page.url());
    assert.deepEqual([at.pathname, at.searchParams.get('year'), at.hash, at.searchParams.get('code')], ['/albums', '1843', '#note-g', null]);
    assert.equal(await page.evaluate(async () => (await window.loaded).sub), user.sub);
    const me = await page.evaluate(async () => (await window.auth.fetch('/users/me')).json());
    assert.equal(me.email, facts.user.email);
    // The state of a sign-in is removed afterwards.
    assert.deepEqual(await page.evaluate(() => Object.keys(sessionStorage)), ['given']);
  },

  async 'a call is bound to a key that no script can read'(context) {
    const sent = [];
    context.on('request', (request) => request.url().endsWith('/users/me') && sent.push(request.headers()));
    const page = await signedIn(context);
    await readMe(page);
    const [{ authorization, dpop }] = sent.filter(({ authorization }) => authorization);
    assert.match(authorization, /^DPoP /);
    assert.ok(dpop);
    const key = await page.evaluate(async () => {
      const [{ name }] = await indexedDB.databases();
      const database = await new Promise((resolve) => (indexedDB.open(name).onsuccess = ({ target }) => resolve(target.result)));
      const read = database.transaction('items').objectStore('items').get('key');
      const { privateKey } = await new Promise((resolve) => (read.onsuccess = () => resolve(read.result)));
      const exported = await crypto.subtle.exportKey('jwk', privateKey).catch((error) => error.name);
      return { extractable: privateKey.extractable, exported };
    });
    assert.deepEqual(key, { extractable: false, exported: 'InvalidAccessError' });
    // A thief of the token alone gets nothing.
    const stolen = await fetch(`${facts.issuer}/users/me`, { headers: { authorization: authorization.replace('DPoP', 'Bearer') } });
    assert.equal(stolen.status, 401);
  },

  async 'without DPoP the token is a bearer token'(context) {
    const sent = [];
    context.on('request', (request) => /\/users\/me|\/token/.test(request.url()) && sent.push(request.headers()));
    const page = await signedIn(context, '?_dpop=off');
    assert.equal(await readMe(page), facts.user.email);
    await asAdmin('PUT', `/users/${(await settled(page)).sub}/roles`, { roles: ['user', 'admin'] });
    await asAdmin('PUT', `/users/${(await settled(page)).sub}/roles`, { roles: ['user'] });
    assert.equal(await readMe(page), facts.user.email);
    assert.ok(sent.some(({ authorization }) => authorization?.startsWith('Bearer ')));
    assert.ok(sent.every(({ dpop }) => dpop === undefined));
  },

  async 'a failed sign-in on load makes no loop'(context) {
    const page = await context.newPage();
    let visits = 0;
    context.on('request', (request) => request.url().includes('/oauth/authorize') && visits++);
    await page.goto(`${facts.application}/?_load={"prompt":"none"}`);
    await page.waitForFunction(() => window.failed);
    const failed = await page.evaluate(() => window.failed);
    assert.deepEqual([failed.name, failed.code, failed.status], ['ProblemError', 'login_required', 0]);
    assert.equal(visits, 1);
    assert.equal(await page.evaluate(() => window.auth.error.code), 'login_required');
    const elsewhere = await refused(page, () => window.auth.signIn({ returnTo: '//evil.example/' }));
    assert.equal(elsewhere.name, 'TypeError');
    // A click starts again.
    await leave(page, () => void window.auth.signIn());
    await logIn(page);
    assert.equal((await settled(page)).email, facts.user.email);
  },

  async 'a forged answer is refused'(context) {
    const forged = await context.newPage();
    await forged.route('**/oauth/authorize?*', (route) => route.abort());
    for (const issuer of ['&iss=https%3A%2F%2Fevil.example', '']) {
      await forged.goto(facts.application);
      await settled(forged);
      await leave(forged, () => void window.auth.signIn());
      const asked = await forged.waitForRequest('**/oauth/authorize?*');
      const state = new URL(asked.url()).searchParams.get('state');
      await forged.goto(`${facts.application}/?code=stolen&state=${state}${issuer}`);
      assert.equal(await settled(forged), null);
      assert.equal(await forged.evaluate(() => window.auth.error?.code), 'invalid_issuer');
    }
    // The answer to a sign-in that this browser did not begin is left alone.
    const page = await context.newPage();
    const tokens = count(context);
    await page.goto(`${facts.application}/?code=stolen&state=${'a'.repeat(43)}&iss=${encodeURIComponent(facts.issuer)}`);
    assert.equal(await settled(page), null);
    assert.deepEqual(tokens.statuses, []);
  },

  async 'an answer to another sign-in is refused'(context) {
    // The test changes the expected values after the request, so the answer does not fit them.
    for (const [change, code] of [
      [(pending) => ({ ...pending, nonce: 'another' }), 'invalid_id_token'],
      [(pending) => ({ ...pending, options: { maxAge: -3600 } }), 'login_required'],
      [(pending) => ({ ...pending, verifier: 'v'.repeat(43), isSecond: true }), 'invalid_grant'],
    ]) {
      const page = await context.newPage();
      await page.goto(facts.application);
      await settled(page);
      // With this status, the browser stays on the page.
      await page.route('**/oauth/authorize?*', (route) => route.fulfill({ status: 204 }), { times: 1 });
      const asked = page.waitForResponse('**/oauth/authorize?*');
      await leave(page, () => void window.auth.signIn());
      const url = (await asked).url();
      const item = await page.evaluate(() => Object.keys(sessionStorage).find((name) => name !== 'given'));
      const pending = JSON.parse(await page.evaluate((item) => sessionStorage.getItem(item), item));
      await page.evaluate(([item, text]) => sessionStorage.setItem(item, text), [item, JSON.stringify(change(pending))]);
      await page.goto(url);
      if (page.url().startsWith(facts.issuer)) await logIn(page);
      assert.equal(await settled(page), null);
      assert.equal(await page.evaluate(() => window.auth.error?.code), code);
      await page.close();
    }
  },

  async 'a lost answer to the code leads to another code'(context) {
    let lost = 0;
    await context.route('**/oauth/token', async (route) => {
      const response = await route.fetch();
      if (lost++) return route.fulfill({ response });
      assert.equal(response.status(), 200);
      await route.abort('connectionreset');
    });
    const page = await signedIn(context, 'albums?year=1843');
    assert.equal((await settled(page)).email, facts.user.email);
    assert.equal(new URL(page.url()).pathname, '/albums');
    assert.equal(await readMe(page), facts.user.email);
    assert.equal(lost, 3);
  },

  async 'a sign-out reaches every tab and the server'(context) {
    const page = await signedIn(context);
    const other = await context.newPage();
    await other.goto(facts.application);
    await settled(other);
    const { sub } = await settled(page);
    const session = await page.evaluate(async () => (await window.auth.get('/users/{id}/sessions', { id: 'me' })).items.find(({ current }) => current).id);
    const ended = page.waitForResponse((response) => response.url().includes('/oauth/logout'));
    await leave(page, () => void window.auth.signOut());
    await ended;
    await other.waitForFunction(() => window.auth.user === null);
    await page.waitForURL(`${facts.application}/`);
    assert.equal(await settled(page), null);
    const left = await (await asAdmin('GET', `/users/${sub}/sessions`)).json();
    assert.ok(left.items.every(({ id }) => id !== session));
    const status = await other.evaluate(async () => (await window.auth.fetch('/users/me')).status);
    assert.equal(status, 401);
    await other.reload();
    assert.equal(await settled(other), null);
    // The pages of cloakroom have signed the user out too.
    await leave(page, () => void window.auth.signIn());
    await page.waitForSelector('h1:text("Sign in")');
  },

  async 'a sign-out here alone keeps the pages signed in'(context) {
    const page = await signedIn(context);
    const revoked = count(context, '/oauth/revoke');
    await page.evaluate(() => window.auth.signOut({ redirect: false }));
    assert.equal(await settled(page), null);
    assert.deepEqual(revoked.statuses, [200]);
    await leave(page, () => void window.auth.signIn());
    await page.waitForURL(`${facts.application}/**`);
    await page.waitForFunction(() => window.auth?.user);
  },

  async 'a change that needs the password again says so'(context) {
    const page = await signedIn(context, later);
    await fetch(facts.later.clock);
    const failed = await refused(page, async () => {
      await window.auth.get('/users/{id}', { id: 'me' });
      return window.auth.patch('/users/{id}', { id: 'me', body: { email: 'countess@example.com' } });
    });
    assert.deepEqual([failed.status, failed.code, failed.maxAge], [401, 'insufficient-user-authentication', 600]);
    // The user is still signed in, and is asked for the password alone.
    const { auth_time: before } = await settled(page);
    const revoked = context.waitForEvent('response', (response) => response.url().endsWith('/oauth/revoke'));
    await leave(page, (maxAge) => void window.auth.signIn({ maxAge }), failed.maxAge);
    await logIn(page);
    assert.ok((await settled(page)).auth_time > before);
    // The session that this one replaces ends.
    assert.equal((await revoked).status(), 200);
    await page.evaluate(() => window.auth.get('/users/{id}', { id: 'me' }));
    const change = () => window.auth.patch('/users/{id}', { id: 'me', body: { email: 'countess@example.com' } });
    assert.equal((await page.evaluate(change)).email, 'countess@example.com');
  },
});
