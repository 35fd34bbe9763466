// oidc-client-ts in Chromium: the page of docs/frontends.md, through the real pages for login, consent and
// logout. Screenshots go to the directory PICTURES.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { chromium } from 'playwright-core';
import { facts } from './facts.mjs';

const from = (path) => readFileSync(new URL(path, import.meta.url), 'utf8');
const files = {
  '/': ['text/html', from('spa/index.html').replace('https://id.example.org', facts.issuer)],
  '/oidc-client-ts.js': ['text/javascript', from('node_modules/oidc-client-ts/dist/esm/oidc-client-ts.js')],
  '/jwt-decode.js': ['text/javascript', from('node_modules/jwt-decode/build/esm/index.js')],
};
const application = createServer((request, response) => {
  const [type, body] = files[new URL(request.url, facts.application).pathname] ?? ['text/plain', ''];
  response.writeHead(body ? 200 : 404, { 'content-type': type }).end(body);
});
await new Promise((resolve) => application.listen(new URL(facts.application).port, '127.0.0.1', resolve));

const browser = await chromium.launch({
  executablePath: facts.chromium,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
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
  const says = (text) => page.waitForFunction((text) => document.querySelector('#me')?.textContent === text, text);

  await page.goto(facts.application);
  await says('nobody');
  await page.click('#in');

  // Wrong password, entered with the keyboard only.
  await page.waitForSelector('h1:text("Sign in")');
  await pictures(page, 'sign-in');
  await page.keyboard.type(facts.user.email);
  await page.keyboard.press('Tab');
  await page.keyboard.type('not the password');
  await page.keyboard.press('Enter');
  await page.waitForSelector('[role=alert]');
  await pictures(page, 'wrong-password');
  assert.equal(await page.inputValue('#email'), facts.user.email);
  await page.keyboard.type(facts.user.password);
  await page.keyboard.press('Enter');

  // Consent, and the redirect to the application, which calls the API.
  await page.waitForSelector('button[value=allow]');
  await pictures(page, 'consent');
  await page.click('button[value=allow]');
  await says(facts.user.email);
  assert.equal(new URL(page.url()).href, `${facts.application}/`);

  // Scripts cannot read the session cookie, and it is not sent to other sites.
  const [session] = (await context.cookies(facts.issuer)).filter(({ name }) => name === `cloakroom-${new URL(facts.issuer).port}`);
  assert.deepEqual([session.httpOnly, session.secure, session.sameSite, session.path], [true, facts.issuer.startsWith('https'), 'Lax', '/']);

  // Two silent renewals; after a reload the page still knows its user.
  for (let times = 0; times < 2; times++) {
    const renewed = page.waitForResponse((response) => response.url() === `${facts.issuer}/oauth/token` && response.ok());
    await page.click('#renew');
    assert.ok((await (await renewed).json()).id_token);
    await says(facts.user.email);
  }
  await page.reload();
  await says(facts.user.email);

  // The client is public, so a logged-in user must consent again, and can deny.
  await page.click('#in');
  await page.click('button[value=deny]');
  await says('access_denied');

  // Logout at cloakroom and in the application.
  await page.click('#out');
  await says('nobody');
  assert.equal(new URL(page.url()).href, `${facts.application}/`);
  await page.click('#in');
  await page.waitForSelector('h1:text("Sign in")');

  // Error pages.
  await page.goto(`${facts.issuer}/oauth/authorize?client_id=nobody`);
  await page.waitForSelector('h1:text("The application made a mistake")');
  await pictures(page, 'error');
  await page.goto(`${facts.issuer}/oauth/logout`);
  await page.waitForSelector('h1:text("You are signed out")');
  await pictures(page, 'signed-out');

  // The pages' own policy blocked nothing.
  assert.deepEqual(complaints.filter((text) => /Content Security Policy/.test(text)), []);
}

async function pictures(page, name) {
  mkdirSync(facts.pictures, { recursive: true });
  for (const colorScheme of ['light', 'dark']) {
    for (const [device, width] of [['phone', 390], ['desktop', 1280]]) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 844 });
      await page.screenshot({ path: `${facts.pictures}/${name}-${device}-${colorScheme}.png`, fullPage: true });
    }
  }
}
