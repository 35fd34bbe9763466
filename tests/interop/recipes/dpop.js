const base64url = (bytes) =>
  btoa(String.fromCharCode(...new Uint8Array(bytes))).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
const utf8 = (text) => new TextEncoder().encode(text);
const sha256 = async (text) => base64url(await crypto.subtle.digest('SHA-256', utf8(text)));
const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

/** Returns a key pair. No script can read its private key, and IndexedDB can store it. */
export const newKey = () => crypto.subtle.generateKey(algorithm, false, ['sign']);

/** Returns the header `DPoP` of one request. `url` has no query; the token request has no access token. */
export async function prove(key, method, url, accessToken) {
  const { crv, kty, x, y } = await crypto.subtle.exportKey('jwk', key.publicKey);
  const header = { typ: 'dpop+jwt', alg: 'ES256', jwk: { crv, kty, x, y } };
  const claims = { htm: method, htu: url, iat: Math.floor(Date.now() / 1000), jti: crypto.randomUUID() };
  if (accessToken) claims.ath = await sha256(accessToken);
  const signed = [header, claims].map((part) => base64url(utf8(JSON.stringify(part)))).join('.');
  return `${signed}.${base64url(await crypto.subtle.sign(algorithm, key.privateKey, utf8(signed)))}`;
}
