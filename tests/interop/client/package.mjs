// The package: its size, its types, what npm publishes, and that all are what the documentation says.
import assert from 'node:assert/strict';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { facts } from '../facts.mjs';
import { bundle, compile, copy, directory, installed, run } from './install.mjs';
import { tryPackage } from './published.mjs';

const size = async (contents, options) => gzipSync(await bundle(contents, options), { level: 9 }).length;
const core = await size(`export * from '@cloakroom/client'`);
assert.ok(core < 6_000, `the core has ${core} bytes`);
const react = await size(`export * from '@cloakroom/client/react'`, { external: ['react'] });
assert.ok(react < 500, `the hook has ${react} bytes`);
// A page that only asks `can` gets nothing else.
const can = await size(`export { can } from '@cloakroom/client'`);
assert.ok(can < 400, `can has ${can} bytes`);
console.log({ core, react, can });

const manifest = JSON.parse(readFileSync(join(installed, 'package.json')));
assert.equal(manifest.dependencies, undefined);

// The committed types are those of this server.
const generated = join(directory, 'api.d.ts');
run(join(installed, 'generate.mjs'), `${facts.issuer}/openapi.json`, generated);
const committed = join(import.meta.dirname, '../../../clients/typescript/src/api.d.ts');
if (process.env.UPDATE_GOLDEN) cpSync(generated, committed);
const isCurrent = readFileSync(generated, 'utf8') === readFileSync(committed, 'utf8');
assert.ok(isCurrent, 'clients/typescript/src/api.d.ts is old: UPDATE_GOLDEN=1 cargo test --test api -- client_is_small');

// Right calls compile; each line with @ts-expect-error must not.
copy('tests/interop/client/types', 'types');
writeFileSync(join(directory, 'package.json'), '{ "type": "module" }');
compile('types');

tryPackage();
