import NextAuth from 'next-auth';
import type { JWT } from 'next-auth/jwt';
import { redirect } from 'next/navigation';

export const issuer = 'https://id.example.org';
const clientId = process.env.AUTH_CLOAKROOM_ID!;
const clientSecret = process.env.AUTH_CLOAKROOM_SECRET!;

declare module 'next-auth' {
  interface Session {
    accessToken: string;
    idToken: string;
  }
}

/** Returns the token with new tokens of cloakroom, or null when the session is over. */
async function renew(token: JWT): Promise<JWT | null> {
  const response = await fetch(`${issuer}/oauth/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa(`${clientId}:${clientSecret}`)}` },
    body: new URLSearchParams({ grant_type: 'refresh_token', refresh_token: String(token.refreshToken) }),
  });
  const answer = await response.json();
  if (answer.error === 'invalid_grant') return null;
  if (!response.ok) throw new Error(answer.error);
  const { access_token: accessToken, refresh_token: refreshToken, id_token: idToken = token.idToken } = answer;
  return { ...token, accessToken, refreshToken, idToken, expiresAt: Date.now() / 1000 + answer.expires_in };
}

export const { handlers, auth, signIn, signOut } = NextAuth({
  providers: [
    {
      id: 'cloakroom',
      name: 'Photos',
      type: 'oidc',
      issuer,
      clientId,
      clientSecret,
      authorization: { params: { scope: 'openid profile email users:read' } },
      checks: ['pkce', 'state', 'nonce'],
    },
  ],
  callbacks: {
    async jwt({ token, account }) {
      if (account) {
        const { access_token: accessToken, refresh_token: refreshToken, id_token: idToken, expires_at: expiresAt } = account;
        return { ...token, accessToken, refreshToken, idToken, expiresAt };
      }
      const isDue = Date.now() / 1000 > Number(token.expiresAt) - 60;
      // A server that does not answer ends no session.
      return isDue ? renew(token).catch(() => token) : token;
    },
    session({ session, token }) {
      return { ...session, accessToken: String(token.accessToken), idToken: String(token.idToken) };
    },
  },
});

/** Signs out here and at cloakroom. */
export async function leave() {
  'use server';
  const session = await auth();
  await signOut({ redirect: false });
  const query = new URLSearchParams({ post_logout_redirect_uri: 'https://photos.example.org/', client_id: clientId });
  if (session) query.set('id_token_hint', session.idToken);
  redirect(`${issuer}/oauth/logout?${query}`);
}
