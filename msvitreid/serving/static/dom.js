// What both pages use. Everything that comes from the gallery is set as text or as a parameter of
// an address, never as HTML: names of files and metadata are other people's.

export const $ = (id) => document.getElementById(id);

export function make(tag, values = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(values)) {
    if (name in node) node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

export const imageUrl = (kind, id) => `/api/${kind}?${new URLSearchParams({ id })}`;

export function thumbnail(id, alt = '') {
  const picture = make('img', { src: imageUrl('thumbnail', id), alt, loading: 'lazy' });
  picture.addEventListener('error', () => picture.replaceWith(make('p', { className: 'hint missing' }, 'The image is not there.')));
  return picture;
}

export async function ask(url, options) {
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

const running = {};

// Of a list's requests only the last one is answered: an earlier answer would be added to its list.
export function askLatest(list, url) {
  running[list]?.abort();
  running[list] = new AbortController();
  return ask(url, { signal: running[list].signal });
}

export const post = (url, body) =>
  ask(url, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });

export function say(text) {
  $('status').textContent = text;
}

export function complain(error) {
  if (error && error.name === 'AbortError') return;
  $('problem').textContent = error ? error.message : '';
  $('problem').hidden = !error;
}

export function describe(metadata, without = []) {
  return Object.entries(metadata)
    .filter(([name]) => !without.includes(name))
    .map(([name, value]) => `${name} ${typeof value === 'object' ? JSON.stringify(value) : value}`)
    .join(' · ');
}

export const counted = (number, noun, nouns = `${noun}s`) => `${number.toLocaleString('en')} ${number === 1 ? noun : nouns}`;

export const conditions = (text) => text.split(';').map((one) => one.trim()).filter(Boolean);

const rate = (value) => (value >= 0.01 ? `${(100 * value).toFixed(1)} %` : `1 in ${Math.round(1 / value).toLocaleString('en')}`);

// What a threshold lets through, by the point of the card's curve if there is one.
export function thresholdText(value, point) {
  const text = `similarity ${value.toFixed(3)} or more`;
  if (!point) return text;
  return `${text}; false matches ${rate(point.fmr)}, missed matches ${rate(point.fnmr)}, as the card measured`;
}

// Below the lowest rate that the card's pairs support nothing was measured.
export const measured = (card) => card.det.filter(({ fmr }) => fmr > 0 && fmr >= card.lowest_fmr);

export const gridMove = (key, nodes, current) => {
  const top = nodes[0].offsetTop;
  const next = nodes.findIndex((node) => node.offsetTop > top);
  const across = next === -1 ? nodes.length : Math.max(1, next);
  const place = current + { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -across, ArrowDown: across }[key];
  return place >= 0 && place < nodes.length ? place : null;
};

export const keyIsFree = (event) =>
  !event.ctrlKey && !event.metaKey && !event.altKey && !document.querySelector('dialog[open]') &&
  !event.target.matches('input:not([type=checkbox]):not([type=file]), select, textarea');

export function showFacts({ images, fingerprint }) {
  $('facts').textContent = `${images.toLocaleString('en')} images · model ${fingerprint.slice(0, 12)}`;
}

export function keepReviewer() {
  $('reviewer').value = sessionStorage.getItem('reviewer') || '';
  $('reviewer').addEventListener('change', () => sessionStorage.setItem('reviewer', $('reviewer').value));
}

export function watchHelp() {
  $('show-help').addEventListener('click', () => $('help').showModal());
  $('close-help').addEventListener('click', () => $('help').close());
}

export async function downloadTrainingList(event) {
  event.preventDefault();
  try {
    const answer = await fetch('/api/marks/export.csv');
    if (!answer.ok) throw new Error((await answer.json()).error);
    const link = make('a', { href: URL.createObjectURL(await answer.blob()), download: 'marks.csv' });
    link.click();
    URL.revokeObjectURL(link.href);
    complain(null);
    say('The training list is downloaded as marks.csv: put it into the folder of images, then `msvitreid split` makes a training set of it.');
  } catch (error) {
    complain(error);
  }
}
