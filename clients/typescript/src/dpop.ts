import { base64url, random, sha256, utf8 } from './encoding.js';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

/** Returns a new key pair for DPoP (RFC 9449). No script can read its private key. */
export const newKey = (): Promise<CryptoKeyPair> => crypto.subtle.generateKey(ALGORITHM, false, ['sign']);

/** Returns the public key with the members of a thumbprint, in the order of RFC 7638 §3.3. */
async function publicJwk({ publicKey }: CryptoKeyPair): Promise<JsonWebKey> {
  const { crv, kty, x, y } = await crypto.subtle.exportKey('jwk', publicKey);
  return { crv, kty, x, y } as JsonWebKey;
}

/** Returns the `jkt` of a key. */
export const thumbprint = async (key: CryptoKeyPair): Promise<string> =>
  sha256(JSON.stringify(await publicJwk(key)));

/** Returns a proof for one request (RFC 9449 §4.2). `now` is the time of the server, in milliseconds. */
export async function prove(
  key: CryptoKeyPair,
  method: string,
  url: string,
  now: number,
  accessToken?: string,
): Promise<string> {
  const part = (value: object) => base64url(utf8(JSON.stringify(value)));
  const header = { typ: 'dpop+jwt', alg: 'ES256', jwk: await publicJwk(key) };
  const claims = {
    htm: method,
    htu: url.split(/[?#]/)[0],
    iat: Math.floor(now / 1000),
    jti: random(),
    ...(accessToken && { ath: await sha256(accessToken) }),
  };
  const signed = `${part(header)}.${part(claims)}`;
  return `${signed}.${base64url(await crypto.subtle.sign(ALGORITHM, key.privateKey, utf8(signed)))}`;
}
