/**
 * Signs users in on a server, such as Next.js: the tokens stay in an encrypted cookie that no script can read.
 * It needs the `Request` and `Response` of the Fetch standard, and Web Crypto.
 */
import type { paths } from './api.js';
import { type Calls, callsOver } from './calls.js';
import { base64url, claimsOf, fromBase64url, random, utf8 } from './encoding.js';
import { ProblemError, problemOf } from './problem.js';
import type { Session, User } from './storage.js';
import { authorizationQuery, codeOf, requestTokens, revoke } from './tokens.js';
import { transport } from './transport.js';

export { can, type FieldError, ProblemError } from './problem.js';
export type { User } from './storage.js';

/** Settings of `cloakroomServer`. */
export interface ServerOptions {
  /** Public URL of the server, as its `iss` says. */
  url: string;
  /** Id of the registered client. */
  clientId: string;
  /** Secret of the client, for the method `client_secret_basic`. */
  clientSecret: string;
  /** Registered redirect URI: the address of `callback`. */
  redirectUri: string;
  /** Registered address to return to after the sign-out. Default: the root of the site. */
  signedOutUri?: string;
  /** Secret of at least 32 characters that encrypts the cookies; the same on every instance. */
  secret: string;
  /** Requested scopes, separated by spaces. Default: all that the client is registered for. */
  scope?: string;
}

/** Session of a request. Without a user, its calls carry no token. */
export interface ServerSession<P = paths> extends Calls<P> {
  readonly user: User | null;
  /** Header `Set-Cookie` of the answer, if the session was renewed or has ended. Read it after the calls. */
  readonly cookie: string | undefined;
  /** Sends a request with the user's token. */
  fetch(path: string, init?: RequestInit): Promise<Response>;
}

/** Client of a cloakroom server on another server. */
export interface CloakroomServer<P = paths> {
  /** Leads to the sign-in page. `returnTo` is a path of this site; any other address counts as its root. */
  signIn(options?: { returnTo?: string; maxAge?: number; prompt?: string }): Promise<Response>;
  /** Completes a sign-in, and leads back to `returnTo`. A `ProblemError` says why it failed. */
  callback(request: Request): Promise<Response>;
  /** Ends the session. It answers a `POST` of a form. */
  signOut(request: Request): Promise<Response>;
  /**
   * Handles `…/sign-in`, `…/callback` and `…/sign-out`: a route with a last segment that varies. A sign-in that failed
   * leads to the root of the site, with the code as `?error=`.
   */
  handle(request: Request): Promise<Response>;
  /** Returns the session of a request, or of its headers. It renews the tokens when they expire soon. */
  session(request: Request | Headers): Promise<ServerSession<P>>;
}

interface Pending {
  state: string;
  verifier: string;
  nonce: string;
  returnTo: string;
  maxAge: number | undefined;
}

type Stored = Omit<Session, 'user' | 'key'>;

/** Largest cookie that every browser accepts, in bytes. */
const MAX_COOKIE = 4_096;

/** Seconds before its end at which an access token is renewed. */
const MARGIN = 60;

