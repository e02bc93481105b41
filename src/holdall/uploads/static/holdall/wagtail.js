// Direct uploads on the pages where Wagtail adds several pictures or documents at once.
//
// The page is Wagtail's, with its script (jQuery File Upload): it takes what is chosen or dropped, checks it, shows a
// row for each file, and posts it. This module comes in just before the post: the file goes to the bucket, and a small
// file of the same name is posted in its place, whose content is the ticket. Without this module, without a token, or
// with another script than Wagtail has now, the file itself is posted, as ever.

const TICKET_TYPE = "application/vnd.holdall.ticket";
const script = document.querySelector("script[data-holdall-upload]");
const input = document.querySelector("#fileupload[type=file][multiple]");
const { jQuery } = window;

/** The page's input, with a row of the widget inside each of Wagtail's. */
const batchOf = (Field) =>
  class extends Field {
    early() {
      // Wagtail has sent them itself.
      return [];
    }

    build() {
      // What Wagtail knows of a file, by the file.
      this.posts = new Map();
      this.list = made("ul", "holdall-files");
      this.list.setAttribute("aria-label", this.t("Files"));
      this.status = made("p", "holdall-status");
      this.status.setAttribute("role", "status");
      this.status.setAttribute("aria-live", "polite");
      this.root = made("div", "holdall-upload holdall-batch", this.list, this.status);
      (this.input.closest(".drop-zone") || this.input.form).after(this.root);
    }

    // Wagtail listens to the input; the form is never sent, so nothing is kept for it.
    listen() {}
    keep() {}

    get kept() {
      return [];
    }

    sync() {
      this.list.hidden = !this.list.childElementCount;
    }

    take(post) {
      this.posts.set(post.files[0], post);
      this.add(post.files.slice(0, 1));
    }

    show(upload) {
      super.show(upload);
      const post = this.posts.get(upload.file);
      if (!post) return;
      const list = made("ul", "holdall-files", upload.row.element);
      post.context.find(".right").append(made("div", "holdall-upload holdall-batch", list));
    }

    remove(upload) {
      super.remove(upload);
      this.posts.get(upload.file)?.context.remove();
    }

    changed(upload) {
      super.changed(upload);
      if (upload.state === "done") this.post(upload, new File([upload.value], upload.name, { type: TICKET_TYPE }));
      // A ticket that the server or the bucket refuses: Wagtail's own way may still be open.
      const isRefused = upload.state === "failed" && upload.status >= 400 && upload.status < 500 && !upload.isFinal;
      if (isRefused || upload.state === "enclosed") this.post(upload, upload.file);
    }

    post(upload, content) {
      const post = this.posts.get(upload.file);
      this.posts.delete(upload.file);
      const place = upload.row.element.closest(".holdall-batch");
      this.drop(upload, { isKept: true });
      place.remove();
      post.files = [content];
      post.isDecided = true;
      post.submit();
    }
  };

function made(tag, className, ...children) {
  const element = document.createElement(tag);
  element.className = className;
  element.append(...children);
  return element;
}

if (script && input && jQuery) {
  // By the address that the page has it from, which may have a hash in it: there is one of it.
  const begun = import(script.dataset.holdallModule).then(({ Field }) => {
    const batch = new (batchOf(Field))(input, script.dataset);
    addEventListener("beforeunload", (event) => {
      if (batch.isBusy) event.preventDefault();
    });
    for (const name of ["online", "offline"]) {
      addEventListener(name, () => {
        for (const upload of batch.uploads) upload.row.draw();
      });
    }
    return batch;
  });
  begun.catch(console.error);

  jQuery(input).on("fileuploadsubmit", (event, post) => {
    if (post.isDecided) return;
    event.preventDefault();
    begun.then(
      (batch) => batch.take(post),
      () => Object.assign(post, { isDecided: true }).submit(),
    );
  });
}
