// Everything works without this file; it only makes some things handier.
"use strict";

// Times are sent in UTC; show them as the visitor's clock does.
for (const time of document.querySelectorAll("time[datetime]")) {
  const at = new Date(time.dateTime);
  const isToday = at.toDateString() === new Date().toDateString();
  time.textContent = at.toLocaleString("en-GB", isToday ? { timeStyle: "short" } : { dateStyle: "medium", timeStyle: "short" });
}

const form = document.querySelector("#add");
if (form) {
  // A second click would upload everything a second time.
  let isSending = false;
  form.addEventListener("submit", (submit) => {
    if (isSending) return submit.preventDefault();
    isSending = true;
    const button = form.querySelector("[type=submit]");
    button.setAttribute("aria-disabled", "true");
    button.textContent = "Uploading …";
  });
  // Back from the next page, the browser may show this one as it was left.
  window.addEventListener("pageshow", (page) => page.persisted && window.location.reload());

  const problems = form.querySelector("#problems");
  if (problems) problems.focus();
}

for (const button of document.querySelectorAll("[data-copy]")) {
  if (!navigator.clipboard) continue;
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = "Copied";
  });
}

// The arrow keys turn the pages of the album.
document.addEventListener("keydown", (key) => {
  if (key.altKey || key.ctrlKey || key.metaKey || key.target.closest("input, textarea")) return;
  const rel = { ArrowLeft: "prev", ArrowRight: "next" }[key.key];
  const link = rel && document.querySelector(`.steps a[rel=${rel}]`);
  if (link) link.click();
});
