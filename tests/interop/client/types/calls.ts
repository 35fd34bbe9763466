// The types of the calls. This file is compiled and not run.
import { can, cloakroom, type components, ProblemError } from '@cloakroom/client';

const auth = cloakroom({ url: 'https://id.example.org', clientId: 'spa' });

const user: components['schemas']['User'] = await auth.get('/users/{id}', { id: 'me' });
const page = await auth.get('/users', { limit: 20, sort: 'name' });
const emails: string[] = page.items.map((user) => user.email);
const profile = await auth.patch('/users/{id}/profile', { id: 'me', body: { name: 'Ada', bio: null } });
const name: string | null | undefined = profile.name;
await auth.post('/users', { body: { email: 'ada@example.com', password: 'a most unusual passphrase' } });
const nothing: undefined = await auth.delete('/users/{id}', { id: user.id });
const mayUpdate: boolean = can(user, 'update', 'email');
console.log(emails, name, nothing, mayUpdate, (await auth.signIn()).sub);

// @ts-expect-error This path is unknown.
await auth.get('/user/{id}', { id: 'me' });
// @ts-expect-error The id is missing.
await auth.get('/users/{id}');
// @ts-expect-error The id is a string.
await auth.get('/users/{id}', { id: 1 });
// @ts-expect-error This query parameter is unknown.
await auth.get('/users', { size: 20 });
// @ts-expect-error This member is unknown.
await auth.patch('/users/{id}/profile', { id: 'me', body: { nome: 'Ada' } });
// @ts-expect-error The body is missing.
await auth.post('/users');
// @ts-expect-error There is no such method on this path.
await auth.put('/users/{id}', { id: 'me' });
// @ts-expect-error This action is unknown.
can(user, 'fly');

try {
  await auth.get('/service');
} catch (error) {
  if (error instanceof ProblemError) console.log(error.fields['/name']?.message, error.fields['/name']?.min, error.maxAge);
}

// An application's own document gives its own paths.
interface Photos {
  '/photos/{id}': { get: { parameters: { path: { id: string } }; responses: { 200: { content: { 'application/json': { title: string } } } } } };
}
const photos = cloakroom<Photos>({ url: 'https://photos.example.org', clientId: 'spa' });
const title: string = (await photos.get('/photos/{id}', { id: 'one' })).title;
console.log(title);
