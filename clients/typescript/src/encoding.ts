/** Returns bytes in base64url, without padding (RFC 4648 §5). */
export const base64url = (bytes: ArrayBuffer | Uint8Array<ArrayBuffer>): string =>
  btoa(String.fromCharCode(...new Uint8Array(bytes))).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');

/** Returns the bytes of a base64url text. */
export const fromBase64url = (text: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(atob(text.replace(/-/g, '+').replace(/_/g, '/')), (byte) => byte.charCodeAt(0));

export const utf8 = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

/** Returns the SHA-256 of a text in base64url: a PKCE challenge, an `ath`, a thumbprint. */
export const sha256 = async (text: string): Promise<string> =>
  base64url(await crypto.subtle.digest('SHA-256', utf8(text)));

/** Returns a new secret of 256 bits. */
export const random = (): string => base64url(crypto.getRandomValues(new Uint8Array(32)));

/** Returns the claims of a JWT, without a check of its signature. */
export const claimsOf = (jwt: string): Record<string, unknown> =>
  JSON.parse(new TextDecoder().decode(fromBase64url(jwt.split('.')[1] ?? '')));
