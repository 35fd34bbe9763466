// Facts about the server under test, and helpers of all scripts.
import assert from 'node:assert/strict';

export const facts = JSON.parse(process.env.CLOAKROOM);

/** Calls the API with a token, and checks the status. */
export async function call(path, token, status, method = 'GET') {
  const response = await fetch(facts.issuer + path, { method, headers: { authorization: `Bearer ${token}` } });
  assert.equal(response.status, status, `${method} ${path}: ${await response.clone().text()}`);
  return response.status === 200 ? response.json() : undefined;
}

/** Browser of a user, without scripts: keeps cookies, fills in forms and follows redirects. */
export class Person {
  #cookies = new Map();

  constructor({ email, password } = facts.user) {
    this.email = email;
    this.password = password;
  }

  async #fetch(url, form) {
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const headers = { cookie, ...(form && { origin: new URL(url).origin }) };
    const body = form && new URLSearchParams(form);
    const response = await fetch(url, { method: form ? 'POST' : 'GET', headers, body, redirect: 'manual' });
    for (const line of response.headers.getSetCookie()) {
      const [name, value] = line.split(';')[0].split('=');
      if (/max-age=0/i.test(line)) this.#cookies.delete(name);
      else this.#cookies.set(name, value);
    }
    return response;
  }

  /** Opens a URL, logs in and consents where needed, and returns the redirect to the application. */
  async visit(url, { agree = true } = {}) {
    let at = String(url);
    let form;
    for (let step = 0; step < 10; step++) {
      const response = await this.#fetch(at, form);
      form = undefined;
      const location = response.headers.get('location');
      if (location) {
        at = new URL(location, at).href;
        if (!at.startsWith(facts.issuer)) return new URL(at);
        continue;
      }
      const page = await response.text();
      const action = /<form[^>]* action="([^"]*)"/.exec(page)?.[1];
      if (!action) return page;
      const hidden = [...page.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)"/g)];
      form = Object.fromEntries(hidden.map(([, name, value]) => [name, unescaped(value)]));
      if (page.includes('type="password"')) {
        Object.assign(form, { email: this.email, password: this.password, choice: 'log-in' });
      } else {
        form.choice = page.includes('value="log-out"') ? 'log-out' : agree ? 'allow' : 'deny';
      }
      at = new URL(action, at).href;
    }
    throw new Error(`redirect loop: ${at}`);
  }
}

function unescaped(text) {
  return text.replaceAll('&quot;', '"').replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
}
