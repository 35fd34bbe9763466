import type { paths } from './api.js';
import { type Calls, callsOver } from './calls.js';
import { newKey, thumbprint } from './dpop.js';
import { random } from './encoding.js';
import { ProblemError, problemOf } from './problem.js';
import { sessions } from './sessions.js';
import { storage, type User } from './storage.js';
import { authorizationQuery, codeOf, requestTokens, revoke } from './tokens.js';
import { transport } from './transport.js';

/** Settings of `cloakroom`. */
export interface Options {
  /** Public URL of the server, as its `iss` says. */
  url: string;
  /** Id of the registered client. */
  clientId: string;
  /** Registered redirect URI. Default: the root of this origin. */
  redirectUri?: string;
  /** Registered address to return to after the sign-out. Default: the redirect URI. */
  signedOutUri?: string;
  /** Requested scopes, separated by spaces. Default: all that the client is registered for. */
  scope?: string;
  /** Binds the tokens to a key of this browser (RFC 9449). Default: true. */
  dpop?: boolean;
}

/** Options of `signIn`. */
export interface SignInOptions {
  /** Most seconds since the user authenticated; asks for the password again where needed. */
  maxAge?: number;
  /** `create` opens the page to sign up, `login` asks for the password again. */
  prompt?: 'none' | 'login' | 'consent' | 'create' | 'select_account';
  /** E-mail address to fill in. */
  loginHint?: string;
  /** Path to return to. Default: the current one. */
  returnTo?: string;
}

/** State of a client. It is a new object after each change. */
export interface State {
  /** Signed-in user. */
  user: User | null;
  /** True until the stored session is read and a sign-in on its way is completed. */
  loading: boolean;
  /** Error of the last sign-in. */
  error: Error | null;
}

/** Client of a cloakroom server in a browser. */
export interface Cloakroom<P = paths> extends Calls<P>, Readonly<State> {
  readonly state: State;
  /** Resolves when `loading` is false. */
  readonly ready: Promise<void>;
  /**
   * Returns the user if there is one. Otherwise it leads to the sign-in page, and does not resolve. On the return from
   * there it rejects if the sign-in failed, so that a page that calls it on load makes no loop.
   */
  signIn(options?: SignInOptions): Promise<User>;
  /** Signs out in every tab. `redirect: false` leaves the user signed in on the pages of cloakroom. */
  signOut(options?: { redirect?: boolean }): Promise<void>;
  /**
   * Sends a request as `fetch` does, with the user's token. The path is one of this server. A `POST` gets an
   * `Idempotency-Key`, and a change of a record that was read before gets its `If-Match`.
   */
  fetch(path: string, init?: RequestInit): Promise<Response>;
  /** Calls the listener after each change of the state. Returns how to stop. */
  subscribe(listener: () => void): () => void;
}

interface Pending {
  verifier: string;
  nonce: string;
  returnTo: string;
  options: SignInOptions;
  isSecond?: boolean;
}

