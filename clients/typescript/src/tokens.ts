import { claimsOf, sha256 } from './encoding.js';
import { ProblemError, problemOf } from './problem.js';
import type { Session, User } from './storage.js';
import { type Send, TIMEOUT } from './transport.js';

/** Authorization server and the client that speaks to it. */
export interface Issuer {
  url: string;
  clientId: string;
  send: Send;
  /** Header `Authorization` of a client that has a secret. */
  authorization?: string;
}

/** Expected content of an ID token. */
export interface Expected {
  nonce?: string;
  /** Most seconds between the user's authentication and the ID token. */
  maxAge?: number | undefined;
  /** User of the session that is renewed. */
  sub?: string;
}

interface Tokens {
  access_token: string;
  refresh_token?: string;
  id_token?: string;
  token_type: string;
  expires_in: number;
}

/** Seconds by which an authentication may be older than `maxAge`: the time that a user needs on the pages. */
const SLACK = 60;

/** Returns an error of a sign-in that the server did not refuse. */
export const invalid = (code: string, detail: string): ProblemError => new ProblemError(0, { error: code, detail });

/**
 * Checks an ID token (OpenID Connect Core §3.1.3.7). It came from the token endpoint itself, so its signature is not
 * checked. Its times are compared with each other, as the clock of this device may be wrong.
 */
function userOf({ url, clientId }: Issuer, idToken: string, expected: Expected): User {
  const claims = claimsOf(idToken) as User & { iat: number };
  const isExpected =
    claims.iss === url &&
    [claims.aud].flat().includes(clientId) &&
    (expected.nonce === undefined || claims.nonce === expected.nonce) &&
    (expected.sub === undefined || claims.sub === expected.sub);
  if (!isExpected) throw invalid('invalid_id_token', 'The ID token is not the answer to this sign-in.');
  if (expected.maxAge !== undefined && !(claims.iat - claims.auth_time <= expected.maxAge + SLACK)) {
    throw invalid('login_required', 'The user signed in too long ago.');
  }
  return claims;
}

/** Returns a request of this client, which a secret or its id names. */
function request({ clientId, authorization }: Issuer, parameters: Record<string, string>): RequestInit {
  const name = authorization ? undefined : { client_id: clientId };
  const headers = authorization ? { authorization } : undefined;
  return { method: 'POST', body: new URLSearchParams({ ...name, ...parameters }), ...(headers && { headers }) };
}

/** Returns the query of an authorization request with PKCE (RFC 7636). Values that are undefined are left out. */
export async function authorizationQuery(
  clientId: string,
  redirectUri: string,
  verifier: string,
  parameters: Record<string, string | number | undefined>,
): Promise<URLSearchParams> {
  const query = new URLSearchParams({
    response_type: 'code',
    client_id: clientId,
    redirect_uri: redirectUri,
    code_challenge: await sha256(verifier),
    code_challenge_method: 'S256',
  });
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined) query.set(name, `${value}`);
  }
  return query;
}

/**
 * Returns the code of an authorization response.
 *
 * @throws ProblemError when it is an error, or is from another server (RFC 9207).
 */
export function codeOf(answer: URLSearchParams, url: string): string {
  const get = (parameter: string) => answer.get(parameter) ?? '';
  if (get('iss') !== url) throw invalid('invalid_issuer', 'The answer is from another server.');
  if (answer.has('error')) {
    throw new ProblemError(0, { error: get('error'), error_description: get('error_description') });
  }
  return get('code');
}

/**
 * Requests tokens. A lost answer is requested again.
 *
 * @throws ProblemError when the server refuses, or `invalid_id_token`.
 */
export async function requestTokens(
  issuer: Issuer,
  parameters: Record<string, string>,
  key: CryptoKeyPair | undefined,
  expected: Expected,
  previous?: Session,
): Promise<Session> {
  const init = request(issuer, parameters);
  const how = { repeatable: true, timeout: TIMEOUT };
  const response = await issuer.send(`${issuer.url}/oauth/token`, init, { key }, how);
  if (!response.ok) throw await problemOf(response);
  const tokens: Tokens = await response.json();
  const idToken = tokens.id_token ?? previous?.idToken;
  if (!idToken) throw invalid('invalid_id_token', 'The client is not registered for the scope openid.');
  return {
    accessToken: tokens.access_token,
    refreshToken: tokens.refresh_token,
    idToken,
    user: userOf(issuer, idToken, expected),
    lifetime: tokens.expires_in,
    arrived: Date.now(),
    key: tokens.token_type === 'DPoP' ? key : undefined,
  };
}

/** Ends the session of a refresh token at the server (RFC 7009). */
export async function revoke(issuer: Issuer, { refreshToken }: Pick<Session, 'refreshToken'>): Promise<void> {
  if (!refreshToken) return;
  const init = { ...request(issuer, { token: refreshToken }), keepalive: true };
  await issuer.send(`${issuer.url}/oauth/revoke`, init, undefined, { timeout: 3000 });
}
