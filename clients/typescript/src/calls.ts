import { problemOf } from './problem.js';

/** Methods that `auth.get` and its siblings send. */
export type Method = 'get' | 'post' | 'put' | 'patch' | 'delete';

type Json<T> = T extends { content: infer C }
  ? C extends { 'application/json': infer J }
    ? J
    : undefined
  : undefined;
type Success<T> = T extends { responses: infer R } ? R[Extract<keyof R, 200 | 201 | 202 | 204>] : never;
type Answer<T> = Json<Success<T>>;
type Part<P, K extends string> = K extends keyof P
  ? [NonNullable<P[K]>] extends [never]
    ? object
    : NonNullable<P[K]>
  : object;
type Parameters<T> = T extends { parameters: infer P } ? Part<P, 'path'> & Part<P, 'query'> : object;
type Body<T> = T extends { requestBody: { content: infer C } }
  ? { body: C[keyof C] }
  : T extends { requestBody?: { content: infer C } }
    ? { body?: C[keyof C] }
    : object;

/** Options of a call beside its parameters. */
export interface CallOptions {
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

type Arguments<T> = Parameters<T> & Body<T> & CallOptions;
type Optional<T> = object extends T ? [options?: T] : [options: T];
type PathsWith<P, M extends Method> = {
  [K in keyof P]: P[K] extends { [key in M]: { responses: unknown } } ? K : never;
}[keyof P] &
  string;

/** One function for each method. The document's path, its parameters and its `body` give the type of the answer. */
export type Calls<P> = {
  [M in Method]: <K extends PathsWith<P, M>>(
    path: K,
    ...options: Optional<Arguments<P[K][M & keyof P[K]]>>
  ) => Promise<Answer<P[K][M & keyof P[K]]>>;
};

/** Sends requests as `fetch` does. */
export type Fetch = (path: string, init?: RequestInit) => Promise<Response>;

/** Fills the parameters of a path in. Those that it does not have are the query. */
function fillIn(path: string, parameters: Record<string, unknown>): string {
  const rest = { ...parameters };
  const filled = path.replace(/\{(\w+)\}/g, (_, name) => {
    const value = String(rest[name] ?? '');
    delete rest[name];
    // These would name another path.
    if (/^\.{0,2}$/.test(value)) throw new TypeError(`${path}: ${name} is "${value}"`);
    return encodeURIComponent(value);
  });
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(rest)) {
    if (value !== undefined && value !== null) query.append(name, String(value));
  }
  return query.size ? `${filled}?${query}` : filled;
}

/**
 * Returns the typed calls over `fetch`. They resolve with the JSON of the answer.
 *
 * @throws ProblemError when the server refuses.
 */
export function callsOver<P>(fetch: Fetch): Calls<P> {
  const call =
    (method: string) =>
    async (path: string, { body, headers, signal, ...parameters }: CallOptions & Record<string, unknown> = {}) => {
      const response = await fetch(fillIn(path, parameters), {
        method,
        headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        ...(signal && { signal }),
      });
      if (!response.ok) throw await problemOf(response);
      const text = await response.text();
      return text ? JSON.parse(text) : undefined;
    };
  const methods = ['get', 'post', 'put', 'patch', 'delete'] as const;
  return Object.fromEntries(methods.map((method) => [method, call(method.toUpperCase())])) as unknown as Calls<P>;
}
