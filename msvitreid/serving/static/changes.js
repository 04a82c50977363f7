// Changes of the review that this page made, so that the last one can be undone.

import { $, complain, post, say } from './dom.js';

const made = [];
let onUndo = () => {};
let isDeciding = false;

// Decide once: keys that come before the next image is shown would be about the last one.
export async function decide(act) {
  if (isDeciding) return;
  isDeciding = true;
  try {
    await act();
  } finally {
    isDeciding = false;
  }
}

export const whenUndone = (callback) => {
  onUndo = callback;
};

// Have the server change something; says what was done, and is true if it was.
export async function change(url, body, text) {
  try {
    const done = await post(url, { ...body, reviewer: $('reviewer').value });
    if (done.change && !made.includes(done.change)) made.push(done.change);
    $('undo').disabled = !made.length;
    complain(null);
    say(text);
    return true;
  } catch (error) {
    say('');
    complain(error);
    return false;
  }
}

const UNDONE = {
  mark: (value) => `the mark "${value}"`,
  aside: () => 'the image is back',
  name: (value) => (value ? `the name ${value}` : 'the removal of a name'),
  fine: () => 'the image may be wrong again',
  detached: (value) => `it is of the recorded ${value} again`,
  rejected: () => 'the group is open again',
};

export async function undoChange(which) {
  // Before the answer, so that a second key is about the change before it.
  const place = made.indexOf(which.change);
  if (place >= 0) made.splice(place, 1);
  try {
    const { undone } = await post('/api/review/undo', { ...which, reviewer: $('reviewer').value });
    complain(null);
    say(undone.length === 1 ? `Undone: ${UNDONE[undone[0].action](undone[0].value)}.` : `Undone, with ${undone.length} entries of the log.`);
    onUndo();
  } catch (error) {
    complain(error);
  }
  $('undo').disabled = !made.length;
}

export const undoLast = () => made.length && undoChange({ change: made.at(-1) });
