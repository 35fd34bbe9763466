// The client renews its tokens: with three tabs, a bad network, a sleeping laptop, a wrong clock.
import assert from 'node:assert/strict';
import { facts } from '../facts.mjs';
import { logIn } from './browser.mjs';
import { asAdmin, browser, count, later, leave, readMe, refused, run, settled, signedIn, sleep } from './scenarios.mjs';

await run({
  async 'a reload keeps the user and requests no token'(context) {
    const page = await signedIn(context);
    const tokens = count(context);
    await page.reload();
    assert.equal((await settled(page)).email, facts.user.email);
    assert.equal(await readMe(page), facts.user.email);
    assert.deepEqual(tokens.statuses, []);
  },

  async 'three tabs renew once'(context) {
    const first = await signedIn(context);
    const pages = [first, await context.newPage(), await context.newPage()];
    for (const page of pages.slice(1)) {
      await page.goto(facts.application);
      await settled(page);
    }
    const { sub } = await settled(first);
    for (let times = 1; times <= 3; times++) {
      const tokens = count(context);
      // Every token of the user is revoked: each tab has to renew.
      assert.equal((await asAdmin('PUT', `/users/${sub}/roles`, { roles: ['user', 'admin'] })).status, 200);
      assert.equal((await asAdmin('PUT', `/users/${sub}/roles`, { roles: ['user'] })).status, 200);
      const emails = await Promise.all(pages.flatMap((page) => [readMe(page), readMe(page)]));
      assert.ok(emails.every((email) => email === facts.user.email));
      assert.deepEqual(tokens.statuses, [200]);
    }
    await Promise.all(pages.map((page) => page.reload()));
    for (const page of pages) assert.equal((await settled(page)).sub, sub);
  },

  async 'the timer of a shown tab renews before the token expires'(context) {
    await context.clock.install({ time: Date.now() });
    const page = await signedIn(context);
    const other = await context.newPage();
    await other.goto(facts.application);
    await settled(other);
    // From here on, only this test moves the clock of both tabs. The tokens live for ten minutes.
    await context.clock.pauseAt((await page.evaluate(() => Date.now())) + 1000);
    const tokens = count(context);
    const before = await page.evaluate(() => window.changes);
    await context.clock.runFor(8 * 60_000);
    assert.equal(await page.evaluate(() => window.changes), before);
    assert.deepEqual(tokens.statuses, []);
    await context.clock.runFor(61_000);
    await page.waitForFunction((before) => window.changes > before, before);
    await other.waitForFunction(() => window.changes > 1);
    assert.equal(tokens.good(), 1);
  },

  async 'a laptop that slept renews on return to the tab'(context) {
    await context.clock.install({ time: Date.now() - 3_600_000 });
    const page = await signedIn(context);
    const tokens = count(context);
    await sleep(page, 3_600);
    const before = await page.evaluate(() => window.changes);
    await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
    await page.waitForFunction((before) => window.changes > before, before);
    assert.equal(tokens.good(), 1);
    // Without that event, the next call renews.
    await sleep(page, 3_600);
    assert.equal(await readMe(page), facts.user.email);
    assert.equal(tokens.good(), 2);
  },

  async 'a return to the network renews'(context) {
    await context.clock.install({ time: Date.now() - 3_600_000 });
    const page = await signedIn(context);
    await context.setOffline(true);
    await sleep(page, 3_600);
    const failed = await refused(page, async () => {
      const failing = window.auth.get('/users/{id}', { id: 'me' });
      return failing;
    }).catch(() => undefined);
    assert.equal(failed?.name, 'TypeError');
    // Without a network, the page still knows its user.
    assert.equal((await settled(page)).email, facts.user.email);
    const tokens = count(context);
    const before = await page.evaluate(() => window.changes);
    await context.setOffline(false);
    await page.waitForFunction((before) => window.changes > before, before);
    assert.equal(tokens.good(), 1);
    assert.equal(await readMe(page), facts.user.email);
  },

  async 'a clock that is wrong does not matter'(context) {
    for (const minutes of [-2, 2, 60 * 24 * 365]) {
      const other = await browser.newContext();
      await other.clock.install({ time: Date.now() + minutes * 60_000 });
      const tokens = count(other);
      const page = await signedIn(other);
      for (let times = 0; times < 3; times++) assert.equal(await readMe(page), facts.user.email);
      // The first proof is refused, and corrected by the time of the server.
      assert.deepEqual(tokens.statuses, [400, 200], `${minutes} minutes`);
      await page.reload();
      await settled(page);
      assert.equal(await readMe(page), facts.user.email);
      assert.equal(tokens.good(), 1);
      // The clock is set right while the page is open.
      await page.clock.setSystemTime(Date.now());
      assert.equal(await readMe(page), facts.user.email);
      await other.close();
    }
  },

  async 'a token that expired while the page thought it valid is renewed'(context) {
    const page = await signedIn(context, later);
    const tokens = count(context);
    assert.equal(await readMe(page), facts.user.email);
    await fetch(facts.later.clock);
    assert.equal(await readMe(page), facts.user.email);
    assert.deepEqual(tokens.statuses, [200]);
  },

  async 'a lost answer of a renewal is requested again'(context) {
    const page = await signedIn(context);
    const { sub } = await settled(page);
    const revoke = async () => {
      await asAdmin('PUT', `/users/${sub}/roles`, { roles: ['user', 'admin'] });
      await asAdmin('PUT', `/users/${sub}/roles`, { roles: ['user'] });
    };
    let lost = 0;
    let losses = 2;
    await context.route('**/oauth/token', async (route) => {
      const response = await route.fetch();
      assert.equal(response.status(), 200);
      if (losses-- <= 0) return route.fulfill({ response });
      lost++;
      await route.abort('connectionreset');
    });
    await revoke();
    assert.equal(await readMe(page), facts.user.email);
    assert.equal(lost, 2);
    // A longer break fails the call and keeps the user.
    losses = 3;
    await revoke();
    const failed = await refused(page, () => window.auth.get('/users/{id}', { id: 'me' }));
    assert.equal(failed.name, 'TypeError');
    assert.equal((await settled(page)).sub, sub);
    await page.reload();
    await settled(page);
    assert.equal(await readMe(page), facts.user.email);
  },

  async 'a sign-out during a renewal is not undone'(context) {
    const page = await signedIn(context);
    const other = await context.newPage();
    await other.goto(facts.application);
    const { sub } = await settled(other);
    let signOut;
    await context.route('**/oauth/token', async (route) => {
      const response = await route.fetch();
      assert.equal(response.status(), 200);
      signOut = await other.evaluate(() => window.auth.signOut({ redirect: false }).then(() => true));
      await route.fulfill({ response });
    });
    await asAdmin('PUT', `/users/${sub}/roles`, { roles: ['user', 'admin'] });
    await asAdmin('PUT', `/users/${sub}/roles`, { roles: ['user'] });
    const failed = await refused(page, () => window.auth.get('/users/{id}', { id: 'me' }));
    assert.deepEqual([signOut, failed.status], [true, 401]);
    for (const tab of [page, other]) {
      await tab.reload();
      assert.equal(await settled(tab), null);
    }
  },

  async 'a sign-in during a refused renewal is kept'(context) {
    const page = await signedIn(context);
    const other = await context.newPage();
    await other.goto(facts.application);
    const { sub } = await settled(other);
    let waits = true;
    await context.route('**/oauth/token', async (route) => {
      if (waits && route.request().postData()?.includes('grant_type=refresh_token')) {
        waits = false;
        // The session that this request renews is replaced, and ended, before the server gets the request.
        const ended = other.waitForResponse((response) => response.url().endsWith('/oauth/revoke'));
        await leave(other, () => void window.auth.signIn({ prompt: 'login' }));
        await logIn(other);
        assert.equal((await ended).status(), 200);
      }
      await route.continue();
    });
    const tokens = count(context);
    await asAdmin('PUT', `/users/${sub}/roles`, { roles: ['user', 'admin'] });
    await asAdmin('PUT', `/users/${sub}/roles`, { roles: ['user'] });
    assert.equal(await readMe(page), facts.user.email);
    assert.deepEqual(tokens.statuses, [200, 400]);
    assert.equal((await settled(other)).sub, sub);
    assert.equal(await readMe(other), facts.user.email);
  },

  async 'a session that was ended elsewhere signs the page out'(context) {
    const page = await signedIn(context);
    const other = await context.newPage();
    await other.goto(facts.application);
    const { sub } = await settled(other);
    assert.equal((await asAdmin('DELETE', `/users/${sub}/sessions`)).status, 204);
    const failed = await refused(page, () => window.auth.get('/users/{id}', { id: 'me' }));
    assert.deepEqual([failed.name, failed.status, failed.code, failed.problem.reason], ['ProblemError', 401, 'invalid-token', 'revoked']);
    assert.equal(await settled(page), null);
    await other.waitForFunction(() => window.auth.user === null);
  },
});
