/** A table for people: a title, then aligned columns, of which the first is text. */
export function formatTable(
  title: string,
  head: readonly string[],
  lines: readonly (readonly string[])[],
): string {
  const widths = head.map((cell, column) =>
    Math.max(cell.length, ...lines.map((line) => line[column]?.length ?? 0)),
  );
  const format = (line: readonly string[]): string =>
    line
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return column === 0 ? cell.padEnd(width) : cell.padStart(width);
      })
      .join('  ');
  return [title, ...[head, ...lines].map((line) => `  ${format(line)}`)].join('\n');
}
