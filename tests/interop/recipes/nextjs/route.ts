import { auth } from '../../../cloakroom';

export const GET = auth.handle;
export const POST = auth.handle;
