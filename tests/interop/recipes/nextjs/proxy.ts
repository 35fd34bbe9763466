import { type NextRequest, NextResponse } from 'next/server';
import { auth } from './cloakroom';

/** Stores renewed tokens, which a component cannot do. */
export async function proxy(request: NextRequest) {
  const { cookie } = await auth.session(request);
  const response = NextResponse.next();
  if (cookie) response.headers.append('set-cookie', cookie);
  return response;
}

export const config = { matcher: '/((?!_next/|auth/).*)' };
