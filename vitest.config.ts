import { defineConfig } from 'vitest/config';

// Not `import`: vitest hands these to Node for what is not ours, and a `require` in there must not
// be answered with a module. Vite and Node each add `import` or `require` as the case may be.
const conditions = ['@fournines/source', 'node'];

/** One config for the whole workspace: packages are tested from source, without a build. */
export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    include: ['{packages,examples,tests,bench,scripts}/**/*.test.ts'],
    exclude: ['**/node_modules/**', '**/dist/**'],
    // Tests wait for conditions, not for time: the bound is for what hangs, also on a busy machine.
    testTimeout: 60_000,
    hookTimeout: 120_000,
    globalSetup: ['tests/services/src/global-setup.ts'],
  },
});
