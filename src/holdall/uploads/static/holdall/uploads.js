// Uploads from the browser straight to the bucket, for each <input type="file" data-holdall-upload>.
//
// Without this module the input is an ordinary one, and the form takes the file through the server. With it the file
// goes to the bucket, and the form takes a ticket: a hidden input of the same name. What may be uploaded, and where to,
// the server decides at each step; the protocol is in docs/reference/uploads.md.
//
// No dependency, no build step, nothing inline. Every sentence is its own key in the catalogue that comes with the input.

const INPUT = "input[type=file][data-holdall-upload]";
const FILES_AT_ONCE = 4;
const REQUESTS_AT_ONCE = 4;
const LINKS_AT_ONCE = 16;
const TRIES = 12;
const LONGEST_WAIT = 30_000;
const STALLED_AFTER = 60_000;
// The oldest note of an unfinished upload that is kept; the server may have swept it away long before.
const REMEMBERED = 7 * 24 * 3600_000;
// Read whole to make its checksum; a larger file goes in parts.
const HASHED_BYTES = 64 * 1024 * 1024;
// What the form itself takes along when the browser reaches the site and not the bucket (a firewall, a missing CORS rule).
const THROUGH_THE_FORM = 20 * 1024 * 1024;
const PICTURE = /^image\/(avif|gif|jpeg|png|webp)$/;
const PICTURE_BYTES = 12 * 1024 * 1024;

const pause = Symbol("paused");
const gone = Symbol("cancelled");
const fields = new Map();
let ids = 0;

/** Why a step failed, and whether to try it again. */
class Failure extends Error {
  constructor(message, { status = 0, isPassing = false, wait = 0, code = "" } = {}) {
    super(message);
    Object.assign(this, { status, isPassing, wait, code });
  }
}

const isPassing = (status) => status === 0 || status === 408 || status === 425 || status === 429 || status >= 500;

/** Let only so many jobs run at once, in the order in which they came. */
class Gate {
  constructor(places) {
    this.places = places;
    this.waiting = [];
  }

  async through(signal, job) {
    if (!this.places) await new Promise((admit) => this.waiting.push(admit));
    else this.places--;
    try {
      signal?.throwIfAborted();
      return await job();
    } finally {
      const next = this.waiting.shift();
      if (next) next();
      else this.places++;
    }
  }
}

const files = new Gate(FILES_AT_ONCE);
const requests = new Gate(REQUESTS_AT_ONCE);
const drawings = new Gate(1);

/** Notes of unfinished uploads, which outlive the page and the browser. Where there is no database, nothing is kept. */
const notes = {
  database: null,

  async with(mode, act) {
    try {
      this.database ||= new Promise((resolve, reject) => {
        const opening = indexedDB.open("holdall-uploads", 1);
        opening.onupgradeneeded = () => opening.result.createObjectStore("notes", { keyPath: "key" });
        opening.onsuccess = () => resolve(opening.result);
        opening.onerror = () => reject(opening.error);
      });
      const database = await this.database;
      return await new Promise((resolve, reject) => {
        // Strict: a note that the browser still holds in memory is lost when it is killed.
        const transaction = database.transaction("notes", mode, { durability: "strict" });
        const request = act(transaction.objectStore("notes"));
        transaction.oncomplete = () => resolve(request.result);
        transaction.onabort = () => reject(transaction.error);
      });
    } catch {
      return undefined;
    }
  },

  get: (key) => notes.with("readonly", (store) => store.get(key)),
  all: () => notes.with("readonly", (store) => store.getAll()),
  put: (note) => notes.with("readwrite", (store) => store.put(note)),
  delete: (key) => notes.with("readwrite", (store) => store.delete(key)),
};

/** Wait longer after each failure, at random, so that not all browsers come back at once; a network that is back ends it. */
function calmDown(tries, least, signal) {
  return new Promise((resolve, reject) => {
    const longest = Math.min(LONGEST_WAIT, 500 * 2 ** tries);
    const wait = navigator.onLine ? Math.max(least, longest * (0.5 + Math.random() / 2)) : LONGEST_WAIT;
    const end = () => {
      clearTimeout(timer);
      removeEventListener("online", end);
      signal.removeEventListener("abort", end);
      if (signal.aborted) reject(signal.reason);
      else resolve();
    };
    const timer = setTimeout(end, wait);
    addEventListener("online", end);
    signal.addEventListener("abort", end);
  });
}

