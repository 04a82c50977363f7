// What a merge or split would touch is shown first; its digest confirms just that.

import { change } from './changes.js';
import { $, complain, counted, make, post } from './dom.js';

let wanted = null; // {what, body, digest, done}
let loaded = Promise.resolve(true); // whether the scope with the name that was typed is shown

async function load() {
  const { what, body } = wanted;
  const found = await post(`/api/identities/${what}/scope`, body);
  wanted.digest = found.digest;
  $('scope-text').textContent = `${counted(found.images, 'image')} and ${counted(found.added.length, 'mark')} are touched; ${found.replaced ? counted(found.replaced, 'mark is', 'marks are') : 'no mark is'} replaced.`;
  $('scope-parts').replaceChildren(
    ...found.identities.map(({ name, images, ids }) => make('li', {}, make('strong', {}, name || 'without a name'), `: ${counted(images, 'image')}: ${ids.join(', ')}`)),
  );
  $('scope-marks').replaceChildren(
    ...found.added.map((mark) => make('li', {}, `${mark.query || 'an uploaded image'} and ${mark.hit}: `, make('strong', {}, mark.answer))),
    ...found.replaced_marks.map(({ number, answer }) => make('li', {}, `mark ${number}, ${answer}, is replaced`)),
    ...found.recorded_wrong.map((id) => make('li', {}, `${id}: what the gallery records is noted as wrong`)),
  );
  return found;
}

async function show(what, body, title, label, done) {
  wanted = { what, body, done };
  try {
    const found = await load();
    $('scope-title').textContent = title;
    $('scope-name-label').textContent = label;
    wanted.body = { ...body, name: found.identities[0].name };
    $('scope-name').value = wanted.body.name;
    warn(null);
    loaded = Promise.resolve(true);
    complain(null);
    $('scope').showModal();
  } catch (error) {
    complain(error);
  }
}

export const merge = (images, done) => show('merge', { images }, 'Merge identities', 'Name of the merged identity', done);
export const splitOff = (images, done) => show('split', { images }, 'Split an identity', 'Name of the new identity, which may be empty', done);

function warn(error) {
  $('scope-problem').textContent = error ? error.message : '';
  $('scope-problem').hidden = !error;
}

export function watchScope() {
  const rename = () => {
    wanted.body = { ...wanted.body, name: $('scope-name').value };
    loaded = load().then(
      () => warn(null) ?? true,
      (error) => warn(error) ?? false,
    );
  };
  $('scope-name').addEventListener('change', rename);
  $('scope-no').addEventListener('click', () => $('scope').close());
  $('scope-form').addEventListener('submit', async (event) => {
    event.preventDefault();
    if (wanted.body.name !== $('scope-name').value) rename();
    if (!(await loaded)) return;
    const { what, body, digest, done } = wanted;
    const text = what === 'merge' ? 'The identities are merged.' : 'The images are split off.';
    if (await change(`/api/identities/${what}`, { ...body, digest }, text)) {
      $('scope').close();
      done();
      return;
    }
    // What was refused is said here, where the name can be changed; what changed is shown again.
    const refused = new Error($('problem').textContent);
    complain(null);
    await load().catch(() => {});
    warn(refused);
  });
}
