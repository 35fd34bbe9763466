// Read of one account, written by hand with Fastify: @fastify/jwt verifies the token (HS256), the handler
// compares scope and owner, and better-sqlite3 reads the row. Settings: PORT, DATABASE. Prints a token when
// it listens.
import Fastify from 'fastify';
import jwt from '@fastify/jwt';
import Database from 'better-sqlite3';

const { PORT, DATABASE } = process.env;
const database = new Database(DATABASE, { readonly: true });
const byId = database.prepare(
  'SELECT id, email, email_verified, status, roles, created_at, updated_at, last_login_at, revision FROM people WHERE id = ?');

const app = Fastify({ logger: false });
app.register(jwt, { secret: 'a secret of at least thirty-two bytes' });
app.get('/health/live', async () => ({ status: 'ok' }));
app.get('/users/:id', async (request, reply) => {
  try {
    await request.jwtVerify();
  } catch {
    return reply.code(401).send({ code: 'invalid-token' });
  }
  const { sub, scope } = request.user;
  if (!scope.split(' ').includes('users:read')) return reply.code(403).send({ code: 'insufficient-scope' });
  if (sub !== request.params.id) return reply.code(403).send({ code: 'not-owner' });
  const row = byId.get(sub);
  if (!row) return reply.code(404).send({ code: 'not-found' });
  reply.header('etag', `"${row.revision}"`).header('cache-control', 'no-store');
  return {
    id: row.id,
    email: row.email,
    email_verified: row.email_verified === 1,
    status: row.status,
    roles: JSON.parse(row.roles),
    created_at: new Date(row.created_at).toISOString(),
    updated_at: new Date(row.updated_at).toISOString(),
    last_login_at: row.last_login_at && new Date(row.last_login_at).toISOString(),
  };
});
app.get('/token/:id', async (request) => ({
  access_token: app.jwt.sign({ sub: request.params.id, scope: 'openid users:read users:write' }, { expiresIn: '12h' }),
}));
await app.listen({ port: Number(PORT), host: '127.0.0.1' });
