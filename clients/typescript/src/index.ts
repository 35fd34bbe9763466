/** Signs users in with cloakroom from a web page, and calls its API. */
export type { components, paths } from './api.js';
export { type Cloakroom, cloakroom, type Options, type SignInOptions, type State } from './client.js';
export { can, type FieldError, ProblemError } from './problem.js';
export type { User } from './storage.js';
