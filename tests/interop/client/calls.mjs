// The client calls the API: errors of forms, versions of records, lost answers.
import assert from 'node:assert/strict';
import { facts } from '../facts.mjs';
import { asAdmin, refused, run, settled, signedIn } from './scenarios.mjs';

await run({
  async 'a lost answer to a POST is requested again with its key'(context) {
    const page = await context.newPage();
    await page.goto(facts.application);
    await settled(page);
    const keys = [];
    const statuses = [];
    await context.route('**/users', async (route) => {
      if (route.request().method() !== 'POST') return route.continue();
      keys.push(route.request().headers()['idempotency-key']);
      const response = await route.fetch();
      statuses.push(response.status(), response.headers()['idempotent-replayed']);
      if (keys.length > 1) return route.fulfill({ response });
      await route.abort('connectionreset');
    });
    const email = `grace-${crypto.randomUUID()}@example.com`;
    const register = (email) => window.auth.post('/users', { body: { email, password: 'a most unusual passphrase' } });
    assert.equal((await page.evaluate(register, email)).email, email);
    assert.deepEqual(statuses, [201, undefined, 201, 'true']);
    assert.equal(keys[0], keys[1]);
    // The next operation has another key.
    const taken = await refused(page, register, email);
    assert.deepEqual([taken.code, taken.status, taken.fields['/email'].code], ['email-taken', 409, 'taken']);
    assert.notEqual(keys[2], keys[0]);
  },

  async 'a change that is wrong names its fields'(context) {
    const page = await signedIn(context);
    const failed = await refused(page, () =>
      window.auth.patch('/users/{id}/profile', { id: 'me', body: { birthdate: 'in May', name: 'a'.repeat(201) } }),
    );
    assert.deepEqual([failed.name, failed.status, failed.code], ['ProblemError', 422, 'invalid-body']);
    assert.deepEqual(Object.keys(failed.fields).sort(), ['/birthdate', '/name']);
    assert.deepEqual([failed.fields['/name'].code, failed.fields['/name'].max], ['too-long', 200]);
    assert.ok(failed.fields['/birthdate'].message);
    assert.ok(failed.problem.request_id);
  },

  async 'a change of a record that was changed elsewhere is refused'(context) {
    const page = await signedIn(context);
    const { sub } = await settled(page);
    const patch = (nickname) => window.auth.patch('/users/{id}/profile', { id: 'me', body: { nickname } });
    await page.evaluate(() => window.auth.get('/users/{id}/profile', { id: 'me' }));
    assert.equal((await page.evaluate(patch, 'Countess')).nickname, 'Countess');
    // Its own change gave the page the next version.
    assert.equal((await page.evaluate(patch, 'Ada')).nickname, 'Ada');
    assert.equal((await asAdmin('PATCH', `/users/${sub}/profile`, { bio: 'Poetical science' })).status, 200);
    const failed = await refused(page, patch, 'Lovelace');
    assert.deepEqual([failed.status, failed.code], [412, 'precondition-failed']);
    assert.equal((await refused(page, patch, 'Lovelace')).status, 412);
    // After it has seen the other change, it may write. The record has one version under both of its names.
    const seen = await page.evaluate((id) => window.auth.get('/users/{id}/profile', { id }), sub);
    assert.equal(seen.bio, 'Poetical science');
    assert.equal((await page.evaluate(patch, 'Lovelace')).nickname, 'Lovelace');
  },

  async 'can follows the actions of a record'(context) {
    const page = await signedIn(context);
    const may = await page.evaluate(async () => {
      const { can } = window.client;
      const me = await window.auth.get('/users/{id}', { id: 'me' });
      return [can(me, 'update'), can(me, 'update', 'email'), can(me, 'update', 'roles'), can(me, 'set_roles'), can(me, 'toString'), can({}, 'update'), can(null, 'update')];
    });
    assert.deepEqual(may, [true, true, false, false, false, false, false]);
  },

  async 'the token goes to its own server alone'(context) {
    const page = await signedIn(context);
    for (const path of ['https://evil.example/users/me', '//evil.example', `${facts.issuer}.evil.example/`, `${facts.issuer}@evil.example/`, 'users/me', '/../../..//evil.example/']) {
      const asked = [];
      const note = (request) => asked.push(new URL(request.url()).origin);
      context.on('request', note);
      await refused(page, (path) => window.auth.fetch(path), path);
      context.off('request', note);
      assert.ok(asked.every((origin) => origin === facts.issuer), `${path}: ${asked}`);
    }
    const failed = await refused(page, () => window.auth.get('/users/{id}/profile', { id: '..' }));
    assert.equal(failed.name, 'TypeError');
  },
});
