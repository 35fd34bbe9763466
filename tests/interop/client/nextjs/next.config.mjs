import { join } from 'node:path';

// The packages are those of the tests.
export default { turbopack: { root: join(import.meta.dirname, '../..') } };
