/** Claims of the ID token. `name`, `email` and the like need the scopes `profile` and `email`. */
export interface User {
  /** Id of the user. */
  sub: string;
  name?: string;
  email?: string;
  picture?: string;
  /** Time of the sign-in, in seconds. */
  auth_time: number;
  [claim: string]: unknown;
}

/** Tokens of the signed-in user. */
export interface Session {
  accessToken: string;
  refreshToken: string | undefined;
  idToken: string;
  user: User;
  /** Seconds for which the access token is valid. */
  lifetime: number;
  /** Time at which the tokens arrived, by the clock of this device, in milliseconds. */
  arrived: number;
  /** Key that the tokens are bound to; none without DPoP. */
  key: CryptoKeyPair | undefined;
}

/** Session and key of one client, shared by all tabs. */
export interface Storage {
  session(): Promise<Session | undefined>;
  /** Stores or removes the session, and returns the previous one. */
  replace(next: Session | undefined): Promise<Session | undefined>;
  /**
   * Replaces or removes the session if it still has this refresh token, and returns the one that counts now. So neither
   * a sign-out nor a sign-in of another tab is undone.
   */
  renew(next: Session | undefined, refreshToken: string | undefined): Promise<Session | undefined>;
  /** Returns the key, or stores the one that `make` returns. */
  key(make: () => Promise<CryptoKeyPair>): Promise<CryptoKeyPair>;
}

/** Opens the storage of this name in IndexedDB, which can store a key that no script can read. */
export function storage(name: string): Storage {
  function run<T>(mode: IDBTransactionMode, act: (items: IDBObjectStore) => IDBRequest<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const opened = indexedDB.open(name);
      opened.onerror = () => reject(opened.error);
      opened.onupgradeneeded = () => opened.result.createObjectStore('items');
      opened.onsuccess = () => {
        const transaction = opened.result.transaction('items', mode);
        const request = act(transaction.objectStore('items'));
        transaction.oncomplete = () => resolve(request.result);
        transaction.onabort = () => reject(transaction.error);
        opened.result.onversionchange = () => opened.result.close();
        transaction.addEventListener('complete', () => opened.result.close());
      };
    });
  }
  function change(next: Session | undefined, mayReplace: (old: Session | undefined) => boolean) {
    return run<Session | undefined>('readwrite', (items) => {
      const read = items.get('session');
      read.onsuccess = () => {
        if (mayReplace(read.result)) next ? items.put(next, 'session') : items.delete('session');
      };
      return read;
    });
  }
  const session = () => run<Session | undefined>('readonly', (items) => items.get('session'));
  return {
    session,
    replace: (next) => change(next, () => true),
    async renew(next, refreshToken) {
      await change(next, (old) => old?.refreshToken === refreshToken);
      return session();
    },
    async key(make) {
      const read = () => run<CryptoKeyPair | undefined>('readonly', (items) => items.get('key'));
      const known = await read();
      if (known) return known;
      const made = await make();
      // Another tab may have stored its key meanwhile: that one counts.
      await run('readwrite', (items) => items.add(made, 'key')).catch(() => {});
      return (await read()) ?? made;
    },
  };
}