/** Send bytes to the store; fetch could not tell how far it is. */
function send({ method = "PUT", url, headers = {}, fields: entries }, content, { signal, progress }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    let watch;
    const fail = (status) => reject(new Failure("", { status, isPassing: isPassing(status) }));
    const stop = () => request.abort();
    const alive = (loaded) => {
      clearTimeout(watch);
      watch = setTimeout(stop, STALLED_AFTER);
      if (loaded !== undefined) progress(Math.min(loaded, content.size));
    };
    request.open(method, url);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => alive(event.loaded);
    request.onload = () => (request.status < 300 ? resolve(request) : fail(request.status));
    request.onerror = () => fail(0);
    request.onabort = () => (signal.aborted ? reject(signal.reason) : fail(0));
    request.onloadend = () => {
      clearTimeout(watch);
      signal.removeEventListener("abort", stop);
    };
    signal.addEventListener("abort", stop);
    let body = content;
    if (entries) {
      body = new FormData();
      for (const [name, value] of Object.entries(entries)) body.append(name, value);
      body.append("file", content);
    }
    alive();
    request.send(body);
  });
}

const SVG = "http://www.w3.org/2000/svg";
const SHAPES = {
  upload: "M12 16V5m0 0L7.5 9.5M12 5l4.5 4.5M5 16.5V18a2 2 0 0 0 2 2h10a2 2 0 0 0 2-2v-1.5",
  pause: "M9 6v12M15 6v12",
  continue: "M8.5 5.5v13l10-6.5z",
  again: "M19 12a7 7 0 1 1-2.2-5.1M19 4v4h-4",
  remove: "M7 7l10 10M17 7L7 17",
  done: "M5.5 12.5l4.2 4.2 8.8-9.2",
  failed: "M12 7.5v5.5m0 3.2v.1",
};

