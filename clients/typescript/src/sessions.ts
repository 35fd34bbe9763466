import { ProblemError } from './problem.js';
import type { Session, Storage } from './storage.js';
import { type Issuer, requestTokens } from './tokens.js';

/** Session of this tab, kept equal with the other tabs. */
export interface Sessions {
  /** Session as this tab knows it. */
  current(): Session | undefined;
  /** Reads what another tab may have stored. */
  reload(): Promise<void>;
  /** Stores the session, or ends it, for all tabs. Returns the previous one. */
  replace(next: Session | undefined): Promise<Session | undefined>;
  /** Renews the access token if it expires soon. Fails only if it has expired. */
  renewIfDue(): Promise<void>;
  /** Renews this access token, unless another tab did. Without a session afterwards, the user has to sign in. */
  renew(accessToken: string | undefined): Promise<void>;
}

/** Seconds before the end of an access token at which it is renewed: a tenth of its life, and a minute at most. */
const margin = (lifetime: number): number => Math.min(60, lifetime / 10);

/** Makes the sessions of a tab. `changed` is called after each change. */
export function sessions(name: string, issuer: Issuer, stored: Storage, changed: () => void): Sessions {
  const tabs = new BroadcastChannel(name);
  let session: Session | undefined;
  let adoptedAt = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let renewal: Promise<void> | undefined;

  /**
   * Seconds until the access token expires. The clock of the device may be set meanwhile, and the other one may stand
   * still while a laptop sleeps. So the one that ran further counts; neither is compared with the server's.
   */
  function left(): number {
    if (!session) return Infinity;
    const passed = Math.max(Date.now() - session.arrived, performance.now() - adoptedAt);
    return session.lifetime - passed / 1000;
  }

  const isDue = () => !!session && left() < margin(session.lifetime);

  function adopt(next: Session | undefined): void {
    if (next?.accessToken === session?.accessToken) return;
    session = next;
    adoptedAt = performance.now();
    clearTimeout(timer);
    if (next) timer = setTimeout(wake, Math.min(1000 * (left() - margin(next.lifetime)), 2 ** 31 - 1));
    changed();
  }

  const reload = async () => adopt(await stored.session());

  async function replace(next: Session | undefined): Promise<Session | undefined> {
    const previous = await stored.replace(next);
    adopt(next);
    tabs.postMessage(0);
    return previous;
  }

  /** Exchanges the refresh token. One tab does it at a time; the others find its result. */
  async function exchange(refused: string | undefined): Promise<void> {
    await reload();
    if (!session || (session.accessToken !== refused && !isDue())) return;
    const { refreshToken, key, user } = session;
    try {
      if (!refreshToken) throw new ProblemError(400, { error: 'invalid_grant' });
      const parameters = { grant_type: 'refresh_token', refresh_token: refreshToken };
      const next = await requestTokens(issuer, parameters, key, { sub: user.sub }, session);
      adopt(await stored.renew(next, refreshToken));
      tabs.postMessage(0);
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error;
      const isOver = error.status < 402 && error.code !== 'invalid_dpop_proof';
      if (!isOver) throw error;
      adopt(await stored.renew(undefined, refreshToken));
      tabs.postMessage(0);
    }
  }

  async function exchangeAlone(refused: string | undefined): Promise<void> {
    try {
      await navigator.locks.request(name, () => exchange(refused));
    } finally {
      renewal = undefined;
    }
  }

  const renew = (refused: string | undefined): Promise<void> => (renewal ??= exchangeAlone(refused));

  async function renewIfDue(): Promise<void> {
    if (!isDue()) return;
    await renew(session?.accessToken).catch((error) => {
      if (left() <= 0) throw error;
    });
  }

  /** Renews in a tab that is shown: by the timer, on return to the tab and to the network. */
  async function wake(): Promise<void> {
    if (document.visibilityState !== 'visible') return;
    await reload();
    // Without a network, the next call or the next `online` tries again.
    await renewIfDue().catch(() => {});
  }

  tabs.onmessage = () => void reload();
  addEventListener('online', wake);
  addEventListener('pageshow', wake);
  document.addEventListener('visibilitychange', wake);
  return { current: () => session, reload, replace, renewIfDue, renew };
}
