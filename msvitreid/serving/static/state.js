// What the search page shows.

export const ANSWERS = { s: 'same', d: 'different', c: 'cannot tell' };
export const LABELS = { same: 'Same', different: 'Different', 'cannot tell': "Can't tell" };

export const state = {
  query: null, // {file, image, box} of an upload, or {id}
  name: null, // what the server calls the query: {query: id} or {upload: digest}
  hits: [],
  current: -1,
  det: [], // points of the slider, with a card
  made: [], // of the changes of this page {numbers} of marks or {change}, the last one at the end
  pending: null,
};