function filled(made, attributes, ...children) {
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

const element = (tag, ...content) => filled(document.createElement(tag), ...content);
const drawn = (tag, ...content) => filled(document.createElementNS(SVG, tag), ...content);
const icon = (name) =>
  drawn("svg", { viewBox: "0 0 24 24", "aria-hidden": true, "data-icon": name }, drawn("path", { d: SHAPES[name] }));

/** One file on its way: waiting, running, paused, checking, done, failed, enclosed (goes with the form) or absent. */
class Upload {
  constructor(field, said) {
    Object.assign(this, { field, state: "waiting", ticket: "", reason: "", sent: 0, isTroubled: false }, said);
    this.value = this.state === "done" ? this.ticket : "";
    this.etags = new Map();
    this.links = new Map();
    this.row = new Row(this);
  }

  get canPause() {
    return ["waiting", "running", "paused"].includes(this.state);
  }

  get isBusy() {
    return this.canPause || this.state === "checking";
  }

  get key() {
    const { name, size, lastModified } = this.file;
    return [this.field.url, this.field.input.name, name, size, lastModified].join("\n");
  }

  become(state, reason = "") {
    Object.assign(this, { state, reason, isTroubled: false });
    this.row.draw();
    this.field.changed(this);
  }

  /** Go on from wherever this upload is, until it is finished, paused or failed. */
  async run() {
    const controller = new AbortController();
    this.controller = controller;
    const { signal } = controller;
    this.become("waiting");
    try {
      await files.through(signal, async () => {
        this.become("running");
        this.field.emit("start", this);
        if (this.ticket) await this.lookAgain(signal);
        else await this.begin(signal);
        if (!this.accepted) {
          await (this.partSize ? this.sendParts(signal) : this.sendWhole(signal));
          this.become("checking");
          const known = this.partSize && this.etags.size === this.count;
          const parts = known ? [...this.etags].map(([number, etag]) => ({ number, etag })) : undefined;
          this.accepted = await this.ask("finish", { ticket: this.ticket, parts }, signal);
        }
        this.finish(this.accepted);
      });
    } catch (failure) {
      if (signal.reason === pause || signal.reason === gone) return;
      controller.abort(failure);
      if (!(failure instanceof Failure)) console.error(failure);
      this.fail(failure);
    }
  }

  finish(accepted) {
    this.value = accepted.ticket;
    if (accepted.size !== undefined) this.size = accepted.size;
    this.sent = this.size;
    this.forget();
    this.become("done");
    this.field.emit("done", this);
  }

  fail(failure) {
    const { field } = this;
    if (failure.isUnreachable && navigator.onLine && this.size <= THROUGH_THE_FORM && !this.partSize) {
      this.become("enclosed");
      return;
    }
    this.status = failure.status;
    // Neither the file's type nor its length changes by another try.
    this.isFinal = [413, 415].includes(failure.status);
    // A ticket that the server refuses is worth nothing; the next try begins anew.
    if (failure.status >= 400 && !failure.isPassing) this.forget();
    this.become("failed", failure.message || field.t("The connection failed. Try again later."));
    field.emit("error", this);
  }

  /** Try a step again for as long as its failure may pass. */
  async persist(step, signal, { refused } = {}) {
    let unreachable = 0;
    for (let tries = 0; ; tries++) {
      try {
        const result = await requests.through(signal, step);
        this.trouble(false);
        return result;
      } catch (failure) {
        signal.throwIfAborted();
        if (!(failure instanceof Failure)) throw failure;
        const isRenewed = refused && !failure.isPassing && tries < 3 && (await refused(failure));
        if (isRenewed) continue;
        if (!failure.isPassing || tries >= TRIES) throw failure;
        if (failure.status === 0) await this.checkReadable();
        unreachable = failure.status === 0 && navigator.onLine ? unreachable + 1 : 0;
        if (refused && unreachable >= 4 && !this.sent && this.size <= THROUGH_THE_FORM) {
          throw Object.assign(failure, { isUnreachable: true });
        }
        this.trouble(true);
        await calmDown(tries, failure.wait, signal);
      }
    }
  }

  trouble(isTroubled) {
    if (isTroubled === this.isTroubled) return;
    this.isTroubled = isTroubled;
    this.row.draw();
    if (isTroubled) this.field.say(this.note);
  }

  /** A file that was moved or changed looks like a broken connection, and always will. */
  async checkReadable() {
    try {
      await this.file.slice(0, 1).arrayBuffer();
    } catch {
      throw new Failure(this.field.t("The file cannot be read any more. Choose it again."));
    }
  }

  ask(path, body, signal) {
    return this.persist(() => this.field.ask(path, body, signal), signal);
  }

  async begin(signal) {
    const { file, field } = this;
    const note = await notes.get(this.key);
    if (note && note.began > Date.now() - REMEMBERED) {
      Object.assign(this, { ticket: note.ticket, partSize: note.partSize });
      if (await this.lookAgain(signal, { mayBeGone: true })) return;
    }
    const { name, size, type } = file;
    const offer = await this.ask("begin", { field: field.token, name, size, type, sha256: await this.digest() }, signal);
    this.ticket = offer.ticket;
    this.take(offer);
    if (!offer.parts) {
      this.whole = offer;
      return;
    }
    this.partSize = offer.part_size;
    const { key, ticket, partSize } = this;
    await notes.put({ key, name, size, ticket, partSize, began: Date.now(), page: location.pathname, input: field.input.name });
  }

  /** Ask which parts have arrived, and answer whether the upload is still there. */
  async lookAgain(signal, { mayBeGone = false } = {}) {
    if (!this.partSize) return true;
    try {
      const { parts } = await this.ask("parts", { ticket: this.ticket }, signal);
      this.etags = new Map();
      for (const { number, etag, size } of parts) if (size === this.extent(number).size) this.etags.set(number, etag);
      return true;
    } catch (failure) {
      if (!mayBeGone || !failure.status || failure.isPassing) throw failure;
    }
    try {
      // It may have been finished, and the answer lost.
      this.accepted = await this.ask("finish", { ticket: this.ticket }, signal);
      return true;
    } catch (failure) {
      if (!failure.status || failure.isPassing) throw failure;
      this.forget();
      return false;
    }
  }

  /** The store compares what arrives with this; where the page is not served safely, browsers can make none. */
  async digest() {
    if (this.file.size > HASHED_BYTES || !globalThis.crypto?.subtle) return undefined;
    const digest = await crypto.subtle.digest("SHA-256", await this.file.arrayBuffer());
    return btoa(String.fromCharCode(...new Uint8Array(digest)));
  }

  take({ parts = [], expires }) {
    const until = expires ? new Date(expires).getTime() + this.field.ahead : Infinity;
    for (const { number, url } of parts) this.links.set(number, { url, until });
  }

  async sendWhole(signal) {
    const progress = (sent) => this.progress(sent);
    // Without the type that a file brings along: only what was signed may be sent.
    const content = this.file.slice();
    // Links age; so do the keys that signed them.
    const renew = async ({ status }) => {
      if (status !== 403) return false;
      this.whole = { ...this.whole, ...(await this.field.ask("sign", { ticket: this.ticket }, signal)) };
      return true;
    };
    try {
      await this.persist(() => send(this.whole, content, { signal, progress }), signal, { refused: renew });
    } catch (failure) {
      // It may be written once, and was: only the answer was lost. Whether all of it is there, the server looks.
      if (failure.status !== 412) throw this.told(failure);
      progress(content.size);
    }
  }

  get count() {
    return Math.ceil(this.size / this.partSize);
  }

  extent(number) {
    const start = (number - 1) * this.partSize;
    const end = Math.min(start + this.partSize, this.size);
    return { start, end, size: end - start };
  }

  async sendParts(signal) {
    const missing = [];
    this.loaded = new Map();
    for (let number = 1; number <= this.count; number++) {
      if (this.etags.has(number)) this.loaded.set(number, this.extent(number).size);
      else missing.push(number);
    }
    this.progressOfParts();
    const work = async () => {
      for (let number = missing.shift(); number; number = missing.shift()) await this.sendPart(number, missing, signal);
    };
    // The first failure ends the others, whose links are good and whose bytes would be sent for nothing.
    await Promise.all(Array.from({ length: REQUESTS_AT_ONCE }, work)).catch((failure) => {
      this.controller.abort(failure);
      throw failure;
    });
  }

  async sendPart(number, missing, signal) {
    const { start, end } = this.extent(number);
    const content = this.file.slice(start, end);
    const progress = (sent) => {
      this.loaded.set(number, sent);
      this.progressOfParts();
    };
    const step = async () => {
      const url = await this.link(number, missing, signal);
      return send({ url }, content, { signal, progress });
    };
    const renew = ({ status }) => status === 403 && this.links.delete(number);
    const answer = await this.persist(step, signal, { refused: renew }).catch((failure) => {
      throw this.told(failure);
    });
    const etag = answer.getResponseHeader("ETag");
    // A bucket whose CORS rules hide it: the server then asks the store itself.
    if (etag) this.etags.set(number, etag);
    progress(content.size);
  }

  /** Give a link that is good for a while yet, asking for those of the next parts too. */
  async link(number, missing, signal) {
    const isGood = (link) => link && link.until > Date.now() + 20_000;
    if (!isGood(this.links.get(number))) {
      const parts = [number, ...missing.filter((other) => !isGood(this.links.get(other)))].slice(0, LINKS_AT_ONCE);
      this.take(await this.field.ask("sign", { ticket: this.ticket, parts }, signal));
    }
    const link = this.links.get(number);
    if (!link) throw new Failure("", { isPassing: true });
    return link.url;
  }

  told(failure) {
    if (failure instanceof Failure && failure.status && !failure.message) {
      failure.message = this.field.t("The store refused the file ({status}).", { status: failure.status });
    }
    return failure;
  }

  progressOfParts() {
    let sent = 0;
    for (const bytes of this.loaded.values()) sent += bytes;
    this.progress(sent);
  }

  progress(sent) {
    this.sent = sent;
    this.row.drawSoon();
    this.field.emit("progress", this);
  }

  forget() {
    this.ticket = "";
    this.whole = this.accepted = null;
    this.partSize = 0;
    this.etags = new Map();
    this.links = new Map();
    if (this.noteKey || this.file) notes.delete(this.noteKey || this.key);
  }

  pause() {
    this.controller?.abort(pause);
    this.become("paused");
    this.field.say(this.note);
  }

  /** End it, and let the server throw away what has arrived; its own sweep does if this does not reach it. */
  cancel() {
    this.controller?.abort(gone);
    const ticket = this.value || this.ticket;
    this.forget();
    if (ticket) this.field.ask("cancel", { ticket }).catch(() => {});
  }

  get note() {
    const { t } = this.field;
    if (this.state === "failed") return this.reason;
    if (this.isTroubled) {
      return navigator.onLine ? t("The connection is interrupted; trying again") : t("No connection; it continues by itself");
    }
    return {
      waiting: t("Waiting"),
      running: "",
      paused: t("Paused"),
      checking: t("Checking"),
      done: t("Uploaded"),
      enclosed: t("Will be sent with the form"),
      absent: t("Unfinished. Choose the same file again to continue."),
    }[this.state];
  }
}

/** What is seen of one upload. */
class Row {
  constructor(upload) {
    const { field, name } = upload;
    const id = `holdall-${++ids}`;
    this.upload = upload;
    const [, extension = ""] = /\.([^.]{1,4})$/u.exec(name) || [];
    this.tile = element("span", { class: "holdall-tile", "aria-hidden": true }, extension.toUpperCase());
    const title = element("span", { class: "holdall-name", id: `${id}-name`, title: name, dir: "auto" }, name);
    this.note = element("span", { class: "holdall-note", id: `${id}-note` });
    this.bar = element("progress", { class: "holdall-bar", max: 1, "aria-labelledby": title.id });
    this.main = this.button(() => {
      if (upload.state === "failed" || upload.state === "paused") upload.run();
      else upload.pause();
    });
    this.end = this.button(() => field.remove(upload));
    this.hidden = element("input", { type: "hidden" });
    const buttons = element("span", { class: "holdall-buttons" }, this.main, this.end);
    this.element = element("li", { class: "holdall-file" }, this.tile, title, this.note, buttons, this.bar, this.hidden);
    if (upload.file) this.picture(upload.file);
  }

  button(act) {
    const button = element("button", { class: "holdall-button", type: "button" });
    button.addEventListener("click", act);
    return button;
  }

  label(button, shape, text) {
    if (button.title === text) return;
    button.replaceChildren(icon(shape));
    button.title = text;
    button.setAttribute("aria-label", `${text}: ${this.upload.name}`);
  }

  /** A small picture, drawn: an address of the page's own making (blob:) would need a place in its policy. */
  async picture(file) {
    if (!PICTURE.test(file.type) || file.size > PICTURE_BYTES) return;
    try {
      const size = { resizeHeight: 96, resizeQuality: "medium" };
      const bitmap = await drawings.through(undefined, () => createImageBitmap(file, size));
      const canvas = element("canvas", { width: 96, height: 96 });
      const scale = Math.max(96 / bitmap.width, 1);
      const [width, height] = [bitmap.width * scale, bitmap.height * scale];
      canvas.getContext("2d").drawImage(bitmap, (96 - width) / 2, (96 - height) / 2, width, height);
      bitmap.close();
      this.tile.replaceChildren(canvas);
    } catch {
      // Not a picture after all; its letters stay.
    }
  }

  drawSoon() {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.draw();
    });
  }

  draw() {
    const { upload } = this;
    const { field, state, size } = upload;
    const part = size ? Math.min(1, upload.sent / size) : 1;
    this.element.dataset.state = state;
    this.element.toggleAttribute("data-troubled", upload.isTroubled);
    this.bar.hidden = !upload.isBusy;
    this.bar.value = part;
    const figures = [size === undefined ? "" : field.bytes(size)];
    if (state === "running" || (state === "paused" && part > 0)) figures.push(field.number(Math.floor(part * 100) / 100, { style: "percent" }));
    const text = [...(state === "failed" ? [] : figures), upload.note].filter(Boolean).join(" · ");
    if (this.note.textContent !== text) this.note.textContent = text;

    const { t } = field;
    const hadFocus = document.activeElement === this.main;
    this.main.hidden = !(upload.canPause || (state === "failed" && upload.file && !upload.isFinal));
    if (state === "paused") this.label(this.main, "continue", t("Continue"));
    else if (state === "failed") this.label(this.main, "again", t("Try again"));
    else this.label(this.main, "pause", t("Pause"));
    this.label(this.end, "remove", upload.isBusy ? t("Cancel") : t("Remove"));
    if (hadFocus && this.main.hidden) this.end.focus();

    const { hidden } = this;
    hidden.disabled = state !== "done";
    hidden.name = field.input.name;
    // An input can be of a form that is elsewhere on the page; its tickets are of the same.
    const form = field.input.getAttribute("form");
    if (form) hidden.setAttribute("form", form);
    hidden.value = upload.value;
  }

  remove() {
    const hadFocus = this.element.contains(document.activeElement);
    const next = this.element.nextElementSibling || this.element.previousElementSibling;
    this.element.remove();
    if (hadFocus) (next?.querySelector(".holdall-buttons :last-child") || this.upload.field.input).focus();
  }
}

