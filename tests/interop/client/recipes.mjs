// The recipes of docs/frontends.md, run against the real server. `server.mjs` and `nextjs.mjs` run those for servers.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as openid from 'openid-client';
import { call, facts, Person } from '../facts.mjs';
import { launch, logIn, serve } from './browser.mjs';
import { bundle, compile, copy, directory, recipe } from './install.mjs';

// Own form.
/** Name of the cookie of a browser session. On a server without TLS it ends with the port. */
const cookieName = `cloakroom-${new URL(facts.issuer).port}`;

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

// They compile under `strict`. Next.js compiles those for it.
writeFileSync(join(directory, 'package.json'), '{ "type": "module" }');
const options = JSON.parse(readFileSync(join(copy('tests/interop/client/types', 'types'), 'tsconfig.json')));
options.compilerOptions.types = ['node'];
options.include = ['*.ts', '*.tsx'];
writeFileSync(join(directory, 'recipes/tsconfig.json'), JSON.stringify(options));
compile('recipes');

// The page with three lines, in the browser.
const page = readFileSync(join(directory, 'recipes/page.html'), 'utf8');
const script = await bundle(`export * from '@cloakroom/client'`);
const react = await bundle(`import './recipes/react.tsx'`, { jsx: 'automatic' });
const mount = '<!doctype html><meta charset="utf-8"><title>Photos</title><div id="root"></div><script type="module" src="/react.js"></script>';
// One origin, and one page after the other on it.
let shown = page;
const scripts = { '/cloakroom.js': script, '/react.js': react };
const application = await serve((path) => (scripts[path] ? ['text/javascript', scripts[path]] : ['text/html', shown]));
const browser = await launch();
try {
  const tab = await browser.newPage();
  await tab.goto(facts.application);
  await logIn(tab);
  await tab.waitForFunction((email) => document.querySelector('#me')?.textContent.endsWith(` ${email}`), facts.user.email);
  await tab.click('#out');
  await tab.waitForSelector('h1:text("Sign in")');
  shown = mount;
  await withReact(await browser.newContext());
  await ownPage(await browser.newContext());
} finally {
  await browser.close();
  application.close();
}

/** The page with React: each component is drawn again after the sign-in and after the sign-out, also in another tab. */
async function withReact(context) {
  const tab = await context.newPage();
  const complaints = [];
  tab.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
  tab.on('pageerror', (error) => complaints.push(String(error)));
  await tab.goto(facts.application);
  await tab.click('button:text-is("Sign in")');
  await tab.click('button[value=cancel]');
  await tab.waitForSelector('[role=alert]');
  await tab.click('button:text-is("Sign in")');
  await logIn(tab);
  const out = `button:text-is("Sign out ${facts.user.email}")`;
  await tab.waitForSelector(out);
  const other = await context.newPage();
  await other.goto(facts.application);
  await other.waitForSelector(out);
  await tab.click(out);
  await tab.waitForSelector('button:text-is("Sign in")');
  await other.waitForSelector('button:text-is("Sign in")');
  assert.deepEqual(complaints.filter((text) => !text.includes('favicon')), []);
}

/** The own form on a page of the server's own origin. No script sees a token or the cookie. */
async function ownPage(context) {
  const html = readFileSync(join(directory, 'recipes/own-page.html'), 'utf8');
  const address = `${facts.issuer}/photos`;
  await context.route(address, (route) => route.fulfill({ contentType: 'text/html', body: html }));
  const tab = await context.newPage();
  const says = (id, text) => tab.waitForFunction(([id, text]) => document.querySelector(id).textContent.includes(text), [id, text]);
  await tab.goto(address);
  await tab.fill('[name=email]', facts.user.email);
  await tab.fill('[name=password]', 'a password of nobody at all');
  await tab.click('#in button');
  await says('#error', 'password');
  await tab.fill('[name=password]', facts.user.password);
  await tab.check('[name=remember]');
  await tab.click('#in button');
  await says('#me', facts.user.email);
  assert.equal(await tab.evaluate(() => document.cookie + JSON.stringify({ ...localStorage, ...sessionStorage })), '{}');
  const [cookie] = (await context.cookies(facts.issuer)).filter(({ name }) => name === cookieName);
  assert.deepEqual([cookie.httpOnly, cookie.sameSite, cookie.expires > Date.now() / 1000 + 86_400], [true, 'Lax', true]);
  // The session is there for another tab and after a reload.
  await tab.reload();
  await says('#me', facts.user.email);

  // A page on another port is another origin of the same site, and the browser sends it the cookie.
  const other = await context.newPage();
  await other.goto(`${facts.application}/cloakroom.js`); // A page that does not move on.
  for (const method of ['GET', 'POST']) {
    const refused = other.waitForResponse((response) => response.url().startsWith(facts.issuer));
    await other.evaluate(([url, method]) => fetch(url, { method, mode: 'no-cors', credentials: 'include', body: method === 'GET' ? null : '{}' }),
      [`${facts.issuer}/${method === 'GET' ? 'users/me' : 'sessions/current/authentication'}`, method]);
    const answer = await refused;
    assert.ok((await answer.request().allHeaders()).cookie.includes(`${cookieName}=`), 'the browser sends the cookie');
    assert.equal(answer.status(), 403);
  }

  await tab.click('#out');
  await tab.waitForSelector('#in:not([hidden])');
  assert.deepEqual((await context.cookies(facts.issuer)).filter(({ name }) => name === cookieName), []);
}

function discover(clientId) {
  return openid.discovery(new URL(facts.issuer), clientId, undefined, openid.None(), { execute: [openid.allowInsecureRequests] });
}
