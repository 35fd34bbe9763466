// Generates TypeScript clients from the server's OpenAPI document with three generators, and compiles them under
// `strict`. Runs the one of openapi-typescript.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { facts } from './facts.mjs';

// In node_modules, where the compiler finds the packages; version control ignores the generated files.
const here = mkdtempSync(join(import.meta.dirname, 'node_modules', '.typescript-'));
try {
  cpSync(join(import.meta.dirname, 'typescript'), here, { recursive: true });
  writeFileSync(join(here, 'package.json'), '{ "type": "module" }');
  const run = (...command) => execFileSync(process.execPath, command, { cwd: here, stdio: 'inherit' });
  const tool = (path) => join(import.meta.dirname, 'node_modules', path);
  run(tool('openapi-typescript/bin/cli.js'), `${facts.issuer}/openapi.json`, '--output', 'schema.d.ts');
  run(tool('typescript/bin/tsc'), '--project', '.');
  run('client.js');
  const document = join(here, 'openapi.json');
  writeFileSync(document, await (await fetch(`${facts.issuer}/openapi.json`)).text());
  const hey = ['-i', document, '-o', 'generated/hey-api', '-c', '@hey-api/client-fetch'];
  run(tool('@hey-api/openapi-ts/bin/run.js'), ...hey);
  run(tool('orval/dist/bin/orval.js'), '--input', document, '--output', 'generated/orval/client.ts', '--client', 'fetch');
  run(tool('typescript/bin/tsc'), '--project', 'generated');
} finally {
  rmSync(here, { recursive: true });
}
