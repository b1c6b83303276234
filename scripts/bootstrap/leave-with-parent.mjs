// Preloaded into what the two commands start: when the starter is gone, even by SIGKILL, the
// channel to it closes, and this process ends as it would by SIGTERM.
if (process.channel !== undefined) {
  process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
  process.channel.unref();
}
