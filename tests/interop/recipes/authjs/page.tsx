import { auth, issuer, leave, signIn } from '../auth';

async function enter() {
  'use server';
  await signIn('cloakroom');
}

export default async function Home() {
  const session = await auth();
  if (!session) {
    return (
      <form action={enter}>
        <button>Sign in</button>
      </form>
    );
  }
  const headers = { authorization: `Bearer ${session.accessToken}` };
  const me = await (await fetch(`${issuer}/users/me`, { headers })).json();
  return (
    <form action={leave}>
      <p>
        {session.user?.name} {me.email}
      </p>
      <button>Sign out</button>
    </form>
  );
}
