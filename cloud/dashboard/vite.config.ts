// SPDX-License-Identifier: Apache-2.0
// How the page is built: one folder of static files with absolute addresses (the views have paths of their own), and a limit on its size.
import {gzipSync} from 'node:zlib';
import {defineConfig, type Plugin} from 'vite';

const kPageBytesMax = 120 * 1024;

function pageSize(): Plugin {
  return {
    name: 'page-size',
    writeBundle(_options, bundle) {
      let bytes = 0;
      for (const file of Object.values(bundle))
        bytes += gzipSync(file.type === 'chunk' ? file.code : file.source).length;
      console.log(`page: ${(bytes / 1024).toFixed(1)} kB of ${kPageBytesMax / 1024} kB, gzip`);
      if (bytes > kPageBytesMax) this.error('the page is larger than its limit');
    },
  };
}

export default defineConfig({
  base: '/',
  esbuild: {jsx: 'automatic', jsxImportSource: 'preact'},
  build: {
    target: 'es2020',
    outDir: 'dist',
    assetsDir: 'assets',
    modulePreload: {polyfill: false},
    assetsInlineLimit: 0,
  },
  plugins: [pageSize()],
});
