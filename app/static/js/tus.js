/**
 * Sends one file by the tus protocol (https://tus.io) in pieces, and goes on where the server has it: after a pause, a
 * broken connection, a restarted server or a reload of the page.
 */

const VERSION = { "Tus-Resumable": "1.0.0" };
const PIECE = 32 * 1024 * 1024; // bytes of one request
const WAITS = [1, 2, 4, 8, 15, 30]; // seconds before the next try
const ASK_AGAIN = 1000; // ms between two looks at a file that is being filed
const PASSING = [0, 408, 409, 423, 425, 429, 500, 502, 503, 504]; // 0: no answer

const MENDABLE = [401, 403, 404, 507];

/** What went wrong; `passes` where another try may help, `mendable` where it may once a person has done something. */
class Failure extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
    this.passes = PASSING.includes(status);
    this.mendable = MENDABLE.includes(status);
  }
}

/** Thrown to leave a run that was paused or cancelled. */
class Stopped extends Error {}

export class Transfer {
  /**
   * @param {File} file What to send.
   * @param {{endpoint: string, metadata: Object<string, string>, url?: string}} options Where to; `url` of an upload that is gone on with.
   * @param {{progress: function, waits: function, files: function}} on Called with bytes; with seconds and a message; when all is sent.
   */
  constructor(file, { endpoint, metadata, url = null }, on) {
    Object.assign(this, { file, endpoint, metadata, url, on });
    this.offset = 0;
    this.furthest = 0;
    this.tries = 0;
    this.request = null;
    this.run = null; // the present run; one that finds another here has been stopped
    this.wake = () => {};
  }

  /** Sends until the end. Returns what became of the file, `null` when stopped; throws what no other try can mend. */
  async start() {
    const run = (this.run = {});
    for (;;) {
      try {
        return await this.#sendAll(run);
      } catch (error) {
        if (error instanceof Stopped) return null;
        if (!error.passes) throw error;
        // Some browsers send a piece a second time by themselves after a connection broke: nothing is wrong then.
        if (error.status === 409 && this.run === run && !this.tries++) continue;
        if (!(await this.#wait(run, error.message))) return null;
      }
    }
  }

  /** Stops; what has come to the server stays there. */
  stop() {
    this.run = null;
    this.request?.abort();
    this.wake();
  }

  /** Stops and has the server forget what had come. */
  async cancel() {
    this.stop();
    for (const seconds of [0, ...WAITS]) {
      await sleep(seconds * 1000);
      if (!this.url || (await forget(this.url))) return;
    }
  }

  /** Ends a wait for the next try. */
  hurry() {
    this.wake();
  }

  async #sendAll(run) {
    if (this.url) await this.#ask(run);
    if (!this.url) await this.#create(run);
    while (this.offset < this.file.size) {
      await this.#sendPiece(run);
      this.furthest = this.offset;
      this.tries = 0;
    }
    this.on.files();
    return this.#end(run);
  }

  async #create(run) {
    const headers = { ...VERSION, "Upload-Length": String(this.file.size), "Upload-Metadata": encode(this.metadata) };
    const answer = await call(this.endpoint, { method: "POST", headers });
    this.url = new URL(answer.headers.get("Location"), location.href).pathname;
    this.offset = 0;
    this.#check(run);
  }

  /** How far the server is. */
  async #ask(run) {
    const found = await tell(this.url);
    this.#check(run);
    if (found === null) this.url = null; // its time ran out: from the beginning
    else this.offset = found.state === "uploading" ? found.offset : this.file.size;
    if (this.offset > this.furthest) {
      this.furthest = this.offset;
      this.tries = 0; // a connection that breaks again and again but brings some bytes each time is worth no long wait
    }
    this.on.progress(this.offset);
  }

  async #sendPiece(run) {
    const piece = this.file.slice(this.offset, this.offset + PIECE);
    await readable(piece);
    this.#check(run);
    this.offset = await new Promise((resolve, reject) => {
      const request = (this.request = new XMLHttpRequest()); // fetch tells nothing about the way of a body
      request.open("PATCH", this.url);
      for (const [name, value] of Object.entries(VERSION)) request.setRequestHeader(name, value);
      request.setRequestHeader("Upload-Offset", String(this.offset));
      request.setRequestHeader("Content-Type", "application/offset+octet-stream");
      request.responseType = "text";
      request.upload.addEventListener("progress", (event) => this.run === run && this.on.progress(this.offset + event.loaded));
      request.addEventListener("abort", () => reject(new Stopped()));
      request.addEventListener("error", () => reject(new Failure("The connection is gone.", 0)));
      request.addEventListener("load", () => {
        if (request.status === 204) resolve(Number(request.getResponseHeader("Upload-Offset")));
        else reject(failure(request.status, request.responseText));
      });
      request.send(piece);
    });
    this.#check(run);
    this.on.progress(this.offset);
  }

  /** What became of the file, once the server has filed it. */
  async #end(run) {
    for (;;) {
      const found = await tell(this.url);
      this.#check(run);
      if (found === null) throw new Failure("The server knows nothing of this file any more. Add it again.", 404);
      if (found.error) throw new Failure(found.error.message, 422);
      if (found.state === "filed") return found;
      await sleep(ASK_AGAIN);
    }
  }

  async #wait(run, message) {
    if (this.run !== run) return false;
    const seconds = WAITS[Math.min(this.tries, WAITS.length - 1)] * (0.8 + Math.random() * 0.4);
    this.tries += 1;
    this.on.waits(seconds, message);
    await new Promise((resolve) => {
      this.wake = resolve;
      setTimeout(resolve, seconds * 1000);
    });
    return this.run === run;
  }

  #check(run) {
    if (this.run !== run) throw new Stopped();
  }
}

/** What the server says about an upload; `null` where it knows of none. */
export async function tell(url) {
  try {
    return await (await call(url, { headers: { Accept: "application/json" } })).json();
  } catch (error) {
    if (error.status === 404 || error.status === 410) return null;
    throw error instanceof Failure ? error : new Failure("The connection is gone.", 0);
  }
}

/** Has the server forget an upload; false where that has to be tried again. */
export async function forget(url) {
  try {
    await call(url, { method: "DELETE", headers: VERSION });
  } catch (error) {
    return !error.passes;
  }
  return true;
}

async function call(url, options) {
  let answer;
  try {
    answer = await fetch(url, { cache: "no-store", redirect: "error", ...options });
  } catch {
    throw new Failure("The connection is gone.", 0);
  }
  if (!answer.ok) throw failure(answer.status, await answer.text());
  return answer;
}

function failure(status, text) {
  if (status === 401) return new Failure("You are logged out. Log in again in another window, then try again.", status);
  let message = "";
  try {
    message = JSON.parse(text).error.message;
  } catch {
    // not from our server: a proxy, perhaps
  }
  return new Failure(message || `The server answered with status ${status}.`, status);
}

/** Fails where the file cannot be read any more; a browser tells that no better than a broken connection. */
async function readable(piece) {
  try {
    await piece.slice(0, 1).arrayBuffer();
  } catch {
    throw new Failure("This file was changed, moved or deleted meanwhile. Add it again.", 400);
  }
}

function encode(metadata) {
  return Object.entries(metadata)
    .filter(([, value]) => value)
    .map(([name, value]) => `${name} ${btoa(String.fromCharCode(...new TextEncoder().encode(value)))}`)
    .join(",");
}

function sleep(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
