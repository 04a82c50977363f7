// Marks of results, one or many, and images set aside; with their undo.

import { $, ask, complain, make, post, say } from './dom.js';
import { cards, paint, select, showHits } from './results.js';
import { search } from './search.js';
import { state } from './state.js';

export async function mark(index, answer, goOn = false) {
  const hit = state.hits[index];
  try {
    const made = await post('/api/marks', { ...state.name, hit: hit.id, answer, reviewer: $('reviewer').value });
    if (hit.mark?.number !== made.number) state.made.push({ numbers: [made.number] });
    hit.mark = { number: made.number, answer };
    complain(null);
    if (state.hits[index] === hit) {
      paint(cards()[index], hit);
      if (goOn && index + 1 < state.hits.length) select(index + 1, true);
    }
    say(`Result ${index + 1} marked: ${answer}.`);
    showMarks();
  } catch (error) {
    complain(error);
  }
}

// One answer for all results that have none; what it covers is shown first.
export function askBulk(answer) {
  const open = state.hits.filter((hit) => !hit.mark);
  if (!open.length) return say('All results have a mark.');
  $('sure-text').textContent = `Mark ${open.length} ${open.length === 1 ? 'result' : 'results'} as "${answer}"?`;
  $('sure-list').replaceChildren(...open.map(({ id }) => make('li', {}, id)));
  $('sure').onclose = () => $('sure').returnValue === 'yes' && markAll(open, answer);
  $('sure').returnValue = '';
  $('sure').showModal();
}

async function markAll(hits, answer) {
  const body = { ...state.name, hits: hits.map(({ id }) => id), answer, reviewer: $('reviewer').value };
  try {
    const { marks } = await post('/api/marks/bulk', body);
    state.made.push({ numbers: marks.map(({ number }) => number) });
    marks.forEach(({ number }, index) => {
      hits[index].mark = { number, answer };
    });
    cards().forEach((card, index) => paint(card, state.hits[index]));
    complain(null);
    say(`${marks.length} results marked: ${answer}.`);
  } catch (error) {
    complain(error);
  }
  showMarks();
}

export async function undo() {
  const last = state.made.pop();
  if (!last) return;
  const { numbers, change } = last;
  const reviewer = $('reviewer').value;
  try {
    if (change) {
      await post('/api/review/undo', { change, reviewer });
      await search();
      say('Undone: the image is back.');
    } else if (numbers.length > 1) {
      await post('/api/marks/bulk/undo', { numbers, reviewer });
      say(`${numbers.length} marks undone.`);
      state.hits.filter((hit) => numbers.includes(hit.mark?.number)).forEach((hit) => (hit.mark = null));
      cards().forEach((card, index) => paint(card, state.hits[index]));
    } else {
      const [number] = numbers;
      const { undone, holds } = await post('/api/marks/undo', { number, reviewer });
      const index = state.hits.findIndex((hit) => hit.mark?.number === number);
      if (index >= 0) {
        state.hits[index].mark = holds && { number: holds.number, answer: holds.answer };
        paint(cards()[index], state.hits[index]);
        select(index, true);
      }
      say(`Undone: ${undone.hit} was marked ${undone.answer}.`);
    }
    complain(null);
  } catch (error) {
    complain(error);
  }
  showMarks();
}

export async function showMarks() {
  $('undo').disabled = !state.made.length;
  try {
    const { counts } = await ask('/api/marks?limit=0');
    $('mark-counts').textContent = Object.entries(counts).map(([answer, count]) => `${count} ${answer}`).join(', ');
  } catch (error) {
    complain(error);
  }
}

export async function setAside(index) {
  const { id } = state.hits[index];
  try {
    const { change } = await post('/api/review/aside', { ids: [id], reviewer: $('reviewer').value });
    state.made.push({ change });
    complain(null);
    if (state.query.id === id || $('with-aside').checked) await search();
    else showHits(state.hits.filter((hit) => hit.id !== id));
    if (state.hits.length) select(Math.min(index, state.hits.length - 1), true);
    say(`${id} is set aside.`);
  } catch (error) {
    complain(error);
  }
  showMarks();
}
