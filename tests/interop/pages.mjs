// Every page that the server makes, in Chromium: axe finds nothing on it, light or dark. Pictures go to
// the directory PICTURES.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { chromium } from 'playwright-core';
import { facts } from './facts.mjs';

const axe = readFileSync(new URL('node_modules/axe-core/axe.min.js', import.meta.url), 'utf8');
const [wide, narrow] = [{ width: 1280, height: 800 }, { width: 390, height: 844 }];
const found = [];
/** Titles of the pages after a link was used. */
const done = {
  'reset-password': 'Your password is set',
  'accept-invitation': 'Your account is ready',
  'verify-email': 'Your e-mail address is confirmed',
  'undo-email-change': 'The old address is restored',
};
mkdirSync(facts.pictures, { recursive: true });

const browser = await chromium.launch({
  executablePath: facts.chromium,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
try {
  for (const scheme of ['light', 'dark']) {
    const context = await browser.newContext({ viewport: wide, colorScheme: scheme });
    context.setDefaultTimeout(60_000);
    await signIn(context, scheme);
    await mailedLinks(context, scheme);
    await reference(context, scheme);
    await documentation(context, scheme);
    await context.close();
  }
  await withoutScripts();
} finally {
  await browser.close();
}
assert.deepEqual(found, [], `${found.length} faults`);

/** Looks at the page as it is now, in each viewport. */
async function look(page, name, scheme, viewports = [wide]) {
  for (const viewport of viewports) {
    await page.setViewportSize(viewport);
    await check(page, name, scheme, viewport);
    const size = viewport === narrow ? '-phone' : '';
    await page.screenshot({ path: `${facts.pictures}/${name}-${scheme}${size}.png` });
  }
}

/** Runs axe, and looks for text that was not rendered. In the dark only the colours of a page are others. */
async function check(page, name, scheme, viewport) {
  await page.evaluate(axe);
  const rules = scheme === 'dark' ? { runOnly: ['color-contrast'] } : {};
  const { violations } = await page.evaluate((rules) => window.axe.run(document, { resultTypes: ['violations'], ...rules }), rules);
  for (const { id, nodes } of violations) {
    for (const node of nodes) {
      found.push(`${name}, ${scheme}, ${viewport.width}: ${id}: ${node.target} ${node.any.concat(node.all, node.none)[0]?.message ?? ''}`);
    }
  }
  // An example of an answer is no text of the page.
  const text = await page.evaluate(() => [...document.body.innerText.matchAll(/.+/g)].map(String).filter((line) => !/^ *"/.test(line)).join('\n'));
  if (text.includes('`')) found.push(`${name}, ${scheme}: a raw backtick: ${/.*`.*/.exec(text)}`);
}

async function open(context, path, name, scheme, viewports) {
  const page = await context.newPage();
  await page.goto(path.startsWith('http') ? path : facts.issuer + path);
  await look(page, name, scheme, viewports);
  return page;
}

async function signIn(context, scheme) {
  const page = await open(context, facts.authorize, 'sign-in', scheme, [narrow, wide]);
  await page.fill('#email', facts.user.email);
  await page.fill('#password', 'a password of nobody at all');
  await showPassword(page, 'sign-in', scheme);
  await page.click('button[value=log-in]');
  await look(page, 'sign-in-refused', scheme);
  assert.equal(await page.evaluate(() => sessionStorage.getItem('sent')), 'password', 'the field is one of a password when it is sent');
  await page.click('a:text("Create one")');
  await look(page, 'sign-up', scheme);
  await showPassword(page, 'sign-up', scheme);
  await page.fill('#email', facts.user.email);
  await page.fill('#password', 'short');
  await page.evaluate(() => document.querySelector('form').setAttribute('novalidate', ''));
  await page.click('form [type=submit]');
  await look(page, 'sign-up-refused', scheme);
  await page.goto(facts.authorize);
  await page.fill('#email', facts.user.email);
  await page.fill('#password', facts.user.password);
  await page.click('button[value=log-in]');
  await page.waitForSelector('button[value=allow]');
  await look(page, 'consent', scheme, [narrow, wide]);
  await context.clearCookies({ name: `cloakroom-csrf-${new URL(facts.issuer).port}` });
  await page.click('button[value=allow]');
  await look(page, 'expired', scheme);
  await page.goto(`${facts.issuer}/oauth/logout`);
  await look(page, 'sign-out', scheme);
  await page.click('button[value=log-out]');
  await look(page, 'signed-out', scheme);
  await page.goto(`${facts.issuer}/oauth/authorize?client_id=nobody`);
  await look(page, 'mistake', scheme);
}

/** The button shows what was typed, for the mouse and for the keyboard. */
async function showPassword(page, name, scheme) {
  const field = page.locator('#password');
  const button = page.locator('#show');
  const shows = async (type) => {
    assert.equal(await field.getAttribute('type'), type, name);
    const can = type === 'text' ? 'Hide' : 'Show';
    assert.equal(await page.getByRole('button', { name: `${can} password` }).textContent(), can, name);
    assert.equal(await field.inputValue(), 'a password of nobody at all', name);
  };
  await field.fill('a password of nobody at all');
  await shows('password');
  await button.click();
  await shows('text');
  assert.equal(await page.getByRole('status').textContent(), 'Your password is shown');
  await look(page, `${name}-shown`, scheme, scheme === 'light' ? [narrow, wide] : [wide]);
  await field.focus();
  await page.keyboard.press('Tab');
  await page.keyboard.press('Space');
  await shows('password');
  await page.keyboard.press('Enter');
  await shows('text');
  // No other script runs.
  const runs = await page.evaluate(() => {
    const script = document.createElement('script');
    script.textContent = 'window.foreign = true';
    document.body.append(script);
    addEventListener('submit', () => sessionStorage.setItem('sent', document.querySelector('#password').type));
    return Boolean(window.foreign);
  });
  assert.equal(runs, false, 'the policy permits one script');
}

/** Without scripts, the pages work, and no button is there that does nothing. */
async function withoutScripts() {
  const context = await browser.newContext({ javaScriptEnabled: false });
  const page = await context.newPage();
  for (const path of [facts.signUp, `${facts.issuer}/oauth/reset-password?token=wrong`, `${facts.issuer}/oauth/accept-invitation?token=wrong`, facts.authorize]) {
    await page.goto(path);
    assert.equal(await page.isVisible('#password'), true);
    assert.equal(await page.isVisible('#show'), false);
  }
  await page.fill('#email', facts.user.email);
  await page.fill('#password', facts.user.password);
  await page.click('button[value=log-in]');
  await page.waitForSelector('button[value=allow]');
  await context.close();
}

async function mailedLinks(context, scheme) {
  const sizes = [narrow, wide];
  const page = await open(context, '/oauth/forgot-password', 'forgot-password', scheme, sizes);
  await page.fill('#email', 'no address');
  await page.click('form [type=submit]');
  await look(page, 'forgot-password-refused', scheme, sizes);
  await page.fill('#email', facts.user.email);
  await page.click('form [type=submit]');
  await look(page, 'link-requested', scheme, sizes);
  for (const name of ['reset-password', 'accept-invitation', 'verify-email', 'undo-email-change']) {
    await page.goto(`${facts.issuer}/oauth/${name}?token=wrong`);
    await look(page, name, scheme, sizes);
    if (await page.isVisible('#password')) {
      await showPassword(page, name, scheme);
      await page.fill('#password', 'an even stranger passphrase');
    }
    await page.click('form [type=submit]');
    await look(page, `${name}-invalid`, scheme, sizes);
    await page.goto(facts.links[scheme][name]);
    if (await page.isVisible('#password')) {
      await page.fill('#password', 'short');
      await page.evaluate(() => document.querySelector('form').setAttribute('novalidate', ''));
      await page.click('form [type=submit]');
      await page.waitForSelector('[role=alert]');
      await look(page, `${name}-refused`, scheme, sizes);
      await page.fill('#password', `the ${scheme} passphrase of somebody`);
    }
    await page.click('form [type=submit]');
    await page.waitForSelector(`h1:text("${done[name]}")`);
    await look(page, `${name}-done`, scheme, sizes);
  }
  await page.goto(facts.signUp);
  await page.fill('#email', `${scheme}@example.com`);
  await page.fill('#password', `the ${scheme} passphrase of somebody`);
  await page.click('form [type=submit]');
  await page.waitForSelector('h1:text("Look into your mailbox")');
  await look(page, 'registration-requested', scheme, sizes);
}

async function reference(context, scheme) {
  await open(context, '/', 'root', scheme);
  await open(context, '/no/such/page', 'unknown-page', scheme);
  await open(context, '/problems', 'problems', scheme);
  if (scheme === 'light') await problems(context);
  await matrix(await open(context, '/authz/matrix', 'matrix', scheme, [narrow, wide]));
}

/** The pages of the codes have one template, so one picture of them is enough. */
async function problems(context) {
  const page = await context.newPage();
  for (const code of facts.codes) {
    await page.goto(`${facts.issuer}/problems/${code}`);
    await check(page, `problem-${code}`, 'light', wide);
  }
  await page.screenshot({ path: `${facts.pictures}/problem-light.png` });
  await page.close();
}

/** The matrix fits a laptop, and a keyboard reaches every part of it. */
async function matrix(page) {
  const sheet = page.locator('.sheet');
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true, 'the page itself does not scroll sideways');
  await sheet.scrollIntoViewIfNeeded();
  await sheet.focus();
  await page.keyboard.press('End');
  await page.waitForFunction(() => document.querySelector('.sheet').scrollTop > 1000);
  for (let times = 0; times < 30; times++) await page.keyboard.press('ArrowRight');
  await page.waitForFunction(() => document.querySelector('.sheet').scrollLeft > 200);
  // The heading of each column and the route of each line stay in sight.
  const [heading, route, box] = await page.evaluate(() => {
    const at = (element) => element.getBoundingClientRect();
    const rows = [...document.querySelectorAll('#routes tbody tr')];
    return [at(document.querySelector('#routes thead th:last-child')), at(rows.at(-1).querySelector('th')), at(document.querySelector('.sheet'))];
  });
  assert.ok(heading.top >= box.top - 1 && heading.bottom < box.bottom, 'the headings are sticky');
  assert.ok(route.left >= box.left - 1 && route.right < box.right, 'the routes are sticky');
  assert.ok(box.height <= 800, 'the sheet fits the window');
}

async function documentation(context, scheme) {
  const page = await context.newPage();
  await page.goto(`${facts.issuer}/docs`);
  await page.waitForSelector('.opblock-tag-section');
  await look(page, 'docs', scheme);
  // One operation of each method, and the dialog that signs in.
  for (const method of ['get', 'post', 'put', 'patch', 'delete']) {
    await page.locator(`.opblock-${method} .opblock-summary-control`).first().click();
  }
  await page.waitForSelector('.opblock-delete .responses-table');
  await look(page, 'docs-operations', scheme);
  await page.click('.auth-wrapper .authorize');
  await page.waitForSelector('.auth-container');
  await look(page, 'docs-authorize', scheme);
  const offered = await page.locator('.auth-container h4').allInnerTexts();
  assert.deepEqual(offered.map((title) => title.split(' ')[0]), ['bearer'], 'only the sign-in that works is offered');
}
