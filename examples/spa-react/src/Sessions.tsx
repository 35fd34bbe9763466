import type { components } from '@cloakroom/client';
import { useAuth } from '@cloakroom/client/react';
import { useEffect, useState } from 'react';

type Session = components['schemas']['Session'];

export function Sessions() {
  const { auth } = useAuth();
  const [sessions, setSessions] = useState<Session[]>([]);
  const [next, setNext] = useState<string | null>();

  async function load(cursor?: string) {
    const page = await auth.get('/users/{id}/sessions', { id: 'me', limit: 10, ...(cursor && { cursor }) });
    setSessions((shown) => (cursor ? [...shown, ...page.items] : page.items));
    setNext(page.next);
  }
  useEffect(() => void load().catch(() => {}), [auth]);

  async function end(sid: string) {
    await auth.delete('/users/{id}/sessions/{sid}', { id: 'me', sid });
    await load();
  }

  return (
    <section>
      <h2>Where you are signed in</h2>
      <ul>
        {sessions.map((session) => (
          <li key={session.id}>
            <div>
              {session.client_id ?? 'Browser'}
              {session.current && <strong> (this one)</strong>}
              <div className="quiet">Last used {new Date(session.last_used_at).toLocaleString('en-GB')}</div>
            </div>
            {!session.current && <button onClick={() => end(session.id)}>End</button>}
          </li>
        ))}
      </ul>
      {next && <button onClick={() => load(next)}>More</button>}
    </section>
  );
}
