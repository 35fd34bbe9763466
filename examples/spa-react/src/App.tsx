import { useAuth } from '@cloakroom/client/react';
import { ProfileForm } from './ProfileForm.js';
import { Sessions } from './Sessions.js';

export function App() {
  const { user, loading, error, auth } = useAuth();
  if (loading) return <main aria-busy="true" />;
  if (!user) {
    return (
      <main>
        <header>
          <h1>Photos</h1>
        </header>
        <section>
          <h2>Welcome</h2>
          <p>Sign in to see your profile and where you are signed in.</p>
          {error && <p role="alert" className="error">The sign-in failed: {error.message}</p>}
          <button className="main" onClick={() => auth.signIn()}>Sign in</button>{' '}
          <button onClick={() => auth.signIn({ prompt: 'create' })}>Create an account</button>
        </section>
      </main>
    );
  }
  return (
    <main>
      <header>
        <h1>Photos</h1>
        <span className="quiet">{user.name ?? user.email}</span>
        <button onClick={() => auth.signOut()}>Sign out</button>
      </header>
      {/* Another user in this browser begins with new forms. */}
      <ProfileForm key={`profile ${user.sub}`} />
      <Sessions key={`sessions ${user.sub}`} />
    </main>
  );
}
