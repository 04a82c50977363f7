// What was set aside, and the log of all that was said; both can be undone.

import { undoChange } from './changes.js';
import { $, askLatest, complain, counted, describe, make, thumbnail } from './dom.js';

const PAGE = 48;
let after = '';
let before = null;

export async function showAsides(fresh = true) {
  if (fresh) {
    after = '';
    $('aside-list').replaceChildren();
  }
  try {
    const { total, images } = await askLatest('asides', `/api/review/aside?${new URLSearchParams({ after, limit: PAGE })}`);
    $('aside-count').textContent = total ? `${counted(total, 'image')}.` : 'No image is set aside.';
    for (const { id, metadata, reason, reviewer, number } of images) {
      const back = make('button', { type: 'button', 'aria-label': `Bring back ${id}` }, 'Bring back');
      back.addEventListener('click', () => undoChange({ number }));
      const facts = [reason, reviewer && `by ${reviewer}`, describe(metadata || {})].filter(Boolean).join(' · ');
      $('aside-list').append(make('li', { className: 'tile' }, thumbnail(id), make('span', { className: 'hit-id' }, id), make('span', { className: 'hit-facts' }, facts), back));
      after = id;
    }
    $('asides-more').hidden = images.length < PAGE;
    complain(null);
  } catch (error) {
    complain(error);
  }
}

const WHAT = {
  mark: ({ images, value }) => `${images.map(short).join(' and ')}: ${value}`,
  aside: ({ images, value }) => `${short(images[0])} set aside${value && `: ${value}`}`,
  name: ({ images, value }) => (value ? `the identity of ${short(images[0])} named ${value}` : `the name at ${short(images[0])} taken away`),
  fine: ({ images }) => `${short(images[0])} is fine`,
  detached: ({ images, value }) => `${short(images[0])} is not the recorded ${value}`,
  rejected: () => 'a group is not one identity',
  undo: ({ undoes }) => `entry ${undoes} undone`,
};
const short = ({ kind, name }) => (kind === 'upload' ? `upload ${name.slice(0, 12)}` : name);

export async function showLog(fresh = true) {
  if (fresh) {
    before = null;
    $('log-list').replaceChildren();
  }
  try {
    const wanted = new URLSearchParams({ limit: PAGE, ...(before === null ? {} : { before }) });
    const { entries } = await askLatest('log', `/api/review/log?${wanted}`);
    const known = new Map([...$('log-list').children].map((node) => [node.dataset.change, node]));
    for (const entry of entries) {
      let node = known.get(String(entry.change));
      if (!node) {
        node = changeNode(entry);
        known.set(String(entry.change), node);
        $('log-list').append(node);
      }
      node.querySelector('ul').append(make('li', { className: entry.holds || entry.action === 'undo' ? '' : 'undone' }, `${entry.number}. ${WHAT[entry.action](entry)}`));
      if (entry.holds) node.querySelector('button').hidden = false;
      before = entry.number;
    }
    $('log-more').hidden = entries.length < PAGE;
    complain(null);
  } catch (error) {
    complain(error);
  }
}

function changeNode({ change, time, reviewer }) {
  const undo = make('button', { type: 'button', hidden: true, 'aria-label': `Undo change ${change}` }, 'Undo');
  undo.addEventListener('click', () => undoChange({ change }));
  const when = make('time', { dateTime: time }, new Date(time).toLocaleString('en'));
  const node = make('li', { className: 'change' }, make('div', { className: 'bar' }, make('p', {}, when, reviewer && ` · ${reviewer}`), undo), make('ul', { className: 'plain' }));
  node.dataset.change = change;
  return node;
}

export function watchLog() {
  $('asides-more').addEventListener('click', () => showAsides(false));
  $('log-more').addEventListener('click', () => showLog(false));
}
