// The package as npm publishes it, installed into an empty project without a network.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { installed } from './install.mjs';

const tests = join(import.meta.dirname, '..');
const settings = {
  strict: true, noUncheckedIndexedAccess: true, exactOptionalPropertyTypes: true, verbatimModuleSyntax: true,
  target: 'ES2022', lib: ['ES2022', 'DOM', 'DOM.Iterable'], jsx: 'react-jsx', types: [],
};

/** Packs the client, installs it, compiles programs that use each export under both kinds of resolution, and runs one. */
export function tryPackage() {
  const project = mkdtempSync(join(tmpdir(), 'cloakroom-client-'));
  try {
    const inProject = (program, ...args) => execFileSync(program, args, { cwd: project, encoding: 'utf8' });
    execFileSync('npm', ['pack', '--silent', '--offline', '--ignore-scripts', '--pack-destination', project], { cwd: installed });
    const [archive] = readdirSync(project);
    checkFiles(inProject('tar', '--list', '--gzip', '--file', archive).trim().split('\n'));

    writeFileSync(join(project, 'package.json'), '{ "private": true, "type": "module" }');
    inProject('npm', 'install', '--offline', '--no-audit', '--no-fund', `./${archive}`);
    checkExports(join(project, 'node_modules/@cloakroom/client'));
    // The application brings React and its types.
    for (const name of ['react', '@types/react', 'csstype']) {
      cpSync(join(tests, 'node_modules', name), join(project, 'node_modules', name), { recursive: true });
    }
    cpSync(join(import.meta.dirname, 'published'), project, { recursive: true });
    const blocks = readFileSync(join(installed, 'README.md'), 'utf8').matchAll(/^```(tsx?)\n(.*?)^```$/gms);
    const readme = [...blocks].map(([, kind, text], index) => [`readme-${index}.${kind}`, text]);
    assert.equal(readme.length, 3);
    for (const [name, text] of readme) writeFileSync(join(project, name), text);

    // The first one looks at the declarations of the package too.
    for (const [module, moduleResolution, skipLibCheck] of [['ES2022', 'Bundler', false], ['NodeNext', 'NodeNext', true]]) {
      const options = { compilerOptions: { ...settings, module, moduleResolution, skipLibCheck }, include: ['*.ts', '*.tsx'] };
      writeFileSync(join(project, 'tsconfig.json'), JSON.stringify(options));
      compile(project);
    }
    inProject(process.execPath, 'uses.js');
  } finally {
    rmSync(project, { recursive: true });
  }
}

function compile(project) {
  try {
    execFileSync(process.execPath, [join(tests, 'node_modules/typescript/bin/tsc')], { cwd: project, encoding: 'utf8' });
  } catch (error) {
    assert.fail(error.stdout);
  }
}

/** The archive has the program, its types and its source, and nothing else. */
function checkFiles(paths) {
  const files = paths.map((path) => path.replace('package/', ''));
  const others = files.filter((file) => !/^(dist|src)\/[a-z]+(\.d)?\.[jt]s(\.map)?$/.test(file));
  assert.deepEqual(others.sort(), ['LICENSE', 'README.md', 'package.json']);
  for (const source of files.filter((file) => /^src\/[a-z]+\.ts$/.test(file))) {
    for (const kind of ['.js', '.js.map', '.d.ts', '.d.ts.map']) {
      const made = source.replace('src', 'dist').replace('.ts', kind);
      assert.ok(files.includes(made), made);
    }
  }
  const licence = (path) => readFileSync(path, 'utf8');
  assert.equal(licence(join(installed, 'LICENSE')), licence(join(tests, '../../LICENSE')));
}

/** Each target of the exports is there, types come first, and a debugger finds the source. */
function checkExports(root) {
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json')));
  assert.deepEqual(Object.keys(exports), ['.', './react', './server', './package.json']);
  for (const target of Object.values(exports).filter((target) => typeof target === 'object')) {
    assert.deepEqual(Object.keys(target), ['types', 'default']);
    for (const file of Object.values(target)) {
      const path = join(root, file);
      const map = JSON.parse(readFileSync(`${path}.map`));
      for (const source of map.sources) assert.ok(existsSync(join(dirname(path), source)), source);
    }
  }
  assert.match(readFileSync(join(root, exports['./react'].default), 'utf8'), /^'use client';/);
}
