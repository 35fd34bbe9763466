// openid-client, the usual OpenID Connect client of Node.js applications.
import assert from 'node:assert/strict';
import * as client from 'openid-client';
import { Person, call, facts } from './facts.mjs';

const issuer = new URL(facts.issuer);
const http = { execute: [client.allowInsecureRequests] };
const key = await crypto.subtle.importKey('jwk', facts.key, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign']);

// Clients without a user.
for (const [id, auth] of [
  ['service', client.ClientSecretBasic(facts.secrets.service)],
  ['posting-service', client.ClientSecretPost(facts.secrets['posting-service'])],
  ['signing-service', client.PrivateKeyJwt({ key, kid: facts.key.kid })],
]) {
  const config = await client.discovery(issuer, id, undefined, auth, http);
  const { access_token } = await client.clientCredentialsGrant(config, { scope: 'users:read:any' });
  await call('/users', access_token, 200);
}

// A client with a user.
const config = await client.discovery(issuer, 'app', facts.secrets.app, undefined, http);
const person = new Person();

async function signIn(parameters = {}, checks = {}, options) {
  const pkceCodeVerifier = client.randomPKCECodeVerifier();
  const [expectedState, expectedNonce] = [client.randomState(), client.randomNonce()];
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: facts.callback,
    scope: 'openid profile email users:read offline_access',
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
    state: expectedState,
    nonce: expectedNonce,
    ...parameters,
  });
  const callback = await person.visit(url);
  return client.authorizationCodeGrant(config, callback, { pkceCodeVerifier, expectedState, expectedNonce, ...checks }, undefined, options);
}

const tokens = await signIn();
const { sub } = tokens.claims();
assert.equal((await call('/users/me', tokens.access_token, 200)).id, sub);
assert.equal((await client.fetchUserInfo(config, tokens.access_token, sub)).email, facts.user.email);

// Without a page, because the user is logged in and has consented; with a new login if the application asks.
assert.equal((await signIn({ prompt: 'none' })).claims().sub, sub);
const anew = await signIn({ prompt: 'login', max_age: '30' }, { maxAge: 30 });
assert.ok(anew.claims().auth_time >= tokens.claims().auth_time);

const refreshed = await client.refreshTokenGrant(config, tokens.refresh_token);
assert.equal(refreshed.claims().sub, sub);
assert.equal((await client.tokenIntrospection(config, refreshed.access_token)).active, true);
await client.tokenRevocation(config, refreshed.refresh_token);
assert.equal((await client.tokenIntrospection(config, refreshed.access_token)).active, false);

// DPoP: tokens bound to a key.
const DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair());
const bound = await signIn({}, {}, { DPoP });
const own = await client.fetchProtectedResource(config, bound.access_token, new URL('/users/me', issuer), 'GET', null, undefined, { DPoP });
assert.equal((await own.json()).id, sub);

// Logout, with the redirect to the application.
const end = client.buildEndSessionUrl(config, {
  id_token_hint: anew.id_token,
  post_logout_redirect_uri: facts.goodbye,
  state: 'bye',
});
assert.equal((await person.visit(end)).href, `${facts.goodbye}?state=bye`);
await assert.rejects(signIn({ prompt: 'none' }), { error: 'login_required' });
