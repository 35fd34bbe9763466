import { cloakroom } from '@cloakroom/client';

export const auth = cloakroom({ url: 'http://127.0.0.1:8080', clientId: 'spa' });
