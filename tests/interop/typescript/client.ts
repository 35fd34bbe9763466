// Client generated from /openapi.json, compiled under `strict`: the compiler checks each path, parameter and
// member. The tests then run it.
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

// Login, and a client with the token.
const login = await anonymous.POST('/sessions', { body: user });
assert.ok(login.data, JSON.stringify(login.error));
const api = createClient<paths>({
  baseUrl: issuer,
  headers: { authorization: `Bearer ${login.data.access_token}` },
});

// Required members are always present; nullable ones have a nullable type.
const { data: me, response } = await api.GET('/users/{id}', { params: { path: { id: 'me' } } });
assert.ok(me);
const lastLogin: string | null = me.last_login_at;
assert.equal(typeof lastLogin, 'string');
assert.deepEqual([me.email, me.status, me.roles], [user.email, 'active', ['user']] satisfies [string, User['status'], User['roles']]);

// A change, with the version that it applies to.
const etag = response.headers.get('etag') ?? '';
const changed = await api.PATCH('/users/{id}', {
  params: { path: { id: 'me' }, header: { 'If-Match': etag } },
  headers: { 'content-type': 'application/merge-patch+json' },
  body: { email: `new.${user.email}` },
});
assert.equal(changed.data?.email, `new.${user.email}`);

// The compiler knows the problem codes of each route.
const refused = await api.GET('/users/{id}', { params: { path: { id: other } } });
assert.ok(refused.error);
switch (refused.error.code) {
  case 'not-owner':
    assert.match(refused.error.decision_id ?? '', /^[0-9a-f-]{36}$/);
    break;
  default:
    assert.fail(refused.error.code);
}
// @ts-expect-error: reading an account cannot fail with a taken address
assert.notEqual(refused.error.code, 'email-taken' satisfies typeof refused.error.code);

// Every broken rule, with its JSON pointer.
const broken = await anonymous.POST('/users', { body: { email: 'nobody', password: 'short' } });
assert.deepEqual(broken.error?.errors?.map((rule) => rule.pointer), ['/email', '/password']);

// Code that must not compile: unknown or missing parameters, members, paths and methods.
async function neverCalled() {
  // @ts-expect-error: a route with an id needs one
  await api.GET('/users/{id}', {});
  // @ts-expect-error: unknown sort order
  await api.GET('/users', { params: { query: { sort: 'password' } } });
  // @ts-expect-error: the id is read-only
  await api.PUT('/users/{id}/status', { params: { path: { id: other } }, body: { status: 'active', id: other } });
  // @ts-expect-error: unknown path
  await api.GET('/user');
  // @ts-expect-error: unknown method
  await api.DELETE('/users');
}
assert.equal(typeof neverCalled, 'function');