/** One file input, and the uploads that it holds. */
export class Field {
  constructor(input, { holdallUpload, holdallUrl, holdallTexts } = input.dataset) {
    this.input = input;
    this.uploads = [];
    this.token = holdallUpload;
    this.url = new URL(holdallUrl.replace(/\/?$/, "/"), document.baseURI).href;
    this.texts = JSON.parse(holdallTexts || "{}");
    this.isRequired = input.required;
    this.language = input.closest("[lang]")?.lang || undefined;
    this.t = (text, values = {}) => (this.texts[text] || text).replace(/\{(\w+)\}/g, (_, name) => values[name]);
    const early = this.early();
    this.build();
    this.listen();
    this.restore();
    this.sync();
    if (early.length) this.add(early);
  }

  /** Give the files that were chosen before this module was there; a form that was cloned brings along its original's. */
  early() {
    const isCopy = this.input.closest(".holdall-upload")?.querySelector("[data-holdall-made]");
    return isCopy ? [] : [...this.input.files];
  }

  build() {
    const { input, t } = this;
    this.root = input.closest(".holdall-upload");
    if (!this.root) {
      this.root = element("div", { class: "holdall-upload" });
      input.before(this.root);
      this.root.append(input);
    }
    // A form that was cloned brings along what was made for its original.
    for (const made of this.root.querySelectorAll("[data-holdall-made]")) {
      if (made.contains(input)) made.before(input);
      made.remove();
    }
    const id = input.id || `holdall-${++ids}`;
    this.prompt = element("span", { class: "holdall-prompt", id: `${id}-prompt` });
    this.zone = element("div", { class: "holdall-zone" }, icon("upload"), this.prompt);
    this.list = element("ul", { class: "holdall-files", "aria-label": t("Files") });
    this.total = element("p", { class: "holdall-total" });
    this.held = element("p", { class: "holdall-held" }, t("The form is sent as soon as everything is uploaded."), " ");
    const release = element("button", { class: "holdall-text-button", type: "button" }, t("Do not send it"));
    release.addEventListener("click", () => {
      holds.delete(input.form);
      for (const field of fields.values()) field.sync();
      input.focus();
    });
    this.held.append(release);
    this.status = element("p", { class: "holdall-status", role: "status", "aria-live": "polite" });
    this.description = input.getAttribute("aria-describedby") || "";
    const made = [this.zone, this.list, this.total, this.held, this.status];
    for (const part of made) part.dataset.holdallMade = "";
    input.before(this.zone);
    this.zone.append(input);
    this.zone.after(this.list, this.total, this.held, this.status);
    this.root.dataset.ready = "";
    this.root.toggleAttribute("data-several", input.multiple);
  }

