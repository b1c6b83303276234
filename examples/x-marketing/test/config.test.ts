import { describe, expect, it } from 'vitest';
import { readConfig } from '../src/config.ts';

describe('readConfig', () => {
  it('needs nothing', () => {
    expect(readConfig({}, '/data').config).toEqual({
      port: 3001,
      host: '127.0.0.1',
      databaseUrl: undefined,
      dataDir: '/data',
      xApiUrl: undefined,
      xApiToken: undefined,
      llmServiceUrl: undefined,
      enableFallbacks: true,
    });
  });

  it('names every unusable value in a line of its own', () => {
    const { problems } = readConfig(
      {
        PORT: '70000',
        DATABASE_URL: 'mysql://a',
        X_API_URL: 'nonsense',
        ENABLE_FALLBACKS: 'maybe',
      },
      '/data',
    );
    expect(problems).toEqual([
      'PORT must be a whole number from 0 to 65535, got "70000"',
      'DATABASE_URL must start with postgres:// or postgresql://, got "mysql://"',
      'X_API_URL must be a URL that starts with http:// or https://; it cannot be read as a URL',
      'ENABLE_FALLBACKS must be true or false, got "maybe"',
    ]);
  });

  it('keeps a password out of its lines', () => {
    const { problems } = readConfig({ DATABASE_URL: 'mysql://me:secret@host/db' }, '/data');
    expect(problems?.join()).not.toContain('secret');
  });

  it('takes an empty value for none', () => {
    expect(readConfig({ PORT: ' ' }, '/data').config?.port).toBe(3001);
  });
});
