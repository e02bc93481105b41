// What the how-to shows, and nothing else of ours: the real Uppy, told one address.
import { AwsS3, Uppy } from "/uppy-bundle.js";

const form = document.querySelector("#report");
const uppy = new Uppy({ autoProceed: true });
uppy.use(AwsS3, { companionEndpoint: form.dataset.companion });
uppy.on("upload-success", (file, { body }) => {
  const value = document.createElement("input");
  Object.assign(value, { type: "hidden", name: "document", value: body.key });
  form.append(value);
});
uppy.on("complete", ({ successful, failed }) => {
  form.querySelector("[role=status]").textContent = `${successful.length} uploaded, ${failed.length} failed`;
});
document.querySelector("#chosen").addEventListener("change", ({ target }) => {
  for (const file of target.files) uppy.addFile({ name: file.name, type: file.type, data: file });
});
