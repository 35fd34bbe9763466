// oidc-provider as a peer of the measurements: a client gets a JWT with client credentials, as from
// cloakroom. Settings: PORT, ALGORITHM, CLIENT_SECRET. The package is installed in tests/interop.
import { createRequire } from 'node:module';
import { generateKeyPairSync } from 'node:crypto';
import { pathToFileURL } from 'node:url';

const packages = createRequire(new URL('../tests/interop/package.json', import.meta.url));
const { Provider } = await import(pathToFileURL(packages.resolve('oidc-provider')));

const { PORT, ALGORITHM, CLIENT_SECRET } = process.env;
const kinds = {
  ES256: ['ec', { namedCurve: 'P-256' }],
  EdDSA: ['ed25519', {}],
  RS256: ['rsa', { modulusLength: 2048 }],
  PS256: ['rsa', { modulusLength: 2048 }],
};
const key = generateKeyPairSync(...kinds[ALGORITHM]).privateKey.export({ format: 'jwk' });
const scope = 'users:read:any';

const provider = new Provider(`http://127.0.0.1:${PORT}`, {
  jwks: { keys: [{ ...key, alg: ALGORITHM, use: 'sig', kid: 'bench' }] },
  scopes: [scope],
  clients: [{
    client_id: 'bench',
    client_secret: CLIENT_SECRET,
    grant_types: ['client_credentials'],
    response_types: [],
    redirect_uris: [],
    token_endpoint_auth_method: 'client_secret_post',
    id_token_signed_response_alg: ALGORITHM,
  }],
  clientAuthMethods: ['client_secret_post'],
  enabledJWA: { idTokenSigningAlgValues: [ALGORITHM] },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => 'https://api.example.org',
      getResourceServerInfo: () => ({
        scope,
        audience: 'https://api.example.org',
        accessTokenFormat: 'jwt',
        jwt: { sign: { alg: ALGORITHM } },
      }),
    },
  },
});
provider.listen(Number(PORT), '127.0.0.1');