  listen() {
    const { input, zone, root } = this;
    // Here, and not when files were chosen: others read from the input what was (Wagtail does a moment later). Without it,
    // choosing the same file again would be no change.
    input.addEventListener("click", () => (input.value = ""));
    input.addEventListener("change", () => this.add([...input.files]));
    let depth = 0;
    const over = (isOver) => root.toggleAttribute("data-over", isOver);
    zone.addEventListener("dragenter", (event) => {
      if (!event.dataTransfer.types.includes("Files")) return;
      depth++;
      over(true);
    });
    zone.addEventListener("dragleave", () => over((depth = Math.max(0, depth - 1)) > 0));
    zone.addEventListener("dragover", (event) => event.preventDefault());
    zone.addEventListener("drop", (event) => {
      event.preventDefault();
      over((depth = 0) > 0);
      this.give(event.dataTransfer.files);
    });
    root.addEventListener("paste", (event) => this.paste(event));
  }

  paste(event) {
    const pasted = [...(event.clipboardData?.files || [])];
    if (!pasted.length) return;
    event.preventDefault();
    this.give(pasted);
  }

  /** Choose files as the picker would have, for whoever else listens to the input (Wagtail makes a title of the name). */
  give(given) {
    const { input } = this;
    if (input.disabled || !given.length) return;
    const transfer = new DataTransfer();
    for (const file of input.multiple ? given : [given[0]]) transfer.items.add(file);
    input.files = transfer.files;
    for (const name of ["input", "change"]) input.dispatchEvent(new Event(name, { bubbles: true }));
    if (given.length > 1 && !input.multiple) {
      this.say(this.t("Only one file can be uploaded here; the first one was taken."));
    }
  }

