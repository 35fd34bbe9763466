// Generates a TypeScript client from the server's OpenAPI document, compiles it under `strict`, and runs it.
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
} finally {
  rmSync(here, { recursive: true });
}
