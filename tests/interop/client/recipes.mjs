// The recipes of docs/frontends.md, run against the real server. `server.mjs` runs those for servers.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Auth } from '@auth/core';
import * as openid from 'openid-client';
import { call, facts, Person } from '../facts.mjs';
import { launch, logIn, serve } from './browser.mjs';
import { bundle, compile, copy, directory, recipe } from './install.mjs';

// Own form.
const form = await recipe('own-form.js');
const first = await form.signIn(facts.user.email, facts.user.password);
const second = await form.renew(first);
assert.notEqual(second.refresh_token, first.refresh_token);
assert.equal((await call('/users/me', second.access_token, 200)).email, facts.user.email);
assert.equal((await form.renew(first)).refresh_token, second.refresh_token, 'a lost answer can be requested again');
await assert.rejects(form.signIn(facts.user.email, 'not the password'), ({ body }) => body.code === 'invalid-credentials');
assert.equal((await form.signOut(second)).status, 204);
await assert.rejects(form.renew(second), ({ body }) => body.error === 'invalid_grant');

// DPoP by hand.
const { newKey, prove } = await recipe('dpop.js');
const key = await newKey();
assert.equal(key.privateKey.extractable, false);
const person = new Person();
const query = openid.buildAuthorizationUrl(await discover('spa'), {
  redirect_uri: `${facts.application}/`, scope: 'openid users:read',
  code_challenge: await openid.calculatePKCECodeChallenge('v'.repeat(43)), code_challenge_method: 'S256',
});
const code = (await person.visit(query)).searchParams.get('code');
const token = `${facts.issuer}/oauth/token`;
const answer = await fetch(token, {
  method: 'POST', headers: { dpop: await prove(key, 'POST', token) },
  body: new URLSearchParams({ grant_type: 'authorization_code', client_id: 'spa', code, code_verifier: 'v'.repeat(43), redirect_uri: `${facts.application}/` }),
});
const bound = await answer.json();
assert.equal(bound.token_type, 'DPoP');
const me = `${facts.issuer}/users/me`;
const headers = { authorization: `DPoP ${bound.access_token}`, dpop: await prove(key, 'GET', me, bound.access_token) };
assert.equal((await fetch(me, { headers })).status, 200);

// AppAuth: a scheme of the app, PKCE, no secret, access that outlives the browser's session.
const { config: app } = await recipe('appauth.js');
const configuration = await discover(app.clientId);
const verifier = openid.randomPKCECodeVerifier();
const url = openid.buildAuthorizationUrl(configuration, {
  redirect_uri: app.redirectUrl, scope: app.scopes.join(' '), state: 'a-state',
  code_challenge: await openid.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',
});
const opened = await new Person().visit(url);
assert.equal(opened.protocol, 'org.example.photos:');
const granted = await openid.authorizationCodeGrant(configuration, opened, { pkceCodeVerifier: verifier, expectedState: 'a-state', idTokenExpected: true });
assert.equal(granted.claims().email, facts.user.email);
assert.ok((await openid.refreshTokenGrant(configuration, granted.refresh_token)).access_token);

// Auth.js.
process.env.AUTH_CLOAKROOM_ID = 'authjs';
process.env.AUTH_CLOAKROOM_SECRET = facts.secrets.authjs;
const { config } = await recipe('authjs.ts');
const site = new Map();
async function visit(path, init = {}) {
  const cookie = [...site].map(([name, value]) => `${name}=${value}`).join('; ');
  const request = new Request(facts.application + path, { ...init, headers: { cookie, ...init.headers } });
  const response = await Auth(request, { ...config, secret: 'a'.repeat(32), trustHost: true, basePath: '/api/auth' });
  for (const line of response.headers.getSetCookie()) {
    const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
    site.set(name, value);
  }
  return response;
}
const { csrfToken } = await (await visit('/api/auth/csrf')).json();
const start = await visit('/api/auth/signin/cloakroom', {
  method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' },
  body: new URLSearchParams({ csrfToken, callbackUrl: '/' }),
});
const returned = await new Person().visit(start.headers.get('location'));
await visit(returned.pathname + returned.search);
const session = await (await visit('/api/auth/session')).json();
assert.equal(session.user.email, facts.user.email);

// React: it compiles under `strict`; examples/spa-react runs in the browser.
writeFileSync(join(directory, 'package.json'), '{ "type": "module" }');
const options = JSON.parse(readFileSync(join(copy('tests/interop/client/types', 'types'), 'tsconfig.json')));
options.compilerOptions.types = ['node'];
options.include = ['**/*.ts', '**/*.tsx'];
writeFileSync(join(directory, 'recipes/tsconfig.json'), JSON.stringify(options));
compile('recipes');

// The page with three lines, in the browser.
const page = readFileSync(join(directory, 'recipes/page.html'), 'utf8');
const script = await bundle(`export * from '@cloakroom/client'`);
const application = await serve((path) => (path === '/cloakroom.js' ? ['text/javascript', script] : ['text/html', page]));
const browser = await launch();
try {
  const tab = await browser.newPage();
  await tab.goto(facts.application);
  await logIn(tab);
  await tab.waitForFunction((email) => document.querySelector('#me')?.textContent.endsWith(` ${email}`), facts.user.email);
  await tab.click('#out');
  await tab.waitForSelector('h1:text("Sign in")');
} finally {
  await browser.close();
  application.close();
}

function discover(clientId) {
  return openid.discovery(new URL(facts.issuer), clientId, undefined, openid.None(), { execute: [openid.allowInsecureRequests] });
}
