import type { components } from './api.js';

/** Broken rule of a request, for a form to show beside its field. */
export type FieldError = Omit<components['schemas']['BrokenRule'], 'pointer' | 'detail'> & {
  /** The rule, in English. */
  message: string;
};

type Problem = Partial<components['schemas']['Problem']> & { error?: string; error_description?: string };

/** Refusal by the server: a problem of the API (RFC 9457), or an error of its OAuth endpoints. */
export class ProblemError extends Error {
  override name = 'ProblemError';
  /** Stable code, such as `invalid-body`, `precondition-failed` or `access_denied`. */
  readonly code: string;
  /** HTTP status; 0 for an error that came with a redirect. */
  readonly status: number;
  /** First broken rule of each field, by its JSON pointer: `fields['/name']`. */
  readonly fields: Record<string, FieldError> = {};
  /** Seconds, for the code `insufficient-user-authentication`: call `signIn({ maxAge })` (RFC 9470). */
  readonly maxAge: number | undefined;
  /** Problem as the server sent it. */
  readonly problem: Problem;

  constructor(status: number, problem: Problem, challenge?: string | null) {
    super(problem.detail ?? problem.error_description ?? problem.title ?? problem.error ?? `HTTP ${status}`);
    this.status = status;
    this.problem = problem;
    this.code = problem.code ?? problem.error ?? 'unknown';
    for (const { pointer, detail, ...rule } of problem.errors ?? []) {
      this.fields[pointer] ??= { ...rule, message: detail };
    }
    const seconds = challenge?.match(/max_age="?(\d+)/)?.[1];
    this.maxAge = seconds === undefined ? undefined : +seconds;
  }
}

/** Returns the error that an answer of the server carries. The answer can still be read afterwards. */
export async function problemOf(response: Response): Promise<ProblemError> {
  const problem = await response.clone().json().catch(() => ({}));
  return new ProblemError(response.status, problem ?? {}, response.headers.get('www-authenticate'));
}

type Actions<R> = R extends { _actions: infer A } ? Extract<keyof A, string> : string;

/**
 * Tells whether the user may do this to a record, and write this member of it: `can(user, 'update', 'email')`.
 * The server decides again at each request; this is for drawing a page.
 */
export function can<R extends object>(record: R | null | undefined, action: Actions<R>, member?: string): boolean {
  const actions = (record as { _actions?: Record<string, string[]> } | null | undefined)?._actions;
  const members = actions && Object.hasOwn(actions, action) ? actions[action] : undefined;
  return !!members && (member === undefined || members.includes(member));
}
