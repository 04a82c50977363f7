'use strict';
// Everything that comes from the gallery is set as text or as a parameter of an address, never as
// HTML: names of files and metadata are other people's.

const $ = (id) => document.getElementById(id);
const ANSWERS = { s: 'same', d: 'different', c: 'cannot tell' };
const LABELS = { same: 'Same', different: 'Different', 'cannot tell': "Can't tell" };
const MOST_CAMERAS = 30;
const STEPS = 100;

const state = {
  query: null, // {file, image, box} of an upload, or {id}
  name: null, // what the server calls the query: {query: id} or {upload: digest}
  hits: [],
  current: -1,
  facts: null,
  det: [], // points of the slider, with a card
  made: [], // lists of numbers of the marks of this page, the last one at the end
  pending: null,
};

function make(tag, values = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(values)) {
    if (name in node) node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

const imageUrl = (kind, id) => `/api/${kind}?${new URLSearchParams({ id })}`;

async function ask(url, options) {
  let answer;
  try {
    answer = await fetch(url, options);
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new Error('The server cannot be reached.');
  }
  if (answer.status === 401) location.assign('/login');
  const content = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(content.error || `The server answered ${answer.status}.`);
  return content;
}

const post = (url, body) =>
  ask(url, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });

function say(text) {
  $('status').textContent = text;
}

function complain(error) {
  if (error && error.name === 'AbortError') return;
  $('problem').textContent = error ? error.message : '';
  $('problem').hidden = !error;
}

function describe(metadata, without = []) {
  return Object.entries(metadata)
    .filter(([name]) => !without.includes(name))
    .map(([name, value]) => `${name} ${typeof value === 'object' ? JSON.stringify(value) : value}`)
    .join(' · ');
}

const conditions = (text) => text.split(';').map((one) => one.trim()).filter(Boolean);

// The query -------------------------------------------------------------------------------------

async function useFile(file) {
  const query = { file, image: null, box: null };
  try {
    query.image = await createImageBitmap(file, { imageOrientation: 'from-image' });
  } catch {
    // A kind that the browser does not show; the server may know it.
  }
  state.query = query;
  showHits([]);
  $('box').value = '';
  $('query-name').textContent = query.image ? file.name : `${file.name} (no preview)`;
  showQuery();
  search();
}

function useId(id) {
  const query = { id, image: null, box: null };
  state.query = query;
  showHits([]);
  $('query-name').textContent = id;
  const image = new Image();
  image.onload = () => {
    query.image = image;
    if (state.query === query) showQuery();
  };
  image.src = imageUrl('image', id);
  showQuery();
  search();
}

function showQuery() {
  const { file, image } = state.query;
  $('drop-hint').hidden = true;
  $('shown').hidden = false;
  $('crop-tools').hidden = !file;
  // Of an upload no camera is known.
  $('others').disabled = Boolean(file);
  $('canvas').hidden = !image;
  $('canvas').classList.toggle('fixed', !file);
  $('canvas').setAttribute('aria-label', `The query, ${$('query-name').textContent}`);
  draw();
}

function draw(dragged) {
  const { image, box } = state.query;
  $('whole').hidden = !box;
  if (!image) return;
  const canvas = $('canvas');
  const scale = Math.min(1, 900 / Math.max(image.width, image.height));
  canvas.width = Math.max(1, Math.round(image.width * scale));
  canvas.height = Math.max(1, Math.round(image.height * scale));
  // Small crops are shown larger, without changing their shape.
  canvas.style.height = `${Math.min(352, Math.max(220, canvas.height))}px`;
  const pen = canvas.getContext('2d');
  pen.drawImage(image, 0, 0, canvas.width, canvas.height);
  const shown = dragged || box;
  if (!shown) return;
  const [left, top, right, bottom] = shown.map((value) => value * scale);
  pen.fillStyle = 'rgb(0 0 0 / 0.55)';
  pen.beginPath();
  pen.rect(0, 0, canvas.width, canvas.height);
  pen.rect(left, top, right - left, bottom - top);
  pen.fill('evenodd');
  pen.strokeStyle = '#ffd23e';
  pen.lineWidth = Math.max(1, canvas.width / 150);
  pen.strokeRect(left, top, right - left, bottom - top);
}

function pointOf(event) {
  const { image } = state.query;
  const place = $('canvas').getBoundingClientRect();
  const clip = (value, most) => Math.min(most, Math.max(0, value));
  return [
    clip(((event.clientX - place.left) / place.width) * image.width, image.width),
    clip(((event.clientY - place.top) / place.height) * image.height, image.height),
  ];
}

function setBox(box) {
  state.query.box = box;
  $('box').value = box ? box.join(', ') : '';
  draw();
  search();
}

