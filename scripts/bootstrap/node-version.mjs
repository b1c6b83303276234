// Imported first, and written so that an old Node can read it.
if (Number(process.versions.node.split('.')[0]) < 20) {
  console.error(
    'Fournines needs Node 20 or newer to set itself up, this is ' + process.version + '.',
  );
  process.exit(1);
}
