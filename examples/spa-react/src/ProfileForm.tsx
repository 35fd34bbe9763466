import { type components, type FieldError, ProblemError } from '@cloakroom/client';
import { useAuth } from '@cloakroom/client/react';
import { type FormEvent, useEffect, useState } from 'react';

type Profile = components['schemas']['Profile'];

const FIELDS = { name: 'Name', birthdate: 'Date of birth', website: 'Website' } as const;
type Field = keyof typeof FIELDS;

export function ProfileForm() {
  const { auth } = useAuth();
  const [profile, setProfile] = useState<Profile>();
  const [errors, setErrors] = useState<Record<string, FieldError>>({});
  const [message, setMessage] = useState('');

  const load = () => auth.get('/users/{id}/profile', { id: 'me' }).then(setProfile);
  useEffect(() => void load().catch((error) => setMessage(error.message)), [auth]);

  async function save(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const body = Object.fromEntries(Object.keys(FIELDS).map((name) => [name, String(form.get(name)) || null]));
    setErrors({});
    setMessage('');
    try {
      // The client sends the version that it read, so no other change is overwritten.
      setProfile(await auth.patch('/users/{id}/profile', { id: 'me', body }));
      setMessage('Saved.');
    } catch (error) {
      if (!(error instanceof ProblemError)) return setMessage('There is no connection. Try again.');
      setErrors(error.fields);
      if (error.code === 'precondition-failed') {
        await load();
        setMessage('The profile was changed elsewhere. Here is its new state.');
      } else if (error.code !== 'invalid-body') {
        setMessage(error.message);
      }
    }
  }

  if (!profile) return <section aria-busy={!message}>{message}</section>;
  return (
    <section>
      <h2>Profile</h2>
      <form onSubmit={save} noValidate>
        {Object.entries(FIELDS).map(([name, label]) => {
          const error = errors[`/${name}`];
          return (
            <div key={`${name} ${profile[name as Field]}`}>
              <label htmlFor={name}>{label}</label>
              <input
                id={name}
                name={name}
                defaultValue={profile[name as Field] ?? ''}
                aria-invalid={!!error}
                aria-describedby={error && `${name}-error`}
              />
              {error && <p className="error" id={`${name}-error`}>{label} {error.message}.</p>}
            </div>
          );
        })}
        <button className="main">Save</button>
        <p role="status" className="quiet">{message}</p>
      </form>
    </section>
  );
}
