// jose: a third-party service verifies our tokens.
import assert from 'node:assert/strict';
import * as jose from 'jose';
import { call, facts } from './facts.mjs';

const keys = jose.createRemoteJWKSet(new URL(`${facts.issuer}/.well-known/jwks.json`));
const expected = { issuer: facts.issuer, audience: facts.issuer, typ: 'at+jwt', requiredClaims: ['sub', 'exp', 'iat', 'jti', 'client_id'] };

async function logIn() {
  const response = await fetch(`${facts.issuer}/sessions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(facts.user),
  });
  return (await response.json()).access_token;
}

const token = await logIn();
const { payload, protectedHeader } = await jose.jwtVerify(token, keys, expected);
assert.equal(protectedHeader.alg, 'ES256');
assert.equal((await call('/users/me', token, 200)).id, payload.sub);

// Each `kid` is the thumbprint of its key (RFC 7638), and no private member is published.
const { keys: published } = await (await fetch(`${facts.issuer}/.well-known/jwks.json`)).json();
for (const key of published) {
  assert.equal(await jose.calculateJwkThumbprint(key), key.kid);
  assert.equal(key.d, undefined);
}

// A token with another signature is refused.
const { privateKey, publicKey } = await jose.generateKeyPair('ES256');
const sign = (header) => new jose.SignJWT(payload).setProtectedHeader(header);
const jwk = await jose.exportJWK(publicKey);
for (const header of [{ kid: protectedHeader.kid }, {}, { jwk }, { jku: 'http://127.0.0.1:1/' }]) {
  const forged = await sign({ alg: 'ES256', typ: 'at+jwt', ...header }).sign(privateKey);
  await call('/users/me', forged, 401);
}
const published_as_secret = new TextEncoder().encode(JSON.stringify(published[0]));
await call('/users/me', await sign({ alg: 'HS256', typ: 'at+jwt', kid: protectedHeader.kid }).sign(published_as_secret), 401);
await call('/users/me', new jose.UnsecuredJWT(payload).encode(), 401);

// After a rotation, the published keys verify both the old token and the new one.
const rotated = await fetch(`${facts.issuer}/keys/rotate`, { method: 'POST', headers: { authorization: `Bearer ${facts.admin}` } });
assert.equal(rotated.status, 200);
const fresh = jose.createRemoteJWKSet(new URL(`${facts.issuer}/.well-known/jwks.json`));
for (const one of [token, await logIn()]) await jose.jwtVerify(one, fresh, expected);
assert.equal(fresh.jwks().keys.length, published.length + 1);
