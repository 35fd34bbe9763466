// The client that orval generates, compiled under `strict`: functions are named after the operations.
import { changePassword, getUser, listUsers } from './orval/client.js';
import type { BrokenRule, User } from './orval/client.js';

export async function mayRename(id: string): Promise<boolean> {
  const { status, data } = await getUser(id);
  return status === 200 && (data as User)._actions.update?.includes('email') === true;
}

export const first = () => listUsers({ limit: 1, sort: '-created_at' });

export function say(rule: BrokenRule): string {
  return rule.code === 'too-short' ? `mindestens ${rule.min} Zeichen` : rule.detail;
}

void changePassword;
