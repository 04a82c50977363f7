'use strict';
// Tables: a click on a heading sorts, a field filters.
for (const table of document.querySelectorAll('table.sortable')) {
  const body = table.tBodies[0];
  const headings = [...table.tHead.rows[0].cells];
  const valueOf = (row, column) => {
    const cell = row.cells[column];
    const text = cell.dataset.value ?? cell.textContent.trim();
    const number = Number(text);
    return text !== '' && !Number.isNaN(number) ? number : text;
  };
  headings.forEach((heading, column) => {
    const button = document.createElement('button');
    button.type = 'button';
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener('click', () => {
      const rising = heading.getAttribute('aria-sort') === 'descending';
      for (const other of headings) other.removeAttribute('aria-sort');
      heading.setAttribute('aria-sort', rising ? 'ascending' : 'descending');
      const rows = [...body.rows].sort((first, second) => {
        const [a, b] = [valueOf(first, column), valueOf(second, column)];
        const both = typeof a === 'number' && typeof b === 'number';
        const order = both ? a - b : String(a).localeCompare(String(b), undefined, { numeric: true });
        return rising ? order : -order;
      });
      body.append(...rows);
    });
  });
  if (!table.classList.contains('filterable')) continue;
  const field = document.createElement('input');
  field.className = 'filter';
  field.type = 'search';
  field.placeholder = 'filter: identity, camera or path';
  field.setAttribute('aria-label', field.placeholder);
  field.addEventListener('input', () => {
    const wanted = field.value.toLowerCase();
    for (const row of body.rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
  });
  table.parentElement.before(field);
}
// Thumbnails: a click, the Enter or the Space key shows one large.
const dialog = document.createElement('dialog');
const large = document.createElement('img');
const what = document.createElement('p');
const close = document.createElement('button');
close.textContent = 'Close';
close.addEventListener('click', () => dialog.close());
dialog.addEventListener('click', (event) => { if (event.target === dialog) dialog.close(); });
dialog.append(large, what, close);
document.body.append(dialog);
for (const image of document.querySelectorAll('.ranking img')) {
  image.dataset.zoom = '';
  image.tabIndex = 0;
  image.setAttribute('role', 'button');
  const show = () => {
    large.src = image.src;
    large.alt = image.alt;
    what.textContent = image.alt;
    dialog.showModal();
  };
  image.addEventListener('click', show);
  image.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' && event.key !== ' ') return;
    // Else the key would press the button that gets the focus.
    event.preventDefault();
    show();
  });
}
// On paper all is open.
addEventListener('beforeprint', () => {
  for (const details of document.querySelectorAll('details.kind-of-list')) details.open = true;
});
