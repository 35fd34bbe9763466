// The recipes for Next.js of docs/frontends.md as one application, built and run by Next.js, in Chromium against the real
// server: `/` is that of Auth.js, `/albums` that of `@cloakroom/client/server`.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { call, facts } from '../facts.mjs';
import { launch, logIn } from './browser.mjs';
import { installed, recipesOf } from './install.mjs';

const tests = join(import.meta.dirname, '..');
// Next.js calls each loopback address so.
const site = facts.application.replace('127.0.0.1', 'localhost');
// Next.js compiles nothing below node_modules. Version control and the checks of the sources ignore this directory.
mkdirSync(join(tests, 'target'), { recursive: true });
const application = mkdtempSync(join(tests, 'target/next-'));
const clock = join(application, 'minutes');
const env = {
  ...process.env,
  NEXT_TELEMETRY_DISABLED: '1',
  AUTH_SECRET: 'a'.repeat(32),
  AUTH_URL: site,
  AUTH_CLOAKROOM_ID: 'authjs',
  AUTH_CLOAKROOM_SECRET: facts.secrets.authjs,
  CLOAKROOM_CLIENT_SECRET: facts.secrets.site,
  SESSION_SECRET: 'b'.repeat(64),
  CLOCK: clock,
};
const next = [join(tests, 'node_modules/next/dist/bin/next')];
let server;
let browser;
try {
  prepare();
  try {
    execFileSync(process.execPath, [...next, 'build'], { cwd: application, env, encoding: 'utf8' });
  } catch (error) {
    assert.fail(error.stdout + error.stderr);
  }
  server = await start();
  browser = await launch();
  const me = await named('Ada Lovelace');
  await withAuthJs(await browser.newContext(), me);
  await withTheHelper(await browser.newContext(), me);
} finally {
  await browser?.close();
  server?.kill();
  rmSync(application, { recursive: true });
}

/** Puts the recipes where the page says, and the client where npm does. */
function prepare() {
  const recipes = recipesOf(site);
  const place = (recipe, path) => cpSync(join(recipes, recipe), join(application, path), { recursive: true });
  place('authjs/auth.ts', 'auth.ts');
  place('authjs/route.ts', 'app/api/auth/[...nextauth]/route.ts');
  place('authjs/page.tsx', 'app/page.tsx');
  place('authjs/proxy.ts', 'authjs-proxy.ts');
  place('nextjs/cloakroom.ts', 'cloakroom.ts');
  place('nextjs/route.ts', 'app/auth/[action]/route.ts');
  place('nextjs/page.tsx', 'app/albums/page.tsx');
  place('nextjs/proxy.ts', 'helper-proxy.ts');
  cpSync(join(import.meta.dirname, 'nextjs'), application, { recursive: true });
  const client = join(application, 'node_modules/@cloakroom/client');
  mkdirSync(client, { recursive: true });
  cpSync(installed, client, { recursive: true });
  writeFileSync(clock, '0');
}

/** Starts the built application. Its clock is ahead by the minutes in a file. */
function start() {
  const { hostname, port } = new URL(facts.application);
  const child = spawn(process.execPath, ['--import', './clock.mjs', ...next, 'start', '--hostname', hostname, '--port', port], { cwd: application, env });
  return new Promise((resolve, reject) => {
    let said = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (text) => {
        said += text;
        if (said.includes('Ready')) resolve(child);
      });
    }
    child.on('exit', () => reject(new Error(said)));
  });
}

/** Gives the user a name, and returns the user. */
async function named(name) {
  const json = { 'content-type': 'application/json' };
  const answer = await fetch(`${facts.issuer}/sessions`, { method: 'POST', headers: json, body: JSON.stringify(facts.user) });
  const { access_token: token } = await answer.json();
  const headers = { ...json, authorization: `Bearer ${token}` };
  const changed = await fetch(`${facts.issuer}/users/me/profile`, { method: 'PATCH', headers, body: JSON.stringify({ name }) });
  assert.equal(changed.status, 200);
  return call('/users/me', token, 200);
}

/** Lets eleven minutes pass for the application, and takes its access tokens from it. */
async function wait({ id }, minutes) {
  writeFileSync(clock, String(minutes));
  const headers = { authorization: `Bearer ${facts.admin}`, 'content-type': 'application/json' };
  for (const roles of [['user', 'admin'], ['user']]) {
    const answer = await fetch(`${facts.issuer}/users/${id}/roles`, { method: 'PUT', headers, body: JSON.stringify({ roles }) });
    assert.equal(answer.status, 200);
  }
}

async function withAuthJs(context, me) {
  const page = await context.newPage();
  const session = async () => {
    const cookies = (await context.cookies()).filter(({ name }) => name.startsWith('authjs.session-token'));
    assert.ok(cookies.every(({ httpOnly, sameSite }) => httpOnly && sameSite === 'Lax'));
    return cookies.map(({ value }) => value).join('');
  };
  const token = async () => (await page.request.get(`${site}/api/auth/session`)).json();
  await page.goto(site);
  await page.click('button:text("Sign in")');
  await logIn(page);
  await page.waitForSelector(`p:text("Ada Lovelace ${me.email}")`);
  assert.equal(page.url(), `${site}/`);

  const before = [await session(), (await token()).accessToken];
  await wait(me, 11);
  await page.reload();
  await page.waitForSelector(`p:text("Ada Lovelace ${me.email}")`);
  const after = [await session(), (await token()).accessToken];
  assert.ok(before[0] !== after[0] && before[1] !== after[1], 'the tokens were renewed');
  await page.reload();
  await page.waitForSelector(`p:text("Ada Lovelace ${me.email}")`);
  assert.equal((await token()).accessToken, after[1], 'the renewed tokens are stored');

  await page.click('button:text("Sign out")');
  await page.waitForURL(`${site}/`);
  await page.click('button:text("Sign in")');
  await page.waitForSelector('h1:text("Sign in")');
  assert.equal(await session(), '');
}

async function withTheHelper(context, me) {
  const page = await context.newPage();
  const session = async () => (await context.cookies()).find(({ name }) => name === 'cloakroom-session');
  await page.goto(`${site}/albums`);
  await page.click('a:text("Sign in")');
  await logIn(page);
  // The client is not marked first_party.
  await page.click('button[value=allow]');
  await page.waitForSelector(`p:text("${me.email}")`);
  assert.equal(page.url(), `${site}/albums`);

  const before = await session();
  assert.deepEqual([before.httpOnly, before.sameSite], [true, 'Lax']);
  await wait(me, 22);
  await page.reload();
  await page.waitForSelector(`p:text("${me.email}")`);
  const after = await session();
  assert.notEqual(after.value, before.value, 'the tokens were renewed');
  await page.reload();
  await page.waitForSelector(`p:text("${me.email}")`);
  assert.equal((await session()).value, after.value, 'the renewed tokens are stored');

  await page.click('button:text("Sign out")');
  await page.waitForURL(`${site}/`);
  assert.equal(await session(), undefined);
  await page.goto(`${site}/albums`);
  await page.waitForSelector('a:text("Sign in")');
}
