// The results: a card for each hit, which is marked, set aside or searched with.

import { $, describe, gridMove, make, thumbnail } from './dom.js';
import { mark, setAside } from './marks.js';
import { useId } from './query.js';
import { ANSWERS, LABELS, state } from './state.js';

// Hits are of the query that is shown, or there are none: a mark is of both.
export function showHits(hits) {
  state.hits = hits;
  $('list').replaceChildren(...state.hits.map(hitNode));
  $('bulk').hidden = !state.hits.length;
  state.current = -1;
  if (state.hits.length) select(0, false);
}

function hitNode(hit, index) {
  const { camera, time } = hit.metadata;
  const column = $('group-by').value;
  const answers = make('div', { className: 'answers', role: 'group', 'aria-label': `Mark result ${index + 1}` });
  for (const answer of Object.values(ANSWERS)) {
    const button = make('button', { type: 'button', className: answer.replace(' ', '-') }, LABELS[answer]);
    button.dataset.answer = answer;
    button.addEventListener('click', () => mark(index, answer));
    answers.append(button);
  }
  const facts = [];
  if (column) facts.push(`the best match of ${column} ${hit.metadata[column] ?? '(none)'}`);
  if (camera !== undefined && column !== 'camera') facts.push(`camera ${camera}`);
  if (time !== undefined && column !== 'time') facts.push(`time ${time}`);
  const others = describe(hit.metadata, ['camera', 'time', column]);
  if (others) facts.push(others);
  const says = hit.answer ? `${hit.answer}, p ${hit.p_same.toFixed(2)}` : '';
  const use = make('button', { type: 'button' }, 'Search with this');
  use.addEventListener('click', () => useId(hit.id));
  const aside = make('button', { type: 'button', disabled: hit.aside, title: 'Hide an image that is of no use, such as a bad crop' }, 'Set aside');
  aside.addEventListener('click', () => setAside(index));
  const card = make(
    'article',
    { className: 'hit', tabIndex: -1, 'aria-label': `Result ${index + 1}, ${hit.id}, similarity ${hit.similarity.toFixed(3)}` },
    make('div', { className: 'hit-top' }, make('span', {}, `${index + 1}`), make('strong', {}, hit.similarity.toFixed(3))),
    thumbnail(hit.id),
    make('p', { className: 'hit-id' }, hit.id),
    make('p', { className: 'hit-facts' }, facts.join(' · ')),
    ...(says ? [make('p', { className: 'hit-facts' }, `card: ${says}`)] : []),
    make('p', { className: 'hit-says' }),
    make('div', { className: 'acts' }, use, aside),
    answers,
  );
  card.addEventListener('focusin', () => select(index, false));
  const item = make('li', {}, card);
  paint(card, hit);
  return item;
}

export function paint(card, hit) {
  const answer = hit.mark?.answer;
  const isDifferent = !answer && hit.different;
  card.className = `hit ${answer ? answer.replace(' ', '-') : isDifferent ? 'different' : ''}`.trim();
  const says = [];
  if (hit.identity) says.push(`identity ${hit.identity}`);
  if (isDifferent) says.push(`marked different, through identities (mark ${hit.different})`);
  if (hit.aside) says.push('set aside');
  card.querySelector('.hit-says').textContent = says.join(' · ');
  for (const button of card.querySelectorAll('.answers button')) {
    button.setAttribute('aria-pressed', String(button.dataset.answer === answer));
  }
}

export const cards = () => [...document.querySelectorAll('#list .hit')];

export function select(index, focus) {
  const all = cards();
  if (state.current >= 0 && all[state.current]) all[state.current].tabIndex = -1;
  state.current = index;
  all[index].tabIndex = 0;
  if (focus) {
    all[index].focus();
    all[index].scrollIntoView({ block: 'nearest' });
  }
}

export function move(key) {
  const next = gridMove(key, cards(), state.current);
  if (next !== null) select(next, true);
}
