// Groups of similar images, one at a time, that a person confirms as identities.

import { change, decide } from './changes.js';
import { $, complain, counted, describe, gridMove, make, measured, say, thumbnail, thresholdText } from './dom.js';
import { watchProgress } from './progress.js';

const STEPS = 100;
let det = [];
let index = 0;
let images = [];
const removed = new Set();
let current = 0;

const threshold = () => {
  const step = Number($('group-threshold').value);
  return det.length ? det[step].threshold : step / STEPS;
};

export function useCard(card) {
  if (card) {
    det = measured(card);
    $('group-threshold').max = det.length - 1;
    const asked = det.findIndex((point) => point.threshold >= card.same_threshold);
    $('group-threshold').value = asked === -1 ? det.length - 1 : asked;
  }
  showText();
}

function showText() {
  const text = thresholdText(threshold(), det[Number($('group-threshold').value)]);
  $('group-threshold-text').textContent = text;
  $('group-threshold').setAttribute('aria-valuetext', text);
}

export async function showGroup(focus = false) {
  try {
    const found = await watchProgress('group-progress', `/api/review/clusters?similarity=${threshold()}&index=${index}`);
    if (!found) return;
    if (!found.images && index > 0) {
      index = 0;
      return showGroup(focus);
    }
    images = found.images || [];
    removed.clear();
    complain(null);
    $('group').hidden = false;
    const left = images.length ? `Group ${index + 1} of ${found.total.toLocaleString('en')}: ${counted(images.length, 'image')}` : 'No group is left to decide about.';
    const large = found.too_large ? ` ${counted(found.too_large, 'group')} of more than 5,000 images not shown; raise the similarity.` : '';
    $('group-title').textContent = left + large;
    for (const id of ['group-confirm', 'group-reject', 'group-skip']) $(id).hidden = !images.length;
    $('group-list').replaceChildren(...images.map(tile));
    if (focus) images.length ? select(0, true) : $('group-title').focus();
  } catch (error) {
    $('group').hidden = true;
    complain(error);
  }
}

function tile(image, place) {
  const known = image.identity || (image.marked ? `marked with ${counted(image.marked, 'other')}` : '');
  const facts = [known, describe(image.metadata)].filter(Boolean).join(' · ');
  const button = make(
    'button',
    { type: 'button', className: 'tile', 'aria-pressed': 'true', tabIndex: place === 0 ? 0 : -1 },
    thumbnail(image.id),
    make('span', { className: 'hit-id' }, image.id),
    make('span', { className: 'hit-facts' }, facts),
    make('span', { className: 'state' }, 'in the group'),
  );
  button.addEventListener('click', () => toggle(place));
  button.addEventListener('focus', () => select(place, false));
  return make('li', {}, button);
}

const tiles = () => [...document.querySelectorAll('#group-list .tile')];

function select(place, focus) {
  current = place;
  tiles().forEach((button, at) => (button.tabIndex = at === place ? 0 : -1));
  if (focus) tiles()[place].focus();
}

function toggle(place) {
  const { id } = images[place];
  removed.has(id) ? removed.delete(id) : removed.add(id);
  const button = tiles()[place];
  const text = removed.has(id) ? 'removed' : 'in the group';
  button.setAttribute('aria-pressed', String(!removed.has(id)));
  button.querySelector('.state').textContent = text;
  say(`${id}: ${text}.`);
}

async function next(done) {
  if (!done) return;
  const text = $('status').textContent;
  await showGroup(true);
  say(text);
}

async function confirm() {
  const ids = images.map(({ id }) => id).filter((id) => !removed.has(id));
  if (ids.length < 2) return complain(new Error('Fewer than two images are left; say "not one identity" or "later" instead.'));
  const text = `${counted(ids.length, 'image')} confirmed as one identity${removed.size ? `, ${counted(removed.size, 'image')} as different` : ''}.`;
  return next(await change('/api/review/clusters/confirm', { ids, removed: [...removed] }, text));
}

const reject = async () => next(await change('/api/review/clusters/reject', { ids: images.map(({ id }) => id) }, 'The group is not one identity.'));

function later() {
  index += 1;
  return showGroup(true);
}

export function watchGroups() {
  $('group-threshold').addEventListener('input', showText);
  $('group-form').addEventListener('submit', (event) => {
    event.preventDefault();
    index = 0;
    showGroup(true);
  });
  for (const [id, act] of Object.entries({ 'group-confirm': confirm, 'group-reject': reject, 'group-skip': later })) {
    $(id).addEventListener('click', () => decide(act));
  }
}

export function groupKey(key) {
  if (!images.length || $('group').hidden) return false;
  const act = { y: confirm, n: reject, l: later, x: () => toggle(current) }[key];
  if (act) decide(act);
  else if (key.startsWith('Arrow')) {
    const place = gridMove(key, tiles(), current);
    if (place !== null) select(place, true);
  } else return false;
  return true;
}