  /** Show what the server's form, or this page before it was loaded again, had already. */
  async restore() {
    for (const hidden of this.root.querySelectorAll("input[type=hidden][data-holdall-name]")) {
      const { holdallName: name, holdallSize: size } = hidden.dataset;
      this.show(new Upload(this, { name, size: size && Number(size), ticket: hidden.value, state: "done" }));
      hidden.remove();
    }
    const [{ type } = {}] = performance.getEntriesByType("navigation");
    if (!this.uploads.length && (type === "reload" || type === "back_forward")) {
      for (const kept of this.kept) this.show(new Upload(this, { ...kept, state: "done" }));
    }
    this.keep();
    for (const note of (await notes.all()) || []) {
      if (note.began < Date.now() - REMEMBERED) notes.delete(note.key);
      else if (note.page === location.pathname && note.input === this.input.name && this.root.isConnected) {
        const { name, size, ticket } = note;
        if (this.uploads.some((upload) => upload.file && upload.key === note.key)) continue;
        this.show(new Upload(this, { name, size, ticket, noteKey: note.key, state: "absent" }));
      }
    }
    this.sync();
  }

  get kept() {
    try {
      return JSON.parse(sessionStorage.getItem(this.place) || "[]");
    } catch {
      return [];
    }
  }

  get place() {
    return `holdall:${location.pathname}:${this.input.name}`;
  }

  keep(done = this.allThat("done")) {
    const kept = done.map(({ name, size, value }) => ({ name, size, ticket: value }));
    try {
      sessionStorage.setItem(this.place, JSON.stringify(kept));
    } catch {
      // Without storage a reload begins anew.
    }
  }

  show(upload) {
    this.uploads.push(upload);
    this.list.append(upload.row.element);
    upload.row.draw();
  }

  add(chosen) {
    if (!chosen.length || this.input.disabled) return;
    const added = chosen.map((file) => new Upload(this, { file, name: file.name, size: file.size }));
    for (const { key } of added) {
      const absent = this.uploads.find((other) => other.noteKey === key);
      if (absent) this.drop(absent, { isKept: true });
    }
    if (!this.input.multiple) for (const upload of [...this.uploads]) this.drop(upload);
    for (const upload of added) {
      this.show(upload);
      if (this.accepts(upload.file)) upload.run();
      else upload.fail(new Failure(this.t("This type of file is not accepted here."), { status: 415 }));
    }
    this.sync();
  }