function watchCanvas() {
  let start = null;
  const boxTo = (event) => {
    const [x, y] = pointOf(event);
    return [Math.min(start[0], x), Math.min(start[1], y), Math.max(start[0], x), Math.max(start[1], y)];
  };
  $('canvas').addEventListener('pointerdown', (event) => {
    if (!state.query.file) return;
    start = pointOf(event);
    $('canvas').setPointerCapture(event.pointerId);
    event.preventDefault();
  });
  $('canvas').addEventListener('pointermove', (event) => start && draw(boxTo(event)));
  $('canvas').addEventListener('pointerup', (event) => {
    if (!start) return;
    const [left, top, right, bottom] = boxTo(event).map(Math.round);
    start = null;
    // A click without a drag is no box.
    if (right - left < 4 || bottom - top < 4) draw();
    else setBox([left, top, right, bottom]);
  });
  $('canvas').addEventListener('pointercancel', () => {
    start = null;
    draw();
  });
}

// The search ------------------------------------------------------------------------------------

function threshold() {
  const step = Number($('threshold').value);
  if (step === 0) return null;
  return state.det.length ? state.det[step].threshold : step / STEPS;
}

function showThreshold() {
  const value = threshold();
  let text = 'none: all hits';
  if (value !== null) {
    text = `similarity ${value.toFixed(3)} or more`;
    if (state.det.length) {
      const { fmr, fnmr } = state.det[Number($('threshold').value)];
      text += `; false matches ${rate(fmr)}, missed matches ${rate(fnmr)}, as the card measured`;
    }
  }
  $('threshold-text').textContent = text;
  $('threshold').setAttribute('aria-valuetext', text);
}

const rate = (value) => (value >= 0.01 ? `${(100 * value).toFixed(1)} %` : `1 in ${Math.round(1 / value).toLocaleString('en')}`);

async function search() {
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
  if (threshold() !== null) form.append('threshold', threshold());
  say('Searching…');
  const started = performance.now();
  try {
    const found = await ask('/api/search', { method: 'POST', body: form, signal: pending.signal });
    const { embedding, search: searching } = found.milliseconds;
    const all = performance.now() - started;
    $('latency').textContent = `${all.toFixed(0)} ms (image ${embedding.toFixed(0)}, search ${searching.toFixed(1)}); ${found.exactness}`;
    state.name = found.query.upload ? { upload: found.query.upload } : { query: found.query.gallery };
    complain(null);
    showHits(found.hits);
    say(found.hits.length ? `${found.hits.length} ${found.hits.length === 1 ? 'hit' : 'hits'}, most similar first.` : 'Nothing found.');
  } catch (error) {
    if (error.name === 'AbortError') return;
    showHits([]);
    say('');
    complain(error);
  }
}

// Hits are of the query that is shown, or there are none: a mark is of both.
function showHits(hits) {
  state.hits = hits;
  $('list').replaceChildren(...state.hits.map(hitNode));
  $('bulk').hidden = !state.hits.length;
  state.current = -1;
  if (state.hits.length) select(0, false);
}

function hitNode(hit, index) {
  const { camera, time } = hit.metadata;
  const picture = make('img', { src: imageUrl('thumbnail', hit.id), alt: '', loading: 'lazy' });
  picture.addEventListener('error', () => picture.replaceWith(make('p', { className: 'hint missing' }, 'The image is not there.')));
  const answers = make('div', { className: 'answers', role: 'group', 'aria-label': `Mark result ${index + 1}` });
  for (const answer of Object.values(ANSWERS)) {
    const button = make('button', { type: 'button', className: answer.replace(' ', '-') }, LABELS[answer]);
    button.dataset.answer = answer;
    button.addEventListener('click', () => mark(index, answer));
    answers.append(button);
  }
  const facts = [];
  if (camera !== undefined) facts.push(`camera ${camera}`);
  if (time !== undefined) facts.push(`time ${time}`);
  const others = describe(hit.metadata, ['camera', 'time']);
  if (others) facts.push(others);
  const says = hit.answer ? `${hit.answer}, p ${hit.p_same.toFixed(2)}` : '';
  const use = make('button', { type: 'button' }, 'Search with this');
  use.addEventListener('click', () => useId(hit.id));
  const card = make(
    'article',
    { className: 'hit', tabIndex: -1, 'aria-label': `Result ${index + 1}, ${hit.id}, similarity ${hit.similarity.toFixed(3)}` },
    make('div', { className: 'hit-top' }, make('span', {}, `${index + 1}`), make('strong', {}, hit.similarity.toFixed(3))),
    picture,
    make('p', { className: 'hit-id' }, hit.id),
    make('p', { className: 'hit-facts' }, facts.join(' · ')),
    ...(says ? [make('p', { className: 'hit-facts' }, `card: ${says}`)] : []),
    use,
    answers,
  );
  card.addEventListener('focusin', () => select(index, false));
  const item = make('li', {}, card);
  paint(card, hit);
  return item;
}