/** Seals values for cookies with AES-256-GCM. A value is valid for one purpose. */
function sealer(secret: string) {
  if (secret.length < 32) throw new TypeError('secret needs at least 32 characters');
  const material = crypto.subtle.importKey('raw', utf8(secret), 'HKDF', false, ['deriveKey']);
  const derivation = { name: 'HKDF', hash: 'SHA-256', salt: new Uint8Array(), info: utf8('cloakroom cookie') };
  const key = material.then((material) =>
    crypto.subtle.deriveKey(derivation, material, { name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt']),
  );
  const algorithm = (iv: BufferSource, purpose: string) => ({ name: 'AES-GCM', iv, additionalData: utf8(purpose) });
  return {
    async seal(purpose: string, value: object): Promise<string> {
      const iv = crypto.getRandomValues(new Uint8Array(12));
      const sealed = await crypto.subtle.encrypt(algorithm(iv, purpose), await key, utf8(JSON.stringify(value)));
      return base64url(new Uint8Array([...iv, ...new Uint8Array(sealed)]));
    },
    async open<T>(purpose: string, text: string | undefined): Promise<T | undefined> {
      try {
        const bytes = fromBase64url(text ?? '');
        const opened = crypto.subtle.decrypt(algorithm(bytes.slice(0, 12), purpose), await key, bytes.slice(12));
        return JSON.parse(new TextDecoder().decode(await opened));
      } catch {
        // A changed cookie, or one of another key, counts as none.
        return undefined;
      }
    },
  };
}

/** Returns the client for the server side of a site. */
export function cloakroomServer<P = paths>(options: ServerOptions): CloakroomServer<P> {
  const { clientId, clientSecret, redirectUri, scope } = options;
  const url = options.url.replace(/\/$/, '');
  const { origin, protocol } = new URL(redirectUri);
  const { seal, open } = sealer(options.secret);
  const basic = [clientId, clientSecret].map(encodeURIComponent).join(':');
  const issuer = { url, clientId, send: transport(), authorization: `Basic ${btoa(basic)}` };
  const isSecure = protocol === 'https:';
  const name = (purpose: string) => `${isSecure ? '__Host-' : ''}cloakroom-${purpose}`;

  function cookie(purpose: string, value: string, seconds?: number): string {
    const age = seconds === undefined ? '' : `; Max-Age=${seconds}`;
    return `${name(purpose)}=${value}; Path=/; HttpOnly; SameSite=Lax${isSecure ? '; Secure' : ''}${age}`;
  }
  const without = (purpose: string) => cookie(purpose, '', 0);

  function read<T>(headers: Headers, purpose: string): Promise<T | undefined> {
    const pairs = (headers.get('cookie') ?? '').split(/; */).map((pair) => pair.split('='));
    return open<T>(purpose, pairs.find(([key]) => key === name(purpose))?.[1]);
  }

  function redirect(to: string, cookies: string[]): Response {
    const headers = new Headers({ location: to, 'cache-control': 'no-store' });
    for (const cookie of cookies) headers.append('set-cookie', cookie);
    return new Response(null, { status: 303, headers });
  }

  /** Returns the cookie of a session. */
  async function remember({ accessToken, refreshToken, idToken, lifetime, arrived }: Stored): Promise<string> {
    const stored: Stored = { accessToken, refreshToken, idToken, lifetime, arrived };
    const made = cookie('session', await seal('session', stored));
    if (made.length > MAX_COOKIE) {
      throw new TypeError('the session is too large for a cookie: register the client with userinfo_in_id_token: false');
    }
    return made;
  }

  async function signIn({ returnTo = '/', maxAge, prompt }: Parameters<CloakroomServer['signIn']>[0] = {}) {
    // An address of another site would make this one an open redirector.
    const wanted = URL.canParse(returnTo, origin) ? new URL(returnTo, origin) : undefined;
    const target = wanted?.origin === origin ? wanted.href : `${origin}/`;
    const [state, verifier, nonce] = [random(), random(), random()];
    const pending: Pending = { state, verifier, nonce, returnTo: target, maxAge };
    const query = await authorizationQuery(clientId, redirectUri, verifier, { state, nonce, scope, prompt, max_age: maxAge });
    return redirect(`${url}/oauth/authorize?${query}`, [cookie('sign-in', await seal('sign-in', pending), 3600)]);
  }

  async function callback(request: Request): Promise<Response> {
    const answer = new URL(request.url).searchParams;
    const pending = await read<Pending>(request.headers, 'sign-in');
    if (!pending || pending.state !== answer.get('state')) {
      throw new ProblemError(400, { error: 'invalid_state', error_description: 'This browser began no such sign-in.' });
    }
    const { verifier, nonce, maxAge } = pending;
    const code = codeOf(answer, url);
    const parameters = { grant_type: 'authorization_code', code, redirect_uri: redirectUri, code_verifier: verifier };
    const next = await requestTokens(issuer, parameters, undefined, { nonce, maxAge });
    const previous = await read<Stored>(request.headers, 'session');
    if (previous) await revoke(issuer, previous).catch(() => {});
    return redirect(pending.returnTo, [await remember(next), without('sign-in')]);
  }

  async function signOut(request: Request): Promise<Response> {
    if (request.method !== 'POST') return new Response(null, { status: 405, headers: { allow: 'POST' } });
    const stored = await read<Stored>(request.headers, 'session');
    const target = options.signedOutUri ?? `${origin}/`;
    if (!stored) return redirect(target, [without('session')]);
    await revoke(issuer, stored).catch(() => {});
    const query = new URLSearchParams({
      client_id: clientId,
      id_token_hint: stored.idToken,
      post_logout_redirect_uri: target,
    });
    return redirect(`${url}/oauth/logout?${query}`, [without('session')]);
  }

  async function session(request: Request | Headers): Promise<ServerSession<P>> {
    let stored = await read<Stored>(request instanceof Headers ? request : request.headers, 'session');
    let changed: string | undefined;

    async function renew(): Promise<void> {
      const { refreshToken, idToken } = stored ?? {};
      try {
        if (!refreshToken || !idToken) throw new ProblemError(400, { error: 'invalid_grant' });
        const parameters = { grant_type: 'refresh_token', refresh_token: refreshToken };
        const previous = { ...stored, user: userOf(idToken), key: undefined } as Session;
        stored = await requestTokens(issuer, parameters, undefined, { sub: previous.user.sub }, previous);
        changed = await remember(stored);
      } catch (error) {
        // Requests at the same time may renew with the same token: cloakroom repeats its answer.
        if (!(error instanceof ProblemError) || error.code !== 'invalid_grant') throw error;
        stored = undefined;
        changed = without('session');
      }
    }

    const isDue = stored && Date.now() > stored.arrived + 1000 * (stored.lifetime - Math.min(MARGIN, stored.lifetime / 10));
    if (isDue) await renew();

    async function fetchWithToken(path: string, init: RequestInit = {}): Promise<Response> {
      const target = new URL(path.startsWith('/') ? url + path : path).href;
      if (!target.startsWith(`${url}/`)) throw new TypeError(`${path} is not of ${url}`);
      const send = () => issuer.send(target, init, stored && { key: undefined, accessToken: stored.accessToken });
      const response = await send();
      if (!stored || response.status !== 401) return response;
      const { reason } = (await problemOf(response)).problem;
      if (reason !== 'expired' && reason !== 'revoked') return response;
      await renew();
      return stored ? send() : response;
    }

    return {
      ...callsOver<P>(fetchWithToken),
      fetch: fetchWithToken,
      get user() {
        return stored ? userOf(stored.idToken) : null;
      },
      get cookie() {
        return changed;
      },
    };
  }

  async function handle(request: Request): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    switch (pathname.split('/').pop()) {
      case 'sign-in':
        return signIn({ returnTo: searchParams.get('returnTo') ?? '/' });
      case 'callback':
        return callback(request).catch((error) => {
          if (!(error instanceof ProblemError)) throw error;
          return redirect(`${origin}/?error=${encodeURIComponent(error.code)}`, [without('sign-in')]);
        });
      case 'sign-out':
        return signOut(request);
      default:
        return new Response(null, { status: 404 });
    }
  }

  return { signIn, callback, signOut, handle, session };
}

const userOf = (idToken: string) => claimsOf(idToken) as User;
