import type { AuthConfig } from '@auth/core';

export const config: AuthConfig = {
  providers: [
    {
      id: 'cloakroom',
      name: 'Photos',
      type: 'oidc',
      issuer: 'https://id.example.org',
      clientId: process.env.AUTH_CLOAKROOM_ID!,
      clientSecret: process.env.AUTH_CLOAKROOM_SECRET!,
      authorization: { params: { scope: 'openid profile email' } },
      checks: ['pkce', 'state', 'nonce'],
    },
  ],
};
