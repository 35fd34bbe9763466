// `@cloakroom/client/server` against the real server, by the recipe of a backend for a frontend in docs/frontends.md.
import assert from 'node:assert/strict';
import { facts, Person } from '../facts.mjs';
import { recipe } from './install.mjs';

const SITE = 'https://photos.example.org';
process.env.CLOAKROOM_CLIENT_SECRET = facts.secrets.site;
process.env.SESSION_SECRET = 'a'.repeat(64);
const { handle } = await recipe('bff.ts');

/** Browser in front of the site. */
class Visitor {
  cookies = new Map();
  set = [];

  async send(path, { method = 'GET', headers = {}, body } = {}) {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const site = { cookie, 'sec-fetch-site': 'same-origin', ...headers };
    const response = await handle(new Request(SITE + path, { method, headers: site, body }));
    for (const line of response.headers.getSetCookie()) {
      this.set.push(line);
      const [name, value] = line.split(';')[0].split('=');
      if (/max-age=0/i.test(line)) this.cookies.delete(name);
      else this.cookies.set(name, value);
    }
    return response;
  }

  /** Signs in on cloakroom's pages, and returns the answer of the callback. */
  async signIn(path = '/auth/sign-in?returnTo=/albums%3Fyear=1843', person = new Person()) {
    const asked = await this.send(path);
    assert.equal(asked.status, 303);
    this.back = await person.visit(asked.headers.get('location'));
    return this.send(this.back.pathname + this.back.search);
  }

  async me() {
    const response = await this.send('/api/users/me');
    return response.status === 200 ? (await response.json()).email : response.status;
  }
}

const asAdmin = (method, path, body) =>
  fetch(facts.issuer + path, {
    method,
    headers: { authorization: `Bearer ${facts.admin}`, 'content-type': 'application/json' },
    ...(body && { body: JSON.stringify(body) }),
  });

// A user who refuses comes back with an error.
const refusing = new Visitor();
const asked = await refusing.send('/auth/sign-in');
const refused = await new Person().visit(asked.headers.get('location'), { agree: false });
const told = await refusing.send(refused.pathname + refused.search);
assert.equal(told.headers.get('location'), `${SITE}/?error=access_denied`);

const visitor = new Visitor();
assert.equal(await visitor.me(), 401);
const back = await visitor.signIn();
assert.deepEqual([back.status, back.headers.get('location')], [303, `${SITE}/albums?year=1843`]);
assert.equal(await visitor.me(), facts.user.email);

// The cookie is for this host alone, and no script can read it. It does not show the tokens.
const [name, value] = [...visitor.cookies][0];
assert.equal(name, '__Host-cloakroom-session');
assert.equal(visitor.cookies.size, 1);
assert.ok(value.length < 4096 && !value.includes('.'));
for (const line of visitor.set) assert.match(line, /; Path=\/; HttpOnly; SameSite=Lax; Secure/);

// The answer cannot be used again, and no other browser can use it.
assert.match((await visitor.send(visitor.back.pathname + visitor.back.search)).headers.get('location'), /error=invalid_state/);
const other = new Visitor();
await other.send('/auth/sign-in');
const stolen = await other.send(visitor.back.pathname + visitor.back.search);
assert.match(stolen.headers.get('location'), /error=invalid_state/);

// A changed cookie counts as none; so does one that was sealed for another purpose.
const changed = new Visitor();
changed.cookies.set(name, value.slice(0, -6) + (value.endsWith('AAAAAA') ? 'BBBBBB' : 'AAAAAA'));
assert.equal(await changed.me(), 401);
changed.cookies.set(name, [...other.cookies.values()][0]);
assert.equal(await changed.me(), 401);

// After a revocation, the next request renews. Requests at the same time do too: all get an answer.
const { id: sub } = await (await visitor.send('/api/users/me')).json();
await asAdmin('PUT', `/users/${sub}/roles`, { roles: ['user', 'admin'] });
await asAdmin('PUT', `/users/${sub}/roles`, { roles: ['user'] });
assert.deepEqual(await Promise.all([visitor.me(), visitor.me(), visitor.me()]), Array(3).fill(facts.user.email));
assert.notEqual(visitor.cookies.get(name), value);
assert.equal(await visitor.me(), facts.user.email);

// A change by the API of the site, with its headers; a page of another site is refused.
const profile = await visitor.send('/api/users/me/profile');
const patch = (headers) => ({ method: 'PATCH', headers: { 'content-type': 'application/json', ...headers }, body: '{"nickname":"Ada"}' });
const etag = profile.headers.get('etag');
assert.equal((await visitor.send('/api/users/me/profile', patch({ 'if-match': etag }))).status, 200);
assert.equal((await visitor.send('/api/users/me/profile', patch({ 'if-match': etag }))).status, 412);
assert.equal((await visitor.send('/api/users/me', { headers: { 'sec-fetch-site': 'cross-site' } })).status, 403);

// An address of another site is not a place to return to.
for (const elsewhere of ['https://evil.example/', '//evil.example', '/\\evil.example', 'http://', 'javascript:alert(1)']) {
  const lured = new Visitor();
  const answer = await lured.signIn(`/auth/sign-in?returnTo=${encodeURIComponent(elsewhere)}`);
  assert.equal(answer.headers.get('location'), `${SITE}/`, elsewhere);
}

// The sign-out takes a POST, and ends the session at cloakroom.
const kept = new Map(visitor.cookies);
assert.equal((await visitor.send('/auth/sign-out')).status, 405);
assert.equal(await visitor.me(), facts.user.email);
const out = await visitor.send('/auth/sign-out', { method: 'POST' });
assert.match(out.headers.get('location'), new RegExp(`^${facts.issuer}/oauth/logout\\?`));
assert.equal(visitor.cookies.size, 0);
visitor.cookies = kept;
assert.equal(await visitor.me(), 401);
assert.equal(visitor.cookies.size, 0);
