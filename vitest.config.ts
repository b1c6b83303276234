import { defineConfig } from 'vitest/config';

const conditions = ['@fournines/source', 'node', 'import', 'default'];

/** One config for the whole workspace: packages are tested from source, without a build. */
export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    include: ['{packages,examples,tests,bench,scripts}/**/*.test.ts'],
    exclude: ['**/node_modules/**', '**/dist/**'],
  },
});
