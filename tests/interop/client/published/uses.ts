// A program that uses each export of the package. It is compiled and run in Node.js.
import {
  can, type Cloakroom, cloakroom, type components, type FieldError, type Options, type paths, ProblemError, type SignInOptions,
  type State, type User,
} from '@cloakroom/client';
import { CloakroomProvider, type CloakroomProviderProps, useAuth } from '@cloakroom/client/react';
import {
  can as canOnServer, type CloakroomServer, cloakroomServer, type FieldError as ServerFieldError, ProblemError as ServerProblemError,
  type ServerOptions, type ServerSession, type User as ServerUser,
} from '@cloakroom/client/server';

function check(isTrue: boolean, rule: string): void {
  if (!isTrue) throw new Error(rule);
}

const options: Options = { url: 'https://id.example.org', clientId: 'spa' };
const auth: Cloakroom = cloakroom(options);
const state: State = auth.state;
check(state.loading && auth.user === null, 'a server that renders a page has no user');
export const signIn = (how: SignInOptions): Promise<User> => auth.signIn(how);
export const pathOfMe: keyof paths = '/users/{id}';

const record = { _actions: { update: ['email'] } } as unknown as components['schemas']['User'];
check(can(record, 'update', 'email') && !can(record, 'delete'), 'actions of a record');

const error = new ProblemError(422, { code: 'invalid-body', errors: [{ pointer: '/name', code: 'too-long', detail: 'must be short', max: 3 }] });
const field: FieldError | undefined = error.fields['/name'];
check(error instanceof Error && field?.max === 3, 'fields of a refused form');

const properties: CloakroomProviderProps<paths> = { auth };
check(CloakroomProvider(properties) !== null, 'an element');
export const useName = (): string | undefined => useAuth().user?.name;

const onServer: ServerOptions = {
  url: 'https://id.example.org', clientId: 'site', clientSecret: 'secret', secret: 'a'.repeat(32),
  redirectUri: 'https://photos.example.org/auth/callback',
};
const server: CloakroomServer = cloakroomServer(onServer);
const answer = await server.handle(new Request('https://photos.example.org/auth/sign-in'));
check(answer.status === 303 && answer.headers.get('location')!.startsWith('https://id.example.org/oauth/authorize?'), 'a redirect');
const session: ServerSession = await server.session(new Headers());
const nobody: ServerUser | null = session.user;
check(nobody === null, 'nobody');
check(canOnServer(record, 'update') && new ServerProblemError(404, {}) instanceof Error, 'the same helpers on a server');
export type Fields = Record<string, ServerFieldError>;
