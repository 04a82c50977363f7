// Identities: named, merged and split.

import { change } from './changes.js';
import { $, ask, askLatest, complain, counted, describe, make, thumbnail } from './dom.js';
import { merge, splitOff } from './scope.js';

const PAGE = 48;
let after = '';
let shown = null; // an image of the identity that is open

export async function showIdentities(fresh = true) {
  if (fresh) {
    after = '';
    $('identity-list').replaceChildren();
  }
  try {
    const wanted = new URLSearchParams({ after, limit: PAGE, name: $('identity-name').value });
    const { total, identities } = await askLatest('identities', `/api/identities?${wanted}`);
    $('identity-count').textContent = total ? `${counted(total, 'identity', 'identities')}.` : 'No identity yet: mark images as the same, or confirm groups.';
    for (const identity of identities) {
      $('identity-list').append(node(identity));
      after = identity.image;
    }
    $('identities-more').hidden = identities.length < PAGE;
    count();
    complain(null);
  } catch (error) {
    complain(error);
  }
}

function node({ image, name, count: images, uploads, samples, recorded }) {
  const facts = [counted(images, 'image')];
  if (uploads) facts.push(counted(uploads, 'upload'));
  if (recorded.length) facts.push(`recorded pid ${recorded.join(', ')}`);
  const title = name || `Identity of ${image}`;
  const box = make('input', { type: 'checkbox', value: image, 'aria-label': `Choose ${title}` });
  box.addEventListener('change', count);
  const open = make('button', { type: 'button', 'aria-label': `Open ${title}` }, 'Open');
  open.addEventListener('click', () => openIdentity(image));
  return make(
    'li',
    { className: 'identity' },
    make('label', { className: 'check' }, box, make('strong', {}, title)),
    make('p', { className: 'hit-facts' }, facts.join(' · ')),
    make('div', { className: 'samples' }, ...samples.map((id) => thumbnail(id))),
    open,
  );
}

const chosen = (list) => [...document.querySelectorAll(`#${list} input:checked`)].map((box) => box.value);

function count() {
  $('merge').disabled = chosen('identity-list').length < 2;
  $('split').disabled = !chosen('identity-images').length;
}

export async function openIdentity(image, focus = true) {
  shown = image;
  try {
    const found = await ask(`/api/identities/of?${new URLSearchParams({ image })}`);
    $('identity-title').textContent = `${found.name || `Identity of ${found.image}`}: ${counted(found.count, 'image')}`;
    $('name').value = found.name;
    $('identity-images').replaceChildren(...found.images.map(tile));
    toggle(true);
    count();
    complain(null);
    if (focus) $('identity-title').focus();
  } catch (error) {
    complain(error);
  }
}

function tile({ id, metadata, aside }) {
  const box = make('input', { type: 'checkbox', value: id });
  box.addEventListener('change', count);
  const facts = metadata === null ? 'not in the gallery any more' : describe(metadata);
  return make(
    'li',
    {},
    make('label', { className: 'tile' }, thumbnail(id), make('span', { className: 'check' }, box, make('span', { className: 'hit-id' }, id)), make('span', { className: 'hit-facts' }, aside ? `set aside · ${facts}` : facts)),
  );
}

function toggle(isOpen) {
  $('identity').hidden = !isOpen;
  for (const id of ['identity-form', 'identity-count', 'identity-list', 'merge']) $(id).hidden = isOpen;
  if (isOpen) $('identities-more').hidden = true;
}

function close() {
  shown = null;
  toggle(false);
  return showIdentities();
}

export const refreshIdentities = () => (shown === null ? showIdentities() : openIdentity(shown, false));

export function watchIdentities() {
  $('identity-form').addEventListener('submit', (event) => {
    event.preventDefault();
    showIdentities();
  });
  $('identities-more').addEventListener('click', () => showIdentities(false));
  $('close-identity').addEventListener('click', async () => {
    await close();
    $('identity-name').focus();
  });
  $('merge').addEventListener('click', () => merge(chosen('identity-list'), () => showIdentities()));
  $('split').addEventListener('click', () => splitOff(chosen('identity-images'), close));
  $('name-form').addEventListener('submit', async (event) => {
    event.preventDefault();
    const name = $('name').value.trim();
    const text = name ? `The identity is called ${name}.` : 'The identity has no name.';
    if (await change('/api/identities/name', { image: shown, name }, text)) openIdentity(shown, false);
  });
}
