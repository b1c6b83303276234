// size-limit's plugins come without types.
type Plugin = (...args: unknown[]) => unknown;

declare module '@size-limit/esbuild' {
  const plugins: Plugin[];
  export default plugins;
}

declare module '@size-limit/file' {
  const plugins: Plugin[];
  export default plugins;
}
