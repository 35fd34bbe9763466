const cloakroom = 'https://id.example.org';

async function answer(response) {
  const body = await response.json();
  if (!response.ok) throw Object.assign(new Error(body.detail ?? body.error_description), { status: response.status, body });
  return body;
}

/** Returns the tokens of a new session. A wrong address or password is a 401 `invalid-credentials`. */
export const signIn = (email, password) =>
  fetch(`${cloakroom}/sessions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email, password }),
  }).then(answer);

/** Returns new tokens. Keep the new refresh token, and forget the one that was sent. */
export const renew = (tokens) =>
  fetch(`${cloakroom}/oauth/token`, {
    method: 'POST',
    body: new URLSearchParams({ grant_type: 'refresh_token', refresh_token: tokens.refresh_token, client_id: 'cloakroom' }),
  }).then(answer);

/** Ends the session. */
export const signOut = (tokens) =>
  fetch(`${cloakroom}/sessions/current`, {
    method: 'DELETE',
    headers: { authorization: `Bearer ${tokens.access_token}` },
  });
