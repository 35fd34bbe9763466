// A client that is made from /openapi.json, under `strict`: what it calls, sends and reads is checked by the compiler,
// and then run. The tests run it.
import assert from 'node:assert/strict';
import createClient from 'openapi-fetch';
import type { components, paths } from './schema.js';

type User = components['schemas']['User'];

const { issuer, user, other } = JSON.parse(process.env.CLOAKROOM ?? '') as {
  issuer: string;
  user: { email: string; password: string };
  other: string;
};

const anonymous = createClient<paths>({ baseUrl: issuer });

// Logging in, and a client that calls as whoever did.
const login = await anonymous.POST('/sessions', { body: user });
assert.ok(login.data, JSON.stringify(login.error));
const api = createClient<paths>({
  baseUrl: issuer,
  headers: { authorization: `Bearer ${login.data.access_token}` },
});

// What is read has the members that are always there, and those that may be null say so.
const { data: me, response } = await api.GET('/users/{id}', { params: { path: { id: 'me' } } });
assert.ok(me);
const lastLogin: string | null = me.last_login_at;
assert.equal(typeof lastLogin, 'string');
assert.deepEqual([me.email, me.status, me.roles], [user.email, 'active', ['user']] satisfies [string, User['status'], User['roles']]);

// A change, with the version that it is a change of.
const etag = response.headers.get('etag') ?? '';
const changed = await api.PATCH('/users/{id}', {
  params: { path: { id: 'me' }, header: { 'If-Match': etag } },
  headers: { 'content-type': 'application/merge-patch+json' },
  body: { email: `new.${user.email}` },
});
assert.equal(changed.data?.email, `new.${user.email}`);

// A refusal is one of the codes that this route has, and the compiler knows them.
const refused = await api.GET('/users/{id}', { params: { path: { id: other } } });
assert.ok(refused.error);
switch (refused.error.code) {
  case 'not-owner':
    assert.match(refused.error.decision_id ?? '', /^[0-9a-f-]{36}$/);
    break;
  default:
    assert.fail(refused.error.code);
}
// @ts-expect-error: no route to read an account collides with an address that is taken
assert.notEqual(refused.error.code, 'email-taken' satisfies typeof refused.error.code);

// Every broken rule, with its place.
const broken = await anonymous.POST('/users', { body: { email: 'nobody', password: 'short' } });
assert.deepEqual(broken.error?.errors?.map((rule) => rule.pointer), ['/email', '/password']);

// What does not compile: a parameter, a member, a path and a method that are not there.
async function neverCalled() {
  // @ts-expect-error: a route with an id needs one
  await api.GET('/users/{id}', {});
  // @ts-expect-error: an order that the list does not have
  await api.GET('/users', { params: { query: { sort: 'password' } } });
  // @ts-expect-error: nobody writes an id
  await api.PUT('/users/{id}/status', { params: { path: { id: other } }, body: { status: 'active', id: other } });
  // @ts-expect-error: no such path
  await api.GET('/user');
  // @ts-expect-error: no such method
  await api.DELETE('/users');
}
assert.equal(typeof neverCalled, 'function');
