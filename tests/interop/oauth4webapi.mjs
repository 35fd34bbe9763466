// oauth4webapi: the strictest client; it refuses whatever a standard does not allow.
import assert from 'node:assert/strict';
import * as oauth from 'oauth4webapi';
import { Person, call, facts } from './facts.mjs';

const http = { [oauth.allowInsecureRequests]: true };
const issuer = new URL(facts.issuer);

async function discover(algorithm) {
  const response = await oauth.discoveryRequest(issuer, { algorithm, ...http });
  return oauth.processDiscoveryResponse(issuer, response);
}

const as = await discover('oidc');
assert.deepEqual(as, await discover('oauth2'));
const resource = await oauth.resourceDiscoveryRequest(issuer, http);
const { authorization_servers } = await oauth.processResourceDiscoveryResponse(issuer, resource);
assert.deepEqual(authorization_servers, [facts.issuer]);

// Client credentials with each authentication method.
const assertionKey = await crypto.subtle.importKey('jwk', facts.key, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign']);
for (const [client_id, auth] of [
  ['service', oauth.ClientSecretBasic(facts.secrets.service)],
  ['posting-service', oauth.ClientSecretPost(facts.secrets['posting-service'])],
  ['signing-service', oauth.PrivateKeyJwt({ key: assertionKey, kid: facts.key.kid })],
]) {
  const client = { client_id };
  const response = await oauth.clientCredentialsGrantRequest(as, client, auth, { scope: 'users:read:any' }, http);
  const { access_token } = await oauth.processClientCredentialsResponse(as, client, response);
  await call('/users', access_token, 200);
}
const stranger = await oauth.clientCredentialsGrantRequest(as, { client_id: 'posting-service' }, oauth.ClientSecretPost('wrong'), {}, http);
await assert.rejects(oauth.processClientCredentialsResponse(as, { client_id: 'posting-service' }, stranger), { error: 'invalid_client' });

/** Logs a user in with the authorization code flow. */
async function signIn(client, auth, { person = new Person(), scope, dpop } = {}) {
  const verifier = oauth.generateRandomCodeVerifier();
  const [state, nonce] = [oauth.generateRandomState(), oauth.generateRandomNonce()];
  const url = new URL(as.authorization_endpoint);
  url.search = new URLSearchParams({
    client_id: client.client_id,
    redirect_uri: facts.callback,
    response_type: 'code',
    scope: scope ?? 'openid email users:read',
    state,
    nonce,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  });
  const callback = await person.visit(url);
  const parameters = oauth.validateAuthResponse(as, client, callback, state);
  const options = { ...http, DPoP: dpop };
  const response = await oauth.authorizationCodeGrantRequest(as, client, auth, parameters, facts.callback, verifier, options);
  const tokens = await oauth.processAuthorizationCodeResponse(as, client, response, {
    expectedNonce: nonce,
    requireIdToken: true,
    maxAge: 60,
  });
  // A client that gets the ID token over TLS may skip the signature check; this one does not.
  await oauth.validateApplicationLevelSignature(as, response, http);
  return tokens;
}

const app = { client_id: 'app', default_max_age: 60 };
const secret = oauth.ClientSecretPost(facts.secrets.app);
const tokens = await signIn(app, secret);
const { sub } = oauth.getValidatedIdTokenClaims(tokens);
assert.equal((await call('/users/me', tokens.access_token, 200)).id, sub);

const userinfo = await oauth.userInfoRequest(as, app, tokens.access_token, http);
assert.equal((await oauth.processUserInfoResponse(as, app, sub, userinfo)).email, facts.user.email);

const refreshed = await oauth.refreshTokenGrantRequest(as, app, secret, tokens.refresh_token, http);
const next = await oauth.processRefreshTokenResponse(as, app, refreshed);
assert.notEqual(next.refresh_token, tokens.refresh_token);

const asked = await oauth.introspectionRequest(as, app, secret, next.access_token, http);
assert.equal((await oauth.processIntrospectionResponse(as, app, asked)).sub, sub);

await oauth.processRevocationResponse(await oauth.revocationRequest(as, app, secret, next.refresh_token, http));
await call('/users/me', next.access_token, 401);

// The user denies consent.
const denied = await new Person().visit(
  `${as.authorization_endpoint}?${new URLSearchParams({
    client_id: 'app', redirect_uri: facts.callback, response_type: 'code', scope: 'openid', state: 's',
    code_challenge: await oauth.calculatePKCECodeChallenge('x'.repeat(43)), code_challenge_method: 'S256', prompt: 'consent',
  })}`,
  { agree: false },
);
assert.throws(() => oauth.validateAuthResponse(as, app, denied, 's'), { error: 'access_denied' });

// DPoP for a public client: tokens and requests are bound to the key.
const spa = { client_id: 'spa' };
const dpop = oauth.DPoP(spa, await oauth.generateKeyPair('ES256'));
const bound = await signIn(spa, oauth.None(), { dpop });
assert.equal(bound.token_type, 'dpop');
const me = new URL(`${facts.issuer}/users/me`);
const own = await oauth.protectedResourceRequest(bound.access_token, 'GET', me, new Headers(), null, { ...http, DPoP: dpop });
assert.equal(own.status, 200);
await call('/users/me', bound.access_token, 401);
const thief = oauth.DPoP(spa, await oauth.generateKeyPair('ES256'));
await assert.rejects(
  oauth.protectedResourceRequest(bound.access_token, 'GET', me, new Headers(), null, { ...http, DPoP: thief }),
  (error) => error.cause[0].parameters.error === 'invalid_dpop_proof',
);
const again = await oauth.refreshTokenGrantRequest(as, spa, oauth.None(), bound.refresh_token, { ...http, DPoP: dpop });
assert.equal((await oauth.processRefreshTokenResponse(as, spa, again)).token_type, 'dpop');
