import { prove } from './dpop.js';

/** Largest error of a clock that is left as it is. A proof may be 60 seconds old or 30 seconds ahead. */
const TOLERANCE = 20_000;

/** Longest wait for an answer of the token endpoint, in milliseconds. */
export const TIMEOUT = 10_000;

/** Proof of possession for a request. */
export interface Credentials {
  key: CryptoKeyPair | undefined;
  accessToken?: string;
}

/** Options of `send`. */
export interface Sending {
  /** True for a request that may be sent again when its answer was lost. */
  repeatable?: boolean;
  /** Milliseconds after which an attempt counts as lost. */
  timeout?: number;
}

/** Sends a request with a token and a proof. */
export type Send = (url: string, init: RequestInit, by?: Credentials, how?: Sending) => Promise<Response>;

/** Returns `send`, which learns the time of the server from its answers. */
export function transport(): Send {
  /** Time of the server, as this device has to correct its own, in milliseconds. */
  let ahead = 0;

  /** Returns true if an answer shows that the clock of this device was wrong. */
  function correctClock(response: Response): boolean {
    const difference = Date.parse(response.headers.get('date') ?? '') - Date.now();
    if (!(Math.abs(difference - ahead) > TOLERANCE)) return false;
    ahead = difference;
    return true;
  }

  return async (url, init, by, { repeatable, timeout } = {}) => {
    let corrected = false;
    for (let attempt = 0; ; attempt++) {
      const headers = new Headers(init.headers);
      if (by?.accessToken) headers.set('authorization', `${by.key ? 'DPoP' : 'Bearer'} ${by.accessToken}`);
      if (by?.key) {
        const method = init.method ?? 'GET';
        headers.set('dpop', await prove(by.key, method, url, Date.now() + ahead, by.accessToken));
      }
      const again = repeatable && attempt < 2 && !init.signal?.aborted;
      let wait = 300 * 3 ** attempt;
      try {
        const signal = timeout ? AbortSignal.timeout(timeout) : (init.signal ?? null);
        const response = await fetch(url, { ...init, headers, signal });
        const wasWrong = correctClock(response);
        if (wasWrong && by?.key && !corrected && (response.status === 400 || response.status === 401)) {
          corrected = true;
          continue;
        }
        if (response.status !== 503 || !again) return response;
        wait = 1000 * +(response.headers.get('retry-after') ?? 1);
      } catch (error) {
        if (!again) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  };
}
