// The page of the review: its parts by the address, and its keys.

import { undoLast, whenUndone } from './changes.js';
import { $, ask, complain, downloadTrainingList, keepReviewer, keyIsFree, showFacts, watchHelp } from './dom.js';
import { groupKey, showGroup, useCard, watchGroups } from './groups.js';
import { refreshIdentities, watchIdentities } from './identities.js';
import { showAsides, showLog, watchLog } from './log.js';
import { outlierKey, showOutliers, watchOutliers } from './outliers.js';
import { watchScope } from './scope.js';

const PARTS = { outliers: showOutliers, groups: () => !$('group').hidden && showGroup(), identities: refreshIdentities, asides: showAsides, log: showLog };
const KEYS = { outliers: outlierKey, groups: groupKey };

let shown = 'outliers';
const part = () => shown;

function show() {
  // Another address, such as that of the link to the content, leaves the part as it is.
  if (location.hash.slice(1) in PARTS) shown = location.hash.slice(1);
  for (const name of Object.keys(PARTS)) $(`panel-${name}`).hidden = name !== part();
  for (const link of document.querySelectorAll('#tabs a')) {
    if (link.hash === `#${part()}`) link.setAttribute('aria-current', 'true');
    else link.removeAttribute('aria-current');
  }
  $('status').textContent = '';
  complain(null);
  PARTS[part()]();
}

function onKey(event) {
  if (!keyIsFree(event) || event.repeat) return;
  if (event.key === 'u') undoLast();
  else if (KEYS[part()]?.(event.key)) event.preventDefault();
}

for (const watch of [watchHelp, watchScope, watchOutliers, watchGroups, watchIdentities, watchLog, keepReviewer]) watch();
whenUndone(() => PARTS[part()]());
$('undo').addEventListener('click', undoLast);
$('export').addEventListener('click', downloadTrainingList);
window.addEventListener('hashchange', show);
document.addEventListener('keydown', onKey);
ask('/api/gallery')
  .then((facts) => {
    showFacts(facts);
    useCard(facts.card);
  })
  .catch(complain);
show();
