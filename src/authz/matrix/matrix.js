"use strict";
const text = document.getElementById("filter");
const caller = document.getElementById("caller");
const count = document.getElementById("count");
const rows = [...document.querySelectorAll("#routes tbody tr")];
function show() {
  const words = text.value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const row of rows) {
    const told = row.textContent.toLowerCase();
    const lets = caller.value === "" || row.querySelector(`td.in[data-caller="${CSS.escape(caller.value)}"]`);
    row.hidden = !lets || !words.every((word) => told.includes(word));
    shown += row.hidden ? 0 : 1;
  }
  count.textContent = `${shown} of ${rows.length} routes`;
}
text.addEventListener("input", show);
caller.addEventListener("change", show);
show();
