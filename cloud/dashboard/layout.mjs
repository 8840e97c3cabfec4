// SPDX-License-Identifier: Apache-2.0
// The page's layout as a test, beside the linter (biome.jsonc): which folder may import which, no circle among files,
// functions of at most 70 lines, files of at most 600, lines of at most 120. Says every place that breaks a rule, with
// what was found and what is allowed; exit code 1 if there is any.
import {readdirSync, readFileSync, statSync} from 'node:fs';
import {dirname, join, relative, resolve} from 'node:path';
import {fileURLToPath} from 'node:url';
import ts from 'typescript';

const kRoot = dirname(fileURLToPath(import.meta.url));
const kFunctionLinesMax = 70;
const kFileLinesMax = 600;
const kLettersMax = 120;

// A layer may import itself and what is named: views → rail, lanes, heat, chart → ui → app → model → words → api →
// base.
const kBase = ['base'];
const kModel = ['words', 'api', ...kBase];
const kApp = ['model', ...kModel];
const kUi = ['app', ...kApp];
const kChart = ['ui', ...kUi];
const kMayImport = {
  base: [],
  api: kBase,
  words: ['api', ...kBase],
  model: kModel,
  app: kApp,
  ui: kUi,
  chart: kChart,
  heat: ['chart', ...kChart],
  lanes: ['chart', ...kChart],
  rail: kChart,
  views: ['rail', 'lanes', 'heat', 'chart', ...kChart],
  main: ['views', 'rail', 'lanes', 'heat', 'chart', ...kChart],
};
const kFiles = {'main.tsx': 'main', 'app.ts': 'app', 'api.ts': 'api', 'live.ts': 'api'};
// Files of the root that are not named above: pure helpers that everything may use.
const layerOf = (file) => (file.includes('/') ? file.split('/')[0] : (kFiles[file] ?? 'base'));

function filesBelow(dir) {
  return readdirSync(dir).flatMap((name) => {
    const path = join(dir, name);
    if (statSync(path).isDirectory()) return filesBelow(path);
    return /\.(tsx?|mjs)$/.test(name) ? [path] : [];
  });
}

const wrong = [];
const imports = new Map();

function importsOf(file, source) {
  const found = [];
  for (const statement of source.statements) {
    const from = (ts.isImportDeclaration(statement) || ts.isExportDeclaration(statement)) && statement.moduleSpecifier;
    if (!from?.text?.startsWith('.')) continue;
    const target = resolve(dirname(file), from.text);
    const path = [target, `${target}.ts`, `${target}.tsx`].find((one) =>
      statSync(one, {throwIfNoEntry: false})?.isFile(),
    );
    if (!path || !/\.tsx?$/.test(path)) continue;
    const typesOnly = ts.isImportDeclaration(statement) && statement.importClause?.isTypeOnly;
    found.push({path, typesOnly, line: source.getLineAndCharacterOfPosition(statement.getStart()).line + 1});
  }
  return found;
}

function measure(file, text, source) {
  const name = relative(kRoot, file);
  const lines = text.split('\n');
  if (lines.length - 1 > kFileLinesMax) wrong.push(`${name}: ${lines.length - 1} lines; at most ${kFileLinesMax}`);
  lines.forEach((line, i) => {
    if (line.length > kLettersMax)
      wrong.push(`${name}:${i + 1}: ${line.length} letters in a line; at most ${kLettersMax}`);
  });
  const visit = (node) => {
    if (ts.isFunctionLike(node) && node.body) {
      const first = source.getLineAndCharacterOfPosition(node.getStart()).line;
      const size = source.getLineAndCharacterOfPosition(node.end).line - first + 1;
      const called = node.name?.getText() ?? 'a function';
      if (size > kFunctionLinesMax)
        wrong.push(`${name}:${first + 1}: ${called} has ${size} lines; at most ${kFunctionLinesMax}`);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
}

const src = join(kRoot, 'src');
for (const file of [...filesBelow(src), ...filesBelow(join(kRoot, 'test')), join(kRoot, 'layout.mjs')]) {
  const text = readFileSync(file, 'utf8');
  const kind = file.endsWith('.tsx') ? ts.ScriptKind.TSX : file.endsWith('.mjs') ? ts.ScriptKind.JS : ts.ScriptKind.TS;
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true, kind);
  measure(file, text, source);
  if (!file.startsWith(src)) continue;
  const own = importsOf(file, source);
  imports.set(
    file,
    own.filter((one) => !one.typesOnly).map((one) => one.path),
  );
  const layer = layerOf(relative(src, file));
  for (const {path, line} of own) {
    const target = layerOf(relative(src, path));
    if (target !== layer && !kMayImport[layer]?.includes(target))
      wrong.push(`src/${relative(src, file)}:${line}: ${layer} must not import ${relative(src, path)} of ${target}`);
  }
}

// Circles among files, types aside: the first that is found is told.
const done = new Set();
function circle(file, way) {
  if (way.includes(file)) return [...way.slice(way.indexOf(file)), file];
  if (done.has(file)) return null;
  for (const next of imports.get(file) ?? []) {
    const found = circle(next, [...way, file]);
    if (found) return found;
  }
  done.add(file);
  return null;
}
for (const file of imports.keys()) {
  const found = circle(file, []);
  if (!found) continue;
  wrong.push(`a circle of imports: ${found.map((one) => relative(src, one)).join(' → ')}`);
  break;
}

for (const line of wrong) console.log(line);
process.exit(wrong.length ? 1 : 0);
