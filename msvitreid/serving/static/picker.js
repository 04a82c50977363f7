// Picking an image of the gallery as the query.

import { $, askLatest, conditions, describe, imageUrl, make } from './dom.js';
import { useId } from './query.js';

let after = '';

export async function loadItems(fresh) {
  if (fresh) {
    after = '';
    $('picker-list').replaceChildren();
  }
  const wanted = new URLSearchParams({ after, limit: 48, start: $('picker-start').value.trim() });
  for (const one of conditions($('picker-where').value)) wanted.append('where', one);
  try {
    const { items } = await askLatest('picker', `/api/items?${wanted}`);
    for (const { id, metadata } of items) {
      const button = make(
        'button',
        { type: 'button', title: describe(metadata) },
        make('img', { src: imageUrl('thumbnail', id), alt: '', loading: 'lazy' }),
        make('span', {}, id),
      );
      button.addEventListener('click', () => {
        $('picker').close();
        useId(id);
      });
      $('picker-list').append(make('li', {}, button));
      after = id;
    }
    $('more').hidden = items.length < 48;
    const shown = $('picker-list').children.length;
    $('picker-status').textContent = shown ? `${shown} shown` : 'No image; clear the fields to see all.';
  } catch (error) {
    if (error.name === 'AbortError') return;
    $('more').hidden = true;
    $('picker-status').textContent = error.message;
  }
}
