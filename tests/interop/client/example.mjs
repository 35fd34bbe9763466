// examples/spa-react, built as its README says, in Chromium against the real server.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { facts } from '../facts.mjs';
import { launch, logIn, serve } from './browser.mjs';
import { bundle, compile, copy } from './install.mjs';

const example = copy('examples/spa-react', 'app');
const settings = join(example, 'src/auth.ts');
writeFileSync(settings, readFileSync(settings, 'utf8').replace('http://127.0.0.1:8080', facts.issuer));
compile(example);
const script = await bundle(`import './app/src/main.tsx'`, { jsx: 'automatic' });
const file = (name) => readFileSync(join(example, 'public', name), 'utf8');
const files = { '/main.js': ['text/javascript', script], '/style.css': ['text/css', file('style.css')] };
const application = await serve((path) => files[path] ?? ['text/html', file('index.html')]);
const browser = await launch();
try {
  await everything(await browser.newContext());
} finally {
  await browser.close();
  application.close();
}

async function everything(context) {
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  const complaints = [];
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(String(error)));
  const tokens = [];
  context.on('request', (request) => request.url().endsWith('/oauth/token') && request.method() === 'POST' && tokens.push(request.postData()));

  await page.goto(`${facts.application}/`);
  await page.waitForSelector('h2:text("Welcome")');
  await picture(page, 'welcome');
  await page.click('button:text("Sign in")');
  await logIn(page);

  // StrictMode renders twice; the code is exchanged once.
  await page.waitForSelector('h2:text("Profile")');
  assert.equal(tokens.length, 1);
  assert.equal(page.url(), `${facts.application}/`);

  // Each error stands beside its field, for a screen reader too.
  await page.fill('#name', 'Ada Lovelace');
  await page.fill('#birthdate', 'in December');
  await page.click('button:text("Save")');
  const error = page.locator('#birthdate-error');
  await error.waitFor();
  assert.equal(await page.getAttribute('#birthdate', 'aria-describedby'), 'birthdate-error');
  assert.equal(await page.locator('#name-error').count(), 0);
  assert.equal(await page.inputValue('#name'), 'Ada Lovelace');
  await picture(page, 'field-error');
  await page.fill('#birthdate', '1815-12-10');
  await page.click('button:text("Save")');
  await page.waitForSelector('[role=status]:text("Saved.")');
  assert.equal(await error.count(), 0);

  // Another tab changed the profile meanwhile.
  const other = await context.newPage();
  await other.goto(`${facts.application}/`);
  assert.equal(await other.inputValue('#birthdate'), '1815-12-10');
  await page.fill('#name', 'Countess of Lovelace');
  await page.click('button:text("Save")');
  await page.waitForSelector('[role=status]:text("Saved.")');
  await other.fill('#name', 'Ada King');
  await other.click('button:text("Save")');
  await other.waitForSelector('[role=status]:text("changed elsewhere")');
  assert.equal(await other.inputValue('#name'), 'Countess of Lovelace');

  // The user is signed in elsewhere too, and ends that session.
  const elsewhere = await fetch(`${facts.issuer}/sessions`, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(facts.user),
  });
  assert.equal(elsewhere.status, 200);
  await page.reload();
  await page.waitForSelector('li:has-text("(this one)")');
  await picture(page, 'signed-in');
  const before = await page.locator('li').count();
  const ended = page.waitForResponse((response) => response.request().method() === 'DELETE');
  await page.locator('li:has-text("cloakroom") button').first().click();
  assert.equal((await ended).status(), 204);
  await page.waitForFunction((before) => document.querySelectorAll('li').length < before, before);

  await page.click('button:text("Sign out")');
  await page.waitForSelector('h2:text("Welcome")');
  await other.waitForSelector('h2:text("Welcome")');
  assert.equal(tokens.length, 1);

  // A refused request of the test itself is reported by the browser; nothing else is.
  assert.deepEqual(complaints.filter((text) => !/status of (422|412)/.test(text)), []);
}

async function picture(page, name) {
  mkdirSync(facts.pictures, { recursive: true });
  for (const colorScheme of ['light', 'dark']) {
    for (const [device, width] of [['phone', 390], ['desktop', 1280]]) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 844 });
      await page.screenshot({ path: `${facts.pictures}/example-${name}-${device}-${colorScheme}.png`, fullPage: true });
    }
  }
}
