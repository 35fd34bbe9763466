export const config = {
  issuer: 'https://id.example.org',
  clientId: 'photos-app',
  redirectUrl: 'org.example.photos:/callback',
  scopes: ['openid', 'profile', 'email', 'offline_access', 'users:read'],
};
