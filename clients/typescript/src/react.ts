'use client';

/** `@cloakroom/client` for React. */
import { createContext, createElement, type ReactNode, useContext, useSyncExternalStore } from 'react';
import type { paths } from './api.js';
import type { Cloakroom, State } from './client.js';

/* The context has one type; `useAuth<P>` gives it that of the application. */
const Client = createContext<Cloakroom<never> | null>(null);

/** Properties of `CloakroomProvider`. */
export interface CloakroomProviderProps<P> {
  /** Client, made once beside the components: `const auth = cloakroom({ … })`. */
  auth: Cloakroom<P>;
  children?: ReactNode;
}

/** Gives the client to the components inside. The client handles the sign-in once, however often React renders. */
export function CloakroomProvider<P>({ auth, children }: CloakroomProviderProps<P>): ReactNode {
  return createElement(Client.Provider, { value: auth as unknown as Cloakroom<never> }, children);
}

const onServer: State = { user: null, loading: true, error: null };

/** Returns the state of the client, and the client as `auth`. The component is rendered again after each change. */
export function useAuth<P = paths>(): State & { auth: Cloakroom<P> } {
  const auth = useContext(Client) as unknown as Cloakroom<P> | null;
  if (!auth) throw new Error('useAuth needs a <CloakroomProvider> around the component');
  const state = useSyncExternalStore(
    auth.subscribe,
    () => auth.state,
    () => onServer,
  );
  return { ...state, auth };
}