function paint(card, hit) {
  const answer = hit.mark?.answer;
  card.className = `hit ${answer ? answer.replace(' ', '-') : ''}`.trim();
  for (const button of card.querySelectorAll('.answers button')) {
    button.setAttribute('aria-pressed', String(button.dataset.answer === answer));
  }
}

const cards = () => [...document.querySelectorAll('#list .hit')];

function select(index, focus) {
  const all = cards();
  if (state.current >= 0 && all[state.current]) all[state.current].tabIndex = -1;
  state.current = index;
  all[index].tabIndex = 0;
  if (focus) {
    all[index].focus();
    all[index].scrollIntoView({ block: 'nearest' });
  }
}

function move(key) {
  const all = cards();
  const top = all[0].offsetTop;
  const across = Math.max(1, all.findIndex((card) => card.offsetTop > top) === -1 ? all.length : all.findIndex((card) => card.offsetTop > top));
  const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -across, ArrowDown: across }[key];
  const next = state.current + step;
  if (next >= 0 && next < all.length) select(next, true);
}

// Marks -----------------------------------------------------------------------------------------

async function mark(index, answer, goOn = false) {
  const hit = state.hits[index];
  try {
    const made = await post('/api/marks', { ...state.name, hit: hit.id, answer, reviewer: $('reviewer').value });
    if (hit.mark?.number !== made.number) state.made.push([made.number]);
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
function askBulk(answer) {
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
    state.made.push(marks.map(({ number }) => number));
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

async function undo() {
  const numbers = state.made.pop();
  if (!numbers) return;
  const reviewer = $('reviewer').value;
  try {
    if (numbers.length > 1) {
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

async function showMarks() {
  $('undo').disabled = !state.made.length;
  try {
    const { counts } = await ask('/api/marks?limit=0');
    $('mark-counts').textContent = Object.entries(counts).map(([answer, count]) => `${count} ${answer}`).join(', ');
  } catch (error) {
    complain(error);
  }
}

async function download(event) {
  event.preventDefault();
  try {
    const answer = await fetch('/api/marks/export.csv');
    if (!answer.ok) throw new Error((await answer.json()).error);
    const link = make('a', { href: URL.createObjectURL(await answer.blob()), download: 'marks.csv' });
    link.click();
    URL.revokeObjectURL(link.href);
    complain(null);
    say('The training list is downloaded.');
  } catch (error) {
    complain(error);
  }
}

// Picking an image of the gallery ---------------------------------------------------------------

let after = '';

async function loadItems(fresh) {
  if (fresh) {
    after = '';
    $('picker-list').replaceChildren();
  }
  const wanted = new URLSearchParams({ after, limit: 48 });
  for (const one of conditions($('picker-where').value)) wanted.append('where', one);
  try {
    const { items } = await ask(`/api/items?${wanted}`);
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
    $('picker-status').textContent = `${$('picker-list').children.length} shown`;
  } catch (error) {
    $('picker-status').textContent = error.message;
  }
}

// Start -----------------------------------------------------------------------------------------

function showFacts(facts) {
  state.facts = facts;
  $('facts').textContent = `${facts.images.toLocaleString('en')} images · model ${facts.fingerprint.slice(0, 12)}`;
  $('hits').max = facts.limits.hits;
  const names = Object.keys(facts.columns);
  $('column-names').textContent = names.length ? `Columns: ${names.join(', ')}.` : '';
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
    // Below the lowest rate that the card's pairs support nothing was measured.
    state.det = facts.card.det.filter(({ fmr }) => fmr > 0 && fmr >= facts.card.lowest_fmr);
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
  for (const id of ['hits', 'where', 'others', 'camera-list']) $(id).addEventListener('change', soon);
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
  $('show-help').addEventListener('click', () => $('help').showModal());
  $('close-help').addEventListener('click', () => $('help').close());
  $('undo').addEventListener('click', undo);
  for (const button of document.querySelectorAll('#bulk button')) {
    button.addEventListener('click', () => askBulk(button.dataset.answer));
  }
  $('export').addEventListener('click', download);
  document.addEventListener('keydown', onKey);
}

function onKey(event) {
  const isText = event.target.matches('input:not([type=checkbox]):not([type=file]), textarea');
  if (event.ctrlKey || event.metaKey || event.altKey || isText || document.querySelector('dialog[open]')) return;
  if (event.key === 'u') undo();
  else if (!state.hits.length) return;
  else if (event.key.startsWith('Arrow')) {
    event.preventDefault();
    move(event.key);
  } else if (event.key in ANSWERS && !event.repeat) mark(state.current, ANSWERS[event.key], true);
  else if (event.key === 'Enter' && event.target.matches('.hit')) useId(state.hits[state.current].id);
}

watch();
watchCanvas();
ask('/api/gallery').then(showFacts).catch(complain);
showMarks();