  /** What the picker would not have offered can still be dropped or pasted. */
  accepts({ name, type }) {
    const wanted = this.input.accept.toLowerCase().split(",").map((one) => one.trim()).filter(Boolean);
    return (
      !wanted.length ||
      wanted.some((one) => {
        if (one.startsWith(".")) return name.toLowerCase().endsWith(one);
        // A browser may know no type, or another name of it (on Windows a .csv is Excel's): the server goes by the name.
        const kind = one.split("/")[0];
        return !type || ["*", "application", type.split("/")[0]].includes(kind) || type.startsWith("application/");
      })
    );
  }

  drop(upload, { isKept = false } = {}) {
    if (!isKept) upload.cancel();
    this.uploads.splice(this.uploads.indexOf(upload), 1);
    upload.row.remove();
  }

  remove(upload) {
    this.drop(upload);
    this.say(this.t("{name} was removed.", { name: upload.name }));
    this.changed(upload);
  }

  changed(upload) {
    if (!this.uploads.includes(upload) && upload.state !== "done") return this.settle();
    const done = this.allThat("done").length;
    if (upload.state === "failed") this.say(`${upload.name}: ${upload.reason}`);
    if (upload.state === "done" && !this.isBusy) {
      const all = this.uploads.length;
      this.say(all === 1 ? this.t("{name} is uploaded.", upload) : this.t("{done} of {all} files uploaded", { done, all }));
    }
    this.settle();
  }

  settle() {
    this.sync();
    this.keep();
    go(this.input.form);
  }

  get isBusy() {
    return this.uploads.some((upload) => upload.isBusy);
  }

  allThat(state) {
    return this.uploads.filter((upload) => upload.state === state);
  }

  sync() {
    const { input, uploads, t } = this;
    const failed = this.allThat("failed");
    const all = uploads.filter((upload) => upload.state !== "absent");
    const done = this.allThat("done").length;
    input.required = this.isRequired && !all.length;
    input.setCustomValidity(failed.length ? `${failed[0].name}: ${failed[0].reason}` : "");
    input.toggleAttribute("aria-invalid", false);
    if (failed.length) input.setAttribute("aria-invalid", "true");
    const described = [this.description, this.prompt.id, ...failed.map((upload) => upload.row.note.id)];
    input.setAttribute("aria-describedby", described.filter(Boolean).join(" "));
    let prompt = t("Drop a file here, or choose one");
    if (input.multiple) prompt = uploads.length ? t("Add more files") : t("Drop files here, or choose them");
    else if (all.length) prompt = t("Choose another file");
    if (this.prompt.textContent !== prompt) this.prompt.textContent = prompt;
    this.list.hidden = !uploads.length;
    this.total.hidden = all.length < 2;
    this.total.textContent = t("{done} of {all} files uploaded", { done, all: all.length });
    this.held.hidden = !holds.has(input.form) || !this.isBusy;
    this.root.toggleAttribute("data-filled", uploads.length > 0);
    this.root.toggleAttribute("data-failed", failed.length > 0);
  }

  say(text) {
    this.status.textContent = text;
  }

  emit(what, { name, size, sent, reason, value }) {
    this.root.dispatchEvent(
      new CustomEvent(`holdall:${what}`, { bubbles: true, detail: { name, size, sent, reason, ticket: value } }),
    );
  }

  bytes(count) {
    const units = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"];
    let step = 0;
    while (count >= 999.5 && step < 4) {
      count /= 1000;
      step++;
    }
    const maximumFractionDigits = step > 1 && count < 100 ? 1 : 0;
    return this.number(count, { style: "unit", unit: units[step], unitDisplay: step ? "short" : "long", maximumFractionDigits });
  }

  number(value, how) {
    try {
      return value.toLocaleString(this.language, how);
    } catch {
      // What the page says is no language.
      return value.toLocaleString(undefined, how);
    }
  }

  get csrf() {
    const token = this.input.form?.elements.csrfmiddlewaretoken || document.querySelector("[name=csrfmiddlewaretoken]");
    return token?.value || /(?:^|; )csrftoken=([^;]*)/.exec(document.cookie)?.[1] || "";
  }

