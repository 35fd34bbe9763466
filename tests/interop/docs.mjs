// The page /docs in Chromium: login through the real pages, a request for the user's own record, and a
// refused one. Screenshots go to the directory PICTURES.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { chromium } from 'playwright-core';
import { facts } from './facts.mjs';

const browser = await chromium.launch({
  executablePath: facts.chromium,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
try {
  await everything(await browser.newContext({ viewport: { width: 1280, height: 900 } }));
} finally {
  await browser.close();
}

async function everything(context) {
  context.setDefaultTimeout(60_000);
  const elsewhere = [];
  context.on('request', (request) => {
    const { origin, protocol } = new URL(request.url());
    if (protocol !== 'data:' && origin !== new URL(facts.issuer).origin) elsewhere.push(request.url());
  });
  const page = await context.newPage();
  const complaints = [];
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(`${error}`));

  await page.goto(`${facts.issuer}/docs`);
  await page.waitForSelector('.opblock-tag-section');
  await picture(page, 'docs');
  assert.equal(await page.isHidden('#elsewhere'), true);

  // Login in a window of its own.
  await page.click('.auth-wrapper .authorize');
  await picture(page, 'docs-authorize');
  const dialog = page.locator('.auth-container', { hasText: 'authorizationCode' }).first();
  assert.equal(await dialog.locator('#client_id_authorizationCode').inputValue(), 'cloakroom-docs');
  const opened = context.waitForEvent('page');
  await dialog.locator('button.authorize').click();
  const window = await opened;
  await window.waitForSelector('h1:text("Sign in")');
  await window.keyboard.type(facts.user.email);
  await window.keyboard.press('Tab');
  await window.keyboard.type(facts.user.password);
  await window.keyboard.press('Enter');
  await window.waitForSelector('button[value=allow]');
  await picture(window, 'docs-consent');
  const closed = window.waitForEvent('close');
  await window.click('button[value=allow]');
  await closed;
  await dialog.locator('button:text("Logout")').waitFor();
  await picture(page, 'docs-signed-in');
  await page.click('.auth-btn-wrapper .btn-done >> nth=0');

  // A request for the user's own record, and one for another user's record.
  const read = page.locator('#operations-Users-getUser');
  await read.locator('.opblock-summary-control').click();
  await answered(read, 'me', `"email": "${facts.user.email}"`);
  await read.locator('.opblock-summary').scrollIntoViewIfNeeded();
  await picture(page, 'docs-own-record');
  await answered(read, facts.other, '"code": "not-owner"');

  assert.deepEqual(elsewhere, [], 'every file must come from the server');
  assert.deepEqual(complaints.filter((text) => !/the server responded with a status of 403/.test(text)), []);
}

// The page shows the previous answer for a moment longer than the request takes.
async function answered(operation, id, told) {
  await operation.locator('tr[data-param-name=id] input').fill(id);
  await operation.locator('button.execute').click();
  await operation.locator('.live-responses-table tr.response', { hasText: told }).first().waitFor();
}

async function picture(page, name) {
  mkdirSync(facts.pictures, { recursive: true });
  await page.screenshot({ path: `${facts.pictures}/${name}.png` });
}
