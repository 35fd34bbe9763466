// A web server of an application, and Chromium in front of it.
import { createServer } from 'node:http';
import { chromium } from 'playwright-core';
import { facts } from '../facts.mjs';

/** Serves the application. `answer` returns the type and the body of a path. */
export async function serve(answer) {
  const server = createServer((request, response) => {
    const [type, body] = answer(new URL(request.url, facts.application).pathname) ?? [];
    response.writeHead(body === undefined ? 404 : 200, { 'content-type': type ?? 'text/plain' }).end(body);
  });
  await new Promise((resolve) => server.listen(new URL(facts.application).port, '127.0.0.1', resolve));
  return server;
}

export const launch = () =>
  chromium.launch({
    executablePath: facts.chromium,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });

/** Signs in on cloakroom's page. */
export async function logIn(page, { email, password } = facts.user) {
  await page.waitForSelector('h1:text("Sign in")');
  if ((await page.inputValue('#email')) !== email) await page.fill('#email', email);
  await page.fill('#password', password);
  await page.click('button[value=log-in]');
}
