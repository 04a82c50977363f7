// The search with the filters of the page.

import { $, ask, complain, conditions, say, thresholdText } from './dom.js';
import { showHits } from './results.js';
import { state } from './state.js';

export const STEPS = 100;

function threshold() {
  const step = Number($('threshold').value);
  if (step === 0) return null;
  return state.det.length ? state.det[step].threshold : step / STEPS;
}

export function showThreshold() {
  const value = threshold();
  const text = value === null ? 'none: all hits' : thresholdText(value, state.det[Number($('threshold').value)]);
  $('threshold-text').textContent = text;
  $('threshold').setAttribute('aria-valuetext', text);
}

export async function search() {
  if (!state.query) return;
  state.pending?.abort();
  const pending = (state.pending = new AbortController());
  const { file, id, box } = state.query;
  const where = conditions($('where').value);
  const cameras = [...document.querySelectorAll('#camera-list input:checked')];
  if (cameras.length) where.push(`camera=${cameras.map((one) => one.value).join(',')}`);
  const form = new FormData();
  if (file) form.append('image', file);
  else form.append('id', id);
  if (box) form.append('box', box.join(','));
  form.append('k', $('hits').value);
  for (const one of where) form.append('where', one);
  if ($('others').checked && !file) form.append('exclude', 'camera');
  if ($('group-by').value) form.append('group_by', $('group-by').value);
  for (const [id, name] of Object.entries({ 'with-aside': 'with_aside', 'hide-different': 'hide_different' })) {
    if ($(id).checked) form.append(name, 'true');
  }
  if (threshold() !== null) form.append('threshold', threshold());
  say('Searching…');
  const started = performance.now();
  try {
    const found = await ask('/api/search', { method: 'POST', body: form, signal: pending.signal });
    const { embedding, search: searching } = found.milliseconds;
    const all = performance.now() - started;
    $('latency').textContent = `${all.toFixed(0)} ms (image ${embedding.toFixed(0)}, search ${searching.toFixed(1)}); ${found.exactness} search`;
    state.name = found.query.upload ? { upload: found.query.upload } : { query: found.query.gallery };
    complain(null);
    showHits(found.hits);
    say(found.hits.length ? `${found.hits.length} ${found.hits.length === 1 ? 'hit' : 'hits'}, most similar first.` : 'Nothing found.');
  } catch (error) {
    if (error.name === 'AbortError') return;
    showHits([]);
    $('latency').textContent = '';
    say('');
    complain(error);
  }
}
