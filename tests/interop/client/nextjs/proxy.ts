// Each recipe has a proxy of its own; an application has one.
import type { NextRequest } from 'next/server';
import { proxy as ofAuthJs } from './authjs-proxy';
import { proxy as ofTheHelper } from './helper-proxy';

export async function proxy(request: NextRequest) {
  const isAlbums = request.nextUrl.pathname.startsWith('/albums');
  return isAlbums ? ofTheHelper(request) : (ofAuthJs as unknown as (request: NextRequest) => Promise<Response>)(request);
}

export const config = { matcher: '/((?!_next/|api/auth/|auth/).*)' };
