// Uploads one file with tus-js-client as anybody would: node upload.mjs ENDPOINT FILE. Prints the upload's address.
import { createReadStream } from "node:fs";
import { basename } from "node:path";
import { Upload } from "tus-js-client";

const [endpoint, path] = process.argv.slice(2);
const upload = new Upload(createReadStream(path), {
  endpoint,
  retryDelays: [100, 300, 1000, 2000, 3000, 3000, 3000],
  metadata: { filename: basename(path), filetype: "video/mp4" },
  onError(error) {
    console.error(String(error));
    process.exitCode = 1;
  },
  onSuccess() {
    console.log(upload.url);
  },
});
upload.start();
