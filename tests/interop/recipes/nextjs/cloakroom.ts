import { cloakroomServer } from '@cloakroom/client/server';

export const auth = cloakroomServer({
  url: 'https://id.example.org',
  clientId: 'site',
  clientSecret: process.env.CLOAKROOM_CLIENT_SECRET!,
  redirectUri: 'https://photos.example.org/auth/callback',
  secret: process.env.SESSION_SECRET!, // `openssl rand -hex 32`
});
