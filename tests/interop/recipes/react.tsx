import { cloakroom } from '@cloakroom/client';
import { CloakroomProvider, useAuth } from '@cloakroom/client/react';
import { createRoot } from 'react-dom/client';

// Outside of the components: one client for the page.
const auth = cloakroom({ url: 'https://id.example.org', clientId: 'spa' });

function Welcome() {
  const { user, loading, error, auth } = useAuth();
  if (loading) return null;
  if (user) return <button onClick={() => auth.signOut()}>Sign out {user.email}</button>;
  return (
    <>
      {error && <p role="alert">{error.message}</p>}
      <button onClick={() => auth.signIn()}>Sign in</button>
    </>
  );
}

createRoot(document.querySelector('#root')!).render(
  <CloakroomProvider auth={auth}>
    <Welcome />
  </CloakroomProvider>,
);
