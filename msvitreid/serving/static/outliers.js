// References that are probably wrong: each is set aside, split off, or fine.

import { change, decide } from './changes.js';
import { $, askLatest, complain, counted, make, say, thumbnail } from './dom.js';
import { splitOff } from './scope.js';
import { watchProgress } from './progress.js';

const PAGE = 24;
let outliers = [];
let current = 0;

export async function showOutliers(again = false) {
  const wanted = Math.max(PAGE, outliers.length);
  try {
    const found = await watchProgress('outlier-progress', `/api/review/outliers?limit=${Math.min(wanted, 200)}`, again && '&again=true');
    if (!found) return;
    outliers = found.outliers;
    const changed = found.changed ? `; ${counted(found.changed, 'identity was', 'identities were')} changed since they were computed` : '';
    $('outlier-count').textContent = (found.total ? counted(found.total, 'image') : 'No reference looks wrong') + changed + '.';
    $('outlier-list').replaceChildren(...outliers.map(node));
    $('outliers-more').hidden = found.total <= outliers.length;
    complain(null);
    select(Math.min(current, outliers.length - 1), false);
  } catch (error) {
    complain(error);
  }
}

async function more() {
  try {
    const found = await askLatest('outliers', `/api/review/outliers?offset=${outliers.length}&limit=${PAGE}`);
    for (const one of found.outliers || []) {
      outliers.push(one);
      $('outlier-list').append(node(one, outliers.length - 1));
    }
    $('outliers-more').hidden = !found.outliers || found.total <= outliers.length;
  } catch (error) {
    complain(error);
  }
}

const called = ({ identity, recorded, marked }) => identity || (recorded !== null ? `pid ${recorded}` : counted(marked + 1, 'marked image'));

function why(one) {
  const reasons = [];
  if (one.apart && one.others !== null) reasons.push(`its similarity to the others of its identity is ${one.mean.toFixed(2)} on average, theirs among each other ${one.others.toFixed(2)} or more`);
  else if (one.apart) reasons.push(`its nearest image of its identity has a similarity of ${one.own.similarity.toFixed(2)}, below the threshold of the card`);
  if (one.nearer) reasons.push(`another identity is nearer, by ${(one.other.similarity - one.own.similarity).toFixed(2)}`);
  const text = reasons.join('; ');
  return text[0].toUpperCase() + text.slice(1) + '.';
}

function picture(image, title, similarity) {
  const facts = similarity === undefined ? called(image) : `${called(image)} · similarity ${similarity.toFixed(3)}`;
  return make('figure', {}, make('figcaption', {}, make('strong', {}, title)), thumbnail(image.id), make('p', { className: 'hit-id' }, image.id), make('p', { className: 'hit-facts' }, facts));
}

function node(one, index) {
  const button = (text, key, act, className = '') => {
    const made = make('button', { type: 'button', className }, text, make('kbd', {}, key));
    made.addEventListener('click', () => decide(() => act(index)));
    return made;
  };
  const card = make(
    'article',
    { className: 'outlier', tabIndex: -1, 'aria-label': `Image ${index + 1}, ${one.id}` },
    make('p', { className: 'why' }, why(one)),
    make(
      'div',
      { className: 'triple' },
      picture(one.of, 'This image'),
      picture(one.own, 'Nearest of its identity', one.own.similarity),
      ...(one.other ? [picture(one.other, 'Nearest of another', one.other.similarity)] : []),
    ),
    make('div', { className: 'row' }, button('Fine', 'f', fine), button('Split off', 'o', split), button('Set aside', 'x', aside)),
  );
  card.addEventListener('focusin', () => select(index, false));
  return make('li', {}, card);
}

const cards = () => [...document.querySelectorAll('#outlier-list .outlier')];

function select(index, focus) {
  const all = cards();
  if (!all.length) return;
  current = Math.max(0, index);
  all.forEach((card, place) => (card.tabIndex = place === current ? 0 : -1));
  if (focus) all[current].focus();
}

// The next one takes the place, and the focus.
async function decided(done) {
  if (!done) return;
  const text = $('status').textContent;
  await showOutliers();
  select(Math.min(current, outliers.length - 1), true);
  say(text);
}

const fine = async (index) => decided(await change('/api/review/outliers/fine', { ids: [outliers[index].id] }, `${outliers[index].id} is fine.`));

const aside = async (index) =>
  decided(await change('/api/review/aside', { ids: [outliers[index].id], reason: 'wrong reference' }, `${outliers[index].id} is set aside.`));

async function split(index) {
  const one = outliers[index];
  if (one.of.marked) return splitOff([one.id], () => decided(true));
  const body = { id: one.id, nearest: one.own.id };
  return decided(await change('/api/review/outliers/detach', body, `${one.id} is split off from ${called(one.own)}.`));
}

export function watchOutliers() {
  $('outliers-again').addEventListener('click', () => showOutliers(true));
  $('outliers-more').addEventListener('click', more);
}

export function outlierKey(key) {
  if (!outliers.length) return false;
  const act = { f: fine, o: split, x: aside }[key];
  const step = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[key];
  if (act) decide(() => act(current));
  else if (step) select(Math.min(outliers.length - 1, current + step), true);
  return Boolean(act || step);
}
