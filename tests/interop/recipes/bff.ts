import { cloakroomServer } from '@cloakroom/client/server';

const auth = cloakroomServer({
  url: 'https://id.example.org',
  clientId: 'site',
  clientSecret: process.env.CLOAKROOM_CLIENT_SECRET!,
  redirectUri: 'https://photos.example.org/auth/callback',
  secret: process.env.SESSION_SECRET!, // `openssl rand -hex 32`
});

/** Answers the requests of the site below `/auth/` and `/api/`. */
export async function handle(request: Request): Promise<Response> {
  const { pathname, search } = new URL(request.url);
  if (pathname.startsWith('/auth/')) return auth.handle(request);
  // The browser sends the cookie by itself, so a page of another site must not be able to use it.
  if (request.headers.get('sec-fetch-site') !== 'same-origin') return new Response('foreign', { status: 403 });
  const session = await auth.session(request);
  const headers = new Headers();
  for (const name of ['content-type', 'if-match', 'idempotency-key']) {
    const value = request.headers.get(name);
    if (value) headers.set(name, value);
  }
  const hasBody = !['GET', 'HEAD'].includes(request.method);
  const answer = await session.fetch(pathname.replace('/api', '') + search, {
    method: request.method,
    headers,
    ...(hasBody && { body: await request.arrayBuffer() }),
  });
  const response = new Response(answer.body, { status: answer.status, headers: { 'cache-control': 'no-store' } });
  for (const name of ['content-type', 'etag', 'location', 'link']) {
    const value = answer.headers.get(name);
    if (value) response.headers.set(name, value);
  }
  if (session.cookie) response.headers.append('set-cookie', session.cookie);
  return response;
}
