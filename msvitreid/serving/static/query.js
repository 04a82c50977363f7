// The query: a file or an image of the gallery, and the box on it.

import { $, imageUrl } from './dom.js';
import { showHits } from './results.js';
import { search } from './search.js';
import { state } from './state.js';

export async function useFile(file) {
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

export function useId(id) {
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

export function setBox(box) {
  state.query.box = box;
  $('box').value = box ? box.join(', ') : '';
  draw();
  search();
}

export function watchCanvas() {
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
