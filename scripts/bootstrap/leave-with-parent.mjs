// Preloaded into what the two commands start, which leads a process group. When the starter is
// gone, even by SIGKILL, the channel to it closes: then this process ends as by SIGTERM, and what
// it leaves behind of its group with it.
if (process.channel !== undefined) {
  process.once('disconnect', () => {
    process.once('exit', () => process.kill(-process.pid, 'SIGTERM'));
    process.kill(process.pid, 'SIGTERM');
  });
  process.channel.unref();
}
