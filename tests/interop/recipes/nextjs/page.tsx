import { headers } from 'next/headers';
import { auth } from '../../cloakroom';

export default async function Albums() {
  const session = await auth.session(await headers());
  if (!session.user) return <a href="/auth/sign-in?returnTo=/albums">Sign in</a>;
  const me = await session.get('/users/{id}', { id: 'me' });
  return (
    <form method="post" action="/auth/sign-out">
      <p>{me.email}</p>
      <button>Sign out</button>
    </form>
  );
}
