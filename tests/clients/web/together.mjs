// Annotates an article as a browser does while grpcio does the same: each follows it and sees the other.
//
// Run it with the server's URL, while python/together.py runs with the same server; it prints one line of JSON and exits
// with 0 when every answer was right.

import { randomUUID } from "node:crypto";

import { equals } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";

import { FAMILY, TEXT, anchored, check, connect, refused, run, show, utf16 } from "./api.mjs";

const [ME, OTHER] = ["web", "python"];
const PROJECT = "projects/together";
const ARTICLE = `${PROJECT}/articles/shared`;
const CONTESTED = `${ARTICLE}/annotations/0190163d-8694-739b-aea5-000000000003`;
const ROUNDS = 3;
const INCREMENTS = 10;
const MILLISECONDS_PER_STREAM = 60_000;
// Each client creates these by the same requests, of which one does it and the other is answered the same.
const TWINS = [0, 1, 2].map((number) => `0190163d-8694-739b-aea5-00000000000${number}`);

/** Follows the article, and keeps what it is told. */
class Follower {
  held = new Map();
  seen = [];
  #parts = [];
  #leaving = new AbortController();
  #stream;

  static async open(api) {
    const follower = new Follower();
    const options = { timeoutMs: MILLISECONDS_PER_STREAM, signal: follower.#leaving.signal };
    const start = { case: "snapshot", value: {} };
    const stream = api.changes.watchChanges({ parent: PROJECT, article: "shared", start }, options);
    follower.#stream = stream[Symbol.asyncIterator]();
    check("the first message", (await follower.#event()).case, "opened");
    for (let last = false; !last; ) {
      const event = await follower.#event();
      check("what a watch begins with", event.case, "snapshot");
      event.value.resources.forEach((resource) => follower.#put(resource));
      last = event.value.last;
    }
    return follower;
  }

  async #event() {
    const { value, done } = await this.#stream.next();
    check("whether the stream ended with OK", done ?? false, false);
    return value.event;
  }

  #put({ kind: { value } }) {
    const known = this.held.get(value.name);
    if (known === undefined || known.revision <= value.revision) {
      this.held.set(value.name, value);
    }
  }

  async #read() {
    const event = await this.#event();
    if (event.case !== "changes") {
      check("what comes between changes", event.case, "checkpoint");
      return;
    }
    const commit = event.value;
    this.#parts.push(...commit.changes);
    if (commit.continued) {
      return;
    }
    for (const change of this.#parts) {
      if (change.after !== undefined) {
        this.#put(change.after);
      } else if (this.held.get(change.name).revision < commit.revision) {
        this.held.delete(change.name);
      }
      this.seen.push({ request: commit.requestId, change });
    }
    this.#parts = [];
  }

  /** Reads on until there is an annotation with this label in this layer. */
  async until(layer, label) {
    while (![...this.held.values()].some((found) => found.layer === layer && found.label === label)) {
      await this.#read();
    }
  }

  /** Leaves, which ends the stream, and with it the timer that would keep this program up. */
  async close() {
    this.#leaving.abort();
    const end = await this.#stream.next().catch((cause) => ConnectError.from(cause).code);
    check("how the stream ends", end, Code.Canceled);
  }
}

/** What both need, made once by whoever comes first. */
async function begin(api) {
  await api.projects.createProject({ projectId: "together", requestId: TWINS[0] });
  await api.articles.createArticle({
    parent: PROJECT,
    articleId: "shared",
    article: { text: TEXT },
    requestId: TWINS[1],
  });
  const contested = await api.annotations.createAnnotation({
    parent: ARTICLE,
    annotationId: CONTESTED.split("/").at(-1),
    annotation: { layer: "both", label: "0", ...anchored([{ quote: "Huawei", prefix: "then " }]) },
    requestId: TWINS[2],
  });
  check("the name of what both change", contested.name, CONTESTED);
  return contested;
}

/** A new request's id, kept. */
function newRequest(requests) {
  requests.push(randomUUID());
  return requests.at(-1);
}

/** Creates an annotation by UTF-16 units. */
function mark(api, label, quote, requests) {
  const annotation = { layer: ME, label, ...anchored([{ utf16: utf16(quote) }]) };
  return api.annotations.createAnnotation({ parent: ARTICLE, annotation, requestId: newRequest(requests) });
}

/** Creates, changes and deletes. */
async function rounds(api, requests) {
  for (let number = 0; number < ROUNDS; number += 1) {
    const { name, etag } = await mark(api, `ROUND ${number}`, FAMILY, requests);
    const changed = await api.annotations.updateAnnotation({
      annotation: { name, etag, label: `ROUND ${number} CHANGED` },
      updateMask: { paths: ["label"] },
      requestId: newRequest(requests),
    });
    await api.annotations.deleteAnnotation({ name, etag: changed.etag, requestId: newRequest(requests) });
  }
}

/** What is there now, which a refusal for an etag that is out of date brings along. */
function current(api, error) {
  const found = error.findDetails(api.annotationSchema);
  check("how many annotations a stale etag brings along", found.length, 1);
  const [{ name, target }] = found;
  check("which one", [name, target.value.spans[0].quote], [CONTESTED, "Huawei"]);
  return found[0];
}

/** Counts up what the other counts up, too, and never reads it but from refusals; returns how often it was late. */
async function contend(api, state) {
  const first = state.etag;
  let [done, late] = [0, 0];
  while (done < INCREMENTS) {
    // The first etag is out of date once anybody has counted.
    const etag = done === INCREMENTS - 1 && late === 0 ? first : state.etag;
    const annotation = { name: CONTESTED, label: `${Number(state.label) + 1}`, etag };
    const count = () =>
      api.annotations.updateAnnotation({
        annotation,
        updateMask: { paths: ["label"] },
        requestId: randomUUID(),
      });
    try {
      state = await count();
      done += 1;
    } catch (cause) {
      const again = () => Promise.reject(cause);
      const { error, metadata } = await refused("a stale etag", again, Code.Aborted, "ETAG_MISMATCH");
      state = current(api, ConnectError.from(error));
      check("the etag of what is there now", metadata.current_etag, state.etag);
      late += 1;
    }
  }
  return late;
}

const sides = ({ before, after }) => [before, after].map((side) => side?.kind.value);
const layer = (change) => sides(change).find((side) => side !== undefined).layer;

/** Each change of the other has what was before and what is after, and each of our own is of its request. */
function checkSeen(follower, requests) {
  const own = follower.seen.filter(({ change }) => layer(change) === ME).map(({ request }) => request);
  check("the requests of our own changes", own, requests);
  const told = [];
  for (const { change } of follower.seen.filter(({ change }) => layer(change) === OTHER)) {
    for (const side of sides(change).filter((side) => side !== undefined)) {
      const [{ utf16: range, quote }] = side.target.value.spans;
      check("the slice in utf16", TEXT.slice(range.start, range.end), quote);
    }
    told.push(sides(change).map((side) => side?.label ?? ""));
  }
  const expected = [];
  for (let number = 0; number < ROUNDS; number += 1) {
    const [made, changed] = [`ROUND ${number}`, `ROUND ${number} CHANGED`];
    expected.push(["", made], [made, changed], [changed, ""]);
  }
  // It may have been ready before we followed.
  const done = told.filter((labels) => show(labels) !== show(["", "READY"]));
  check("what the other did", done, [...expected, ["", "DONE"]]);
}

async function main(baseUrl) {
  const api = connect(baseUrl);
  const contested = await begin(api);
  const [follower, requests] = [await Follower.open(api), []];
  await mark(api, "READY", "日本語", requests);
  await follower.until(OTHER, "READY");
  await rounds(api, requests);
  const late = await contend(api, contested);
  check("whether it was ever late", late > 0, true);
  await mark(api, "DONE", "\u{1d518}", requests);
  await follower.until(OTHER, "DONE");
  await follower.until(ME, "DONE");
  checkSeen(follower, requests);
  check("what both counted", follower.held.get(CONTESTED).label, `${2 * INCREMENTS}`);
  const { annotations } = await api.annotations.listAnnotations({ parent: ARTICLE });
  check("how many are held of what is told", follower.held.size - 1, annotations.length);
  for (const annotation of annotations) {
    const same = equals(api.annotationSchema, annotation, follower.held.get(annotation.name));
    check(`whether ${annotation.name} is held as it is listed`, same, true);
  }
  await follower.close();
  console.log(JSON.stringify({ client: ME, unit: "utf16", seen: follower.seen.length, late }));
}

await run("together.mjs http://HOST:PORT", main);
