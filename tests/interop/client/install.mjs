// Builds `@cloakroom/client` as npm would install it, beside the packages of these tests.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { facts } from '../facts.mjs';

const tests = join(import.meta.dirname, '..');
const root = join(tests, '../..');
const tool = (path) => join(tests, 'node_modules', path);

/** Directory in which scripts can import the client. Version control ignores it. */
export const directory = mkdtempSync(tool('.client-'));
process.on('exit', () => rmSync(directory, { recursive: true }));

/** The client in it. */
export const installed = join(directory, 'node_modules/@cloakroom/client');
mkdirSync(installed, { recursive: true });
for (const file of ['package.json', 'tsconfig.json', 'generate.mjs', 'README.md', 'LICENSE', 'src']) {
  cpSync(join(root, 'clients/typescript', file), join(installed, file), { recursive: true });
}

/** Runs a script of Node.js in the directory. */
export const run = (...command) => execFileSync(process.execPath, command, { cwd: directory, stdio: 'inherit' });

/** Compiles a TypeScript project. */
export const compile = (project) => run(tool('typescript/bin/tsc'), '--project', project);

// npm finds the compiler among the packages of these tests.
execFileSync('npm', ['run', 'build', '--silent', '--offline'], { cwd: installed, stdio: 'inherit' });

/** Copies files of the repository into the directory. */
export function copy(path, to) {
  cpSync(join(root, path), join(directory, to), { recursive: true });
  return join(directory, to);
}

/** Returns a module and all that it imports as one minified script. */
export async function bundle(contents, options = {}) {
  const result = await build({
    stdin: { contents, resolveDir: directory, loader: 'tsx' },
    bundle: true, minify: true, write: false, format: 'esm', target: 'es2022', logLevel: 'error',
    ...options,
  });
  return result.outputFiles[0].text;
}

/** Returns a copy of the recipes of docs/frontends.md, for the server of the test and for other changes. */
function recipesWith(replaced = {}) {
  const recipes = copy('tests/interop/recipes', 'recipes');
  const names = Object.entries({ 'https://id.example.org': facts.issuer, ...replaced });
  for (const file of readdirSync(recipes, { recursive: true, withFileTypes: true }).filter((file) => file.isFile())) {
    const path = join(file.parentPath, file.name);
    writeFileSync(path, names.reduce((text, [name, own]) => text.replaceAll(name, own), readFileSync(path, 'utf8')));
  }
  return recipes;
}

/** Returns a copy of the recipes, for an application at this origin. */
export const recipesOf = (origin) => recipesWith({ 'https://photos.example.org': origin });

/** Returns the module of a recipe of docs/frontends.md, for the server of the test. */
export async function recipe(name) {
  recipesWith();
  const module = join(directory, `${name.replace(/\W/g, '-')}.mjs`);
  const how = { minify: false, platform: 'node' };
  writeFileSync(module, await bundle(`export * from './recipes/${name}'`, how));
  return import(module);
}
