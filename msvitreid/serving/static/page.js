// The search page: what its fields and keys do.

import { $, ask, complain, downloadTrainingList, keepReviewer, keyIsFree, make, measured, showFacts, watchHelp } from './dom.js';
import { askBulk, mark, setAside, showMarks, undo } from './marks.js';
import { loadItems } from './picker.js';
import { setBox, useFile, useId, watchCanvas } from './query.js';
import { move } from './results.js';
import { STEPS, search, showThreshold } from './search.js';
import { ANSWERS, state } from './state.js';

const MOST_CAMERAS = 30;

function start(facts) {
  showFacts(facts);
  $('hits').max = facts.limits.hits;
  const names = Object.keys(facts.columns);
  // What can be asked of this gallery: a column of its own, or else the name.
  const [name = 'id'] = names;
  const [value = 'cam1/0001.jpg'] = facts.columns[name] || [];
  for (const id of ['where', 'picker-where']) $(id).placeholder = `${name}=${value}`;
  $('column-names').textContent = `Columns: ${[...names, 'id'].join(', ')}.`;
  $('group-by').append(...names.map((name) => make('option', { value: name }, name)));
  const cameras = facts.columns.camera || [];
  $('cameras').hidden = !('camera' in facts.columns);
  if (cameras.length <= MOST_CAMERAS) {
    $('camera-list').append(
      ...cameras.map((camera) => {
        // Values with commas and quotes are quoted as in a CSV.
        const value = `"${String(camera).replaceAll('"', '""')}"`;
        return make('label', { className: 'check' }, make('input', { type: 'checkbox', value }), String(camera));
      }),
    );
  }
  if (facts.card) {
    state.det = measured(facts.card);
    $('threshold').max = state.det.length - 1;
  } else $('threshold').max = STEPS;
  showThreshold();
}

function watch() {
  const isWide = matchMedia('(min-width: 721px)').matches;
  for (const id of ['filters', 'marks']) $(id).open = isWide;
  let timer = null;
  const soon = () => {
    clearTimeout(timer);
    timer = setTimeout(search, 250);
  };
  $('query').addEventListener('submit', (event) => {
    event.preventDefault();
    search();
  });
  $('file').addEventListener('change', () => $('file').files[0] && useFile($('file').files[0]));
  for (const id of ['hits', 'where', 'others', 'camera-list', 'group-by', 'with-aside', 'hide-different']) $(id).addEventListener('change', soon);
  $('threshold').addEventListener('input', () => {
    showThreshold();
    soon();
  });
  $('whole').addEventListener('click', () => setBox(null));
  $('box').addEventListener('change', () => {
    const box = $('box').value.split(',').map(Number);
    if (!$('box').value.trim()) setBox(null);
    else if (box.length === 4 && box.every(Number.isFinite)) setBox(box);
    else complain(new Error('A box is four numbers: left, top, right, bottom.'));
  });
  for (const name of ['dragover', 'dragleave', 'drop']) {
    document.addEventListener(name, (event) => {
      event.preventDefault();
      $('drop').classList.toggle('over', name === 'dragover');
    });
  }
  document.addEventListener('drop', (event) => {
    const file = event.dataTransfer.files[0];
    if (file) useFile(file);
  });
  document.addEventListener('paste', (event) => {
    const file = [...event.clipboardData.files].find((one) => one.type.startsWith('image/'));
    if (file) useFile(file);
  });
  $('pick').addEventListener('click', () => {
    $('picker').showModal();
    loadItems(true);
  });
  $('picker-form').addEventListener('submit', (event) => {
    event.preventDefault();
    loadItems(true);
  });
  $('more').addEventListener('click', () => loadItems(false));
  $('close-picker').addEventListener('click', () => $('picker').close());
  $('undo').addEventListener('click', undo);
  for (const button of document.querySelectorAll('#bulk button')) {
    button.addEventListener('click', () => askBulk(button.dataset.answer));
  }
  $('export').addEventListener('click', downloadTrainingList);
  document.addEventListener('keydown', onKey);
}

function onKey(event) {
  if (!keyIsFree(event)) return;
  if (event.key === 'u') undo();
  else if (!state.hits.length) return;
  else if (event.key.startsWith('Arrow')) {
    event.preventDefault();
    move(event.key);
  } else if (event.key in ANSWERS && !event.repeat) mark(state.current, ANSWERS[event.key], true);
  else if (event.key === 'x' && !event.repeat) setAside(state.current);
  else if (event.key === 'Enter' && event.target.matches('.hit')) useId(state.hits[state.current].id);
}

for (const one of [watch, watchCanvas, watchHelp, keepReviewer]) one();
ask('/api/gallery').then(start).catch(complain);
showMarks();