  /** Ask our own server, which decides. */
  async ask(path, body, signal) {
    let answer;
    try {
      answer = await fetch(new URL(path, this.url), {
        method: "POST",
        credentials: "same-origin",
        headers: { "Content-Type": "application/json", Accept: "application/json", "X-CSRFToken": this.csrf },
        body: JSON.stringify(body),
        signal,
      });
    } catch (failure) {
      if (signal?.aborted) throw failure;
      throw new Failure("", { isPassing: true });
    }
    // By how much the visitor's clock is ahead of the server's: hours, on many a machine.
    this.ahead = Date.now() - Date.parse(answer.headers.get("Date")) || 0;
    const told = await answer.json().catch(() => ({}));
    if (answer.ok) return told;
    const { status } = answer;
    throw new Failure(told.message || this.t("The server refused the file ({status}).", { status }), {
      status,
      code: told.error,
      // Too many are open: this passes when some are saved or cancelled, not by waiting.
      isPassing: isPassing(status) && told.error !== "too_many",
      wait: 1000 * Number(answer.headers.get("Retry-After") || 0),
    });
  }

  /** Stop what nobody can see any more; it can be taken up again by whoever chooses the same file. */
  leave() {
    for (const upload of this.uploads) upload.controller?.abort(pause);
  }
}

// Forms that are sent as soon as their uploads are finished, with the button that was pressed.
const holds = new Map();

const fieldsOf = (form) => [...fields.values()].filter((field) => field.input.form === form);
const busyFieldsOf = (form) => fieldsOf(form).filter((field) => field.isBusy);

function go(form) {
  if (!holds.has(form) || busyFieldsOf(form).length) return;
  const submitter = holds.get(form);
  holds.delete(form);
  // A failed upload makes its input invalid, so the browser says what is wrong instead of sending.
  if (form.isConnected) form.requestSubmit(submitter?.isConnected ? submitter : undefined);
}

addEventListener(
  "submit",
  (event) => {
    const form = event.target;
    const busy = busyFieldsOf(form);
    if (!busy.length) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    holds.set(form, event.submitter);
    for (const field of busy) {
      // Whoever sends the form wants the files.
      for (const upload of field.uploads) if (upload.state === "paused") upload.run();
      field.sync();
    }
    busy[0].say(busy[0].held.firstChild.data);
  },
  true,
);

// After all others, which may refuse: the tickets are on their way, and are good for once.
addEventListener("submit", (event) => {
  if (!event.defaultPrevented) for (const field of fieldsOf(event.target)) field.keep([]);
});

// Also where a script reads the form itself: what is in the bucket does not go with it, and what is not there yet does.
addEventListener("formdata", ({ target, formData }) => {
  for (const field of fieldsOf(target)) {
    const { name, disabled } = field.input;
    if (disabled) continue;
    const tickets = formData.getAll(name).filter((one) => !(one instanceof File));
    const enclosed = field.uploads.filter((upload) => upload.file && (upload.isBusy || upload.state === "enclosed"));
    formData.delete(name);
    for (const one of [...tickets, ...enclosed.map(({ file }) => file)]) formData.append(name, one);
  }
});

// What was chosen is let go, as an ordinary input lets it go; what the page came with stays.
addEventListener("reset", ({ target, defaultPrevented }) => {
  if (defaultPrevented) return;
  holds.delete(target);
  for (const field of fieldsOf(target)) {
    for (const upload of field.uploads.filter(({ file }) => file)) field.drop(upload);
    field.settle();
  }
});

addEventListener("beforeunload", (event) => {
  if ([...fields.values()].some((field) => field.isBusy && !holds.has(field.input.form))) event.preventDefault();
});

addEventListener("paste", (event) => {
  const isEditable = event.target.closest?.("input, textarea, select, [contenteditable]");
  if (fields.size === 1 && !event.defaultPrevented && !isEditable) [...fields.values()][0].paste(event);
});

for (const name of ["online", "offline"]) {
  addEventListener(name, () => {
    for (const field of fields.values()) for (const upload of field.uploads) upload.row.draw();
  });
}

/** Take over the inputs below an element, once each. The module does so by itself; this is for shadow roots. */
export function enhance(root = document) {
  const inputs = [...root.querySelectorAll(INPUT)];
  if (root.matches?.(INPUT)) inputs.push(root);
  for (const input of inputs) {
    // The form that others are made from (Django's formsets) is never filled in itself.
    if (fields.has(input) || input.name.includes("__prefix__")) continue;
    fields.set(input, new Field(input));
  }
}

function tidy() {
  for (const [input, field] of fields) {
    if (input.isConnected) continue;
    field.leave();
    fields.delete(input);
  }
}

enhance();
new MutationObserver((changes) => {
  for (const { addedNodes } of changes) {
    for (const node of addedNodes) if (node.nodeType === Node.ELEMENT_NODE && node.isConnected) enhance(node);
  }
  tidy();
}).observe(document.documentElement, { childList: true, subtree: true });
