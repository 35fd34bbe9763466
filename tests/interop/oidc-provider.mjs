// oidc-provider as an existing issuer, which cloakroom trusts only through its JWKS. Its users log in at its
// pages, and a client of its own reads a user here.
import assert from 'node:assert/strict';
import * as jose from 'jose';
import * as oauth from 'oauth4webapi';
import { Provider } from 'oidc-provider';
import { facts } from './facts.mjs';

const there = facts.provider;
const api = facts.audience;
const { privateKey } = await jose.generateKeyPair('ES256', { extractable: true });
const key = { ...(await jose.exportJWK(privateKey)), alg: 'ES256', use: 'sig', kid: 'there' };

const provider = new Provider(there, {
  jwks: { keys: [key] },
  clients: [
    { client_id: 'app', client_secret: 'a secret of the application', redirect_uris: [facts.callback] },
    {
      client_id: 'reports', client_secret: 'a secret of the service', grant_types: ['client_credentials'],
      redirect_uris: [], response_types: [],
    },
  ],
  clientDefaults: { id_token_signed_response_alg: 'ES256' },
  scopes: ['openid', 'offline_access', 'profiles', 'everyone'],
  // The development pages accept any user name.
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, email: `${id}@example.net`, email_verified: true }) }),
  features: {
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => api,
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({
        scope: 'profiles everyone', audience: api, accessTokenFormat: 'jwt', accessTokenTTL: 600,
        jwt: { sign: { alg: 'ES256' } },
      }),
    },
  },
});
const listening = provider.listen(Number(new URL(there).port), '127.0.0.1');

const http = { [oauth.allowInsecureRequests]: true };
const issuer = new URL(there);
const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, http));

const here = (path, token, method = 'GET') =>
  fetch(facts.issuer + path, { method, headers: { authorization: `Bearer ${token}` } });

/** Gets a token with client credentials. */
async function service() {
  const client = { client_id: 'reports' };
  const auth = oauth.ClientSecretBasic('a secret of the service');
  const answer = await oauth.clientCredentialsGrantRequest(as, client, auth, { scope: 'everyone', resource: api }, http);
  return (await oauth.processClientCredentialsResponse(as, client, answer)).access_token;
}

/** Gets a user's tokens through the pages. */
async function signIn(name) {
  const client = { client_id: 'app' };
  const [verifier, nonce] = [oauth.generateRandomCodeVerifier(), oauth.generateRandomNonce()];
  const url = new URL(as.authorization_endpoint);
  url.search = new URLSearchParams({
    client_id: 'app', redirect_uri: facts.callback, response_type: 'code', scope: 'openid profiles', nonce, resource: api,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',
  });
  const parameters = oauth.validateAuthResponse(as, client, await visit(url, name));
  const auth = oauth.ClientSecretBasic('a secret of the application');
  const more = { ...http, additionalParameters: { resource: api } };
  const answer = await oauth.authorizationCodeGrantRequest(as, client, auth, parameters, facts.callback, verifier, more);
  return oauth.processAuthorizationCodeResponse(as, client, answer, { expectedNonce: nonce });
}

/** Fills in the development pages until the redirect to the application. */
async function visit(url, name) {
  const cookies = new Map();
  let [at, form] = [String(url), undefined];
  for (let step = 0; step < 12; step++) {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const body = form && new URLSearchParams(form);
    const answer = await fetch(at, { method: form ? 'POST' : 'GET', body, headers: { cookie }, redirect: 'manual' });
    for (const line of answer.headers.getSetCookie()) {
      const [name, value] = line.split(';')[0].split('=');
      cookies.set(name, value);
    }
    form = undefined;
    const location = answer.headers.get('location');
    if (location) {
      at = new URL(location, at).href;
      if (at.startsWith(facts.callback)) return new URL(at);
      continue;
    }
    const page = await answer.text();
    const prompt = /name="prompt" value="([^"]*)"/.exec(page)?.[1];
    form = prompt === 'login' ? { prompt, login: name, password: 'any' } : { prompt };
    at = new URL(/<form[^>]* action="([^"]*)"/.exec(page)[1], at).href;
  }
  throw new Error(`redirect loop: ${at}`);
}

try {
  // cloakroom started before its issuer, and fetches the keys when the issuer is up.
  const reports = await service();
  let list;
  for (let tries = 0; tries < 100; tries++) {
    list = await here('/users', reports);
    if (list.status === 200) break;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  assert.equal(list.status, 200);
  assert.equal((await here('/keys/rotate', reports, 'POST')).status, facts.issues ? 403 : 404);

  // The first request makes the account, identified by issuer and subject; later ones use it.
  const grace = await signIn('grace');
  const me = await (await here('/users/me', grace.access_token)).json();
  // Its access tokens contain no e-mail address.
  assert.deepEqual([me.email.split('@')[1], me.email_verified, me.roles], ['users.invalid', false, ['user']]);
  assert.equal((await (await here('/users/me', (await signIn('grace')).access_token)).json()).id, me.id);
  const heidi = await (await here('/users/me', (await signIn('heidi')).access_token)).json();
  assert.notEqual(heidi.id, me.id);
  assert.equal((await here(`/users/${heidi.id}`, grace.access_token)).status, 403);
  assert.equal((await here(`/users/${heidi.id}`, reports)).status, 200);

  // An ID token is not accepted as an access token, and neither is a token with a foreign signature.
  assert.equal((await here('/users/me', grace.id_token)).status, 401);
  const { privateKey: forger } = await jose.generateKeyPair('ES256');
  const claims = jose.decodeJwt(grace.access_token);
  const forged = await new jose.SignJWT(claims).setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: 'there' }).sign(forger);
  assert.equal((await here('/users/me', forged)).status, 401);
  const elsewhere = await new jose.SignJWT({ ...claims, aud: 'https://other.example.org' })
    .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: 'there' })
    .sign(privateKey);
  assert.equal((await here('/users/me', elsewhere)).status, 401);
} finally {
  listening.close();
  listening.closeAllConnections();
}
