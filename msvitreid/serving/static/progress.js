// Results that the server computes for a while: the share that is done is shown until then.

import { $, ask } from './dom.js';

const MILLISECONDS = 400;
const latest = {};

// The answer, or null if another request of the same bar has been made meanwhile.
export async function watchProgress(id, url, first = '') {
  const bar = $(id);
  const turn = (latest[id] = (latest[id] || 0) + 1);
  let found = await ask(url + (first || ''));
  while (latest[id] === turn && found.state === 'computing') {
    bar.hidden = false;
    bar.value = found.progress;
    await new Promise((resolve) => setTimeout(resolve, MILLISECONDS));
    if (latest[id] === turn) found = await ask(url);
  }
  if (latest[id] !== turn) return null;
  bar.hidden = true;
  return found;
}