/** Returns the client of a server. Outside of a browser it stays `loading`. */
export function cloakroom<P = paths>(options: Options): Cloakroom<P> {
  const { clientId, scope, dpop = true } = options;
  const url = options.url.replace(/\/$/, '');
  const name = `cloakroom ${url} ${clientId}`;
  const listeners = new Set<() => void>();
  /** Versions of the records that were read, by their URL. */
  const versions = new Map<string, string>();
  const never = new Promise<never>(() => {});
  let state: State = { user: null, loading: true, error: null };
  let hasReturned = false;

  function say(next: Partial<State>): void {
    if (next.user?.sub !== state.user?.sub) versions.clear();
    state = { ...state, ...next };
    for (const listener of listeners) listener();
  }

  const issuer = { url, clientId, send: transport() };
  const inBrowser = typeof document !== 'undefined';
  const stored = storage(name);
  const tab = inBrowser
    ? sessions(name, issuer, stored, () => state.loading || say({ user: tab?.current()?.user ?? null }))
    : undefined;
  const redirectUri = options.redirectUri ?? (inBrowser ? `${location.origin}/` : '');
  const key = async () => (dpop ? stored.key(newKey) : undefined);

  /** Leads to the sign-in page. */
  async function authorize(options: SignInOptions, isSecond = false): Promise<never> {
    const { maxAge, prompt, loginHint, returnTo } = options;
    const [state, verifier, nonce, proving] = [random(), random(), random(), await key()];
    const target = new URL(returnTo ?? location.href, location.href);
    if (target.origin !== location.origin) throw new TypeError(`${returnTo} is not of this origin`);
    const pending: Pending = { verifier, nonce, returnTo: target.href, options, isSecond };
    sessionStorage.setItem(name + state, JSON.stringify(pending));
    const query = await authorizationQuery(clientId, redirectUri, verifier, {
      state,
      nonce,
      scope,
      prompt,
      login_hint: loginHint,
      max_age: maxAge,
      dpop_jkt: proving && (await thumbprint(proving)),
    });
    location.assign(`${url}/oauth/authorize?${query}`);
    return never;
  }

  /** Completes the sign-in with the answer of the authorization endpoint. */
  async function complete(answer: URLSearchParams, pending: Pending): Promise<void> {
    const code = codeOf(answer, url);
    const { verifier, nonce, options } = pending;
    const parameters = {
      grant_type: 'authorization_code',
      code,
      redirect_uri: redirectUri,
      code_verifier: verifier,
    };
    const expected = { nonce, maxAge: options.maxAge };
    const next = await requestTokens(issuer, parameters, await key(), expected).catch((error) => {
      // A code counts once. If the answer got lost, the browser fetches another code: without a page, as a rule.
      const isLost = error instanceof ProblemError && error.code === 'invalid_grant' && !pending.isSecond;
      if (isLost) return authorize({ ...options, returnTo: pending.returnTo }, true);
      throw error;
    });
    const previous = await tab?.replace(next);
    if (previous) await revoke(issuer, previous).catch(() => {});
  }

  async function start(): Promise<void> {
    const answer = new URLSearchParams(location.search);
    const item = name + answer.get('state');
    const pending: Pending | null = JSON.parse(sessionStorage.getItem(item) ?? 'null');
    let error: Error | null = null;
    if (pending) {
      sessionStorage.removeItem(item);
      history.replaceState(history.state, '', pending.returnTo);
      await complete(answer, pending).catch((why) => (error = why));
      hasReturned = true;
    }
    await tab?.reload().catch((why) => (error = why));
    say({ user: tab?.current()?.user ?? null, loading: false, error });
    void tab?.renewIfDue().catch(() => {});
  }

  async function fetchWithToken(path: string, init: RequestInit = {}): Promise<Response> {
    await ready;
    const target = new URL(path.startsWith('/') ? url + path : path).href;
    if (!target.startsWith(`${url}/`)) throw new TypeError(`${path} is not of ${url}`);
    await tab?.renewIfDue();
    const session = tab?.current();
    const method = (init.method ?? 'GET').toUpperCase();
    const headers = new Headers(init.headers);
    const record = session ? target.replace(`${url}/users/me`, `${url}/users/${session.user.sub}`) : target;
    const version = versions.get(record);
    const isRead = method === 'GET' || method === 'HEAD';
    if (method === 'POST') {
      if (!headers.has('idempotency-key')) headers.set('idempotency-key', crypto.randomUUID());
    } else if (!isRead && version && !headers.has('if-match')) {
      headers.set('if-match', version);
    }
    const how = { repeatable: isRead || method === 'POST' };
    const send = () => issuer.send(target, { ...init, method, headers }, tab?.current(), how);
    let response = await send();
    if (session && response.status === 401) {
      const { reason } = (await problemOf(response)).problem;
      if (reason === 'expired' || reason === 'revoked') {
        await tab?.renew(session.accessToken);
        // Another user may have signed in meanwhile, in another tab.
        if (tab?.current()?.user.sub === session.user.sub) response = await send();
      }
    }
    const etag = response.headers.get('etag');
    if (response.ok && etag) versions.set(record, etag);
    else if (response.ok && !isRead) versions.delete(record);
    return response;
  }

  // A browser that allows no storage has no session.
  const ready = inBrowser ? start().catch((error) => say({ loading: false, error })) : never;
  const client: Cloakroom<P> = {
    ...callsOver<P>(fetchWithToken),
    get state() {
      return state;
    },
    get user() {
      return state.user;
    },
    get loading() {
      return state.loading;
    },
    get error() {
      return state.error;
    },
    ready,
    async signIn(options = {}) {
      const isOnLoad = state.loading;
      await ready;
      if (isOnLoad && state.error) throw state.error;
      const isEnough = (isOnLoad && hasReturned) || (options.maxAge === undefined && !options.prompt);
      return state.user && isEnough ? state.user : authorize(options);
    },
    async signOut({ redirect = true } = {}) {
      await ready;
      const ended = await tab?.replace(undefined);
      if (!ended) return;
      await revoke(issuer, ended).catch(() => {});
      if (!redirect) return;
      const parameters = new URLSearchParams({
        client_id: clientId,
        id_token_hint: ended.idToken,
        post_logout_redirect_uri: options.signedOutUri ?? redirectUri,
      });
      location.assign(`${url}/oauth/logout?${parameters}`);
      await never;
    },
    fetch: fetchWithToken,
    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
  return client;
}
