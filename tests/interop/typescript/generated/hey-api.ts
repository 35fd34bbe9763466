// The client that hey-api generates, compiled under `strict`: functions are named after the operations.
import { changePassword, getUser, listUsers, updateUser } from './hey-api/index.js';
import type { BrokenRule, User } from './hey-api/index.js';

export async function rename(id: string, email: string): Promise<User | undefined> {
  const { data, response } = await getUser({ path: { id } });
  if (!data?._actions.update?.includes('email')) return undefined;
  const etag = response.headers.get('etag') ?? '';
  const changed = await updateUser({ path: { id }, headers: { 'If-Match': etag }, body: { email } });
  return changed.data;
}

export async function all(): Promise<string[]> {
  const { data } = await listUsers({ query: { limit: 200, status: 'active' } });
  return (data?.items ?? []).map((user) => user.email);
}

export function say(rule: BrokenRule): string {
  return rule.code === 'too-short' ? `mindestens ${rule.min} Zeichen` : rule.detail;
}

// @ts-expect-error: a code that no rule has
export const none: BrokenRule['code'] = 'too-blue';
void changePassword;
