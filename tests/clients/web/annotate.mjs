// Annotates an article as a browser does: gRPC-Web over fetch, counting in UTF-16 units as JavaScript does.
//
// Run it with the server's URL; it prints one line of JSON and exits with 0 when every answer was right.

import { createHash, randomUUID } from "node:crypto";

import { equals } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";

import {
  FAMILY,
  ORIGIN,
  TEXT,
  anchored,
  check,
  checkOrigin,
  checkSpan,
  connect,
  listed,
  refused,
  run,
  show,
  utf16,
} from "./api.mjs";

const EXPOSED = ["grpc-status", "grpc-message", "grpc-status-details-bin"];

// What is marked: the label, the quotes it must cover, and how its spans are sent.
const MARKS = [
  ["PERSON", ["Nicolás Maduro"], [{ utf16: utf16("Nicolás Maduro") }]],
  ["QUOTATION", ["“I have ordered immediate investment”"], [{ quote: "“I have ordered immediate investment”" }]],
  ["COMPANY", ["Huawei"], [{ utf16: utf16("Huawei"), quote: "Huawei" }]],
  ["COMPANY", ["Huawei"], [{ quote: "Huawei", prefix: "then " }]],
  ["EMOJI", [FAMILY], [{ utf16: utf16(FAMILY) }]],
  ["LANGUAGE", ["日本語"], [{ quote: "日本語", suffix: "の" }]],
  ["PLACE", ["cafe\u0301"], [{ utf16: utf16("cafe\u0301"), quote: "cafe\u0301" }]],
  ["LETTER", ["\u{1d518}"], [{ utf16: utf16("\u{1d518}") }]],
  ["READING", ["read", "記事"], [{ utf16: utf16("read") }, { quote: "記事" }]],
];

/** What a browser asks before it lets a page call another origin. */
async function preflight(baseUrl) {
  const asked = ["content-type", "grpc-timeout", "x-grpc-web", "x-user-agent"];
  const response = await fetch(new URL("/spandrel.v1.AnnotationService/CreateAnnotation", baseUrl), {
    method: "OPTIONS",
    headers: {
      Origin: ORIGIN,
      "Access-Control-Request-Method": "POST",
      "Access-Control-Request-Headers": asked.join(","),
    },
  });
  check("the preflight's status", response.ok, true);
  checkOrigin("the preflight", response);
  const methods = listed(response, "access-control-allow-methods");
  check(`whether the preflight allows POST (${methods})`, ["post", "*"].some((one) => methods.includes(one)), true);
  const headers = listed(response, "access-control-allow-headers");
  const missing = headers.includes("*") ? [] : asked.filter((one) => !headers.includes(one));
  check("the headers that the preflight refuses", missing, []);
}

/** Creates every mark, and returns the annotations by name. */
async function create(api, article) {
  const created = new Map();
  for (const [label, quotes, spans] of MARKS) {
    const annotation = await api.annotations.createAnnotation({
      parent: article,
      annotation: { label, ...anchored(spans) },
    });
    check(`${label}, its label and layer`, [annotation.label, annotation.layer], [label, "default"]);
    check(`${label}, what it is about`, annotation.target.case, "anchor");
    check(`${label}, how many spans`, annotation.target.value.spans.length, quotes.length);
    annotation.target.value.spans.forEach((span, index) => checkSpan(span, quotes[index]));
    created.set(annotation.name, annotation);
  }
  const [, , first, second] = created.values();
  const next = utf16("Huawei", first.target.value.spans[0].utf16.end);
  check("which Huawei the prefix chose", second.target.value.spans[0].utf16.start, next.start);
  return created;
}

/** All annotations of all pages. */
async function pages(api, fields) {
  const found = [];
  let pageToken = "";
  do {
    const page = await api.annotations.listAnnotations({ ...fields, pageSize: 4, pageToken });
    found.push(...page.annotations);
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  return found;
}

/** The same annotations, each the same in every field. */
function checkSame(what, api, found, created) {
  check(`${what}, how many`, found.length, created.size);
  for (const annotation of found) {
    const expected = created.get(annotation.name);
    const same = expected !== undefined && equals(api.annotationSchema, annotation, expected);
    check(`${what}, whether ${annotation.name} is what was created`, same, true);
  }
}

/** Lists and streams hold exactly what was created, in document order. */
async function readBack(api, project, article, created) {
  const place = ({ name, target: { value } }) => [value.spans[0].utf16.start, -value.spans.at(-1).utf16.end, name];
  const before = (one, other) => {
    const [a, b] = [place(one), place(other)];
    const unequal = a.findIndex((part, index) => part !== b[index]);
    return unequal < 0 ? 0 : a[unequal] < b[unequal] ? -1 : 1;
  };
  const found = await pages(api, { parent: article });
  checkSame("the list", api, found, created);
  check("its order", found.map(({ name }) => name), [...created.values()].sort(before).map(({ name }) => name));

  const labels = async (fields) => (await pages(api, { parent: article, ...fields })).map(({ label }) => label);
  check("the list of one label", await labels({ label: "COMPANY" }), ["COMPANY", "COMPANY"]);
  check("the window of the emoji", await labels({ overlaps: { utf16: utf16(FAMILY) } }), ["EMOJI"]);

  const streamed = [];
  for await (const message of api.annotations.streamAnnotations({ parent: project })) {
    streamed.push(...message.annotations);
  }
  checkSame("the stream", api, streamed, created);
  return streamed.length;
}

/** An etag is good for one change. */
async function update(api, annotation) {
  const changed = { name: annotation.name, label: "POLITICIAN", etag: annotation.etag };
  const request = { annotation: changed, updateMask: { paths: ["label"] } };
  const updated = await api.annotations.updateAnnotation(request);
  check("the updated label", updated.label, "POLITICIAN");
  updated.target.value.spans.forEach((span, index) => checkSpan(span, annotation.target.value.spans[index].quote));
  check("whether the etag changed", updated.etag !== annotation.etag, true);
  const stale = () => api.annotations.updateAnnotation(request);
  const { metadata } = await refused("a stale etag", stale, Code.Aborted, "ETAG_MISMATCH");
  check("the current etag in the refusal", metadata.current_etag, updated.etag);
}

/** What must not be stored is not. */
async function refuse(api, article, taken) {
  const createWith = (span, fields) => () =>
    api.annotations.createAnnotation({ parent: article, annotation: { label: "X", ...anchored([span]) }, ...fields });
  const again = createWith({ quote: "Maduro" }, { annotationId: taken.split("/").at(-1) });
  await refused("an id that is taken", again, Code.AlreadyExists, "RESOURCE_EXISTS");

  const emoji = utf16(FAMILY);
  const boundaries = { floor: `${emoji.start}`, ceiling: `${emoji.start + 2}` };
  const cases = [
    ["a quote that stands twice", { quote: "Huawei" }, "QUOTE_AMBIGUOUS", { count: "2" }],
    ["a quote that stands nowhere", { quote: "Caracas" }, "QUOTE_NOT_FOUND", {}],
    [
      "a range past the end",
      { utf16: { start: 0, end: TEXT.length + 1 } },
      "SPAN_OUT_OF_BOUNDS",
      { length: `${TEXT.length}` },
    ],
    [
      "half of a surrogate pair",
      { utf16: { start: emoji.start + 1, end: emoji.end } },
      "OFFSET_NOT_ON_BOUNDARY",
      boundaries,
    ],
    [
      "utf16 sent as code points",
      { codePoints: utf16("日本語"), quote: "日本語" },
      "QUOTE_MISMATCH",
      { matches_in_unit: "utf16" },
    ],
  ];
  for (const [what, span, reason, expected] of cases) {
    const { metadata, fields } = await refused(what, createWith(span), Code.InvalidArgument, reason);
    for (const [key, value] of Object.entries(expected)) {
      check(`${what}, its metadata's ${key}`, metadata[key], value);
    }
    const blamed = fields.map((field) => field.startsWith("annotation.anchor.spans[0]"));
    check(`${what}, that it names the span in ${show(fields)}`, blamed, [true]);
  }
}

/** A project with articles is deleted by force alone, and then it is gone. */
async function remove(api, name) {
  const unforced = () => api.projects.deleteProject({ name });
  await refused("a project with articles, without force", unforced, Code.FailedPrecondition, "HAS_CHILDREN");
  await api.projects.deleteProject({ name, force: true });
  await refused("a deleted project", () => api.projects.getProject({ name }), Code.NotFound, "RESOURCE_NOT_FOUND");
}

async function main(baseUrl) {
  await preflight(baseUrl);
  const api = connect(baseUrl);

  const { name: project } = await api.projects.createProject({
    projectId: `web-${randomUUID()}`,
    project: { displayName: "gRPC-Web" },
  });
  const article = await api.articles.createArticle({
    parent: project,
    articleId: "units",
    article: { text: TEXT, language: "en" },
  });
  check("the article's name", article.name, `${project}/articles/units`);
  check("its hash", article.textSha256, createHash("sha256").update(TEXT).digest("hex"));
  check("its length in utf16", article.length.utf16, TEXT.length);
  check("its length in code points", article.length.codePoints, Array.from(TEXT).length);
  check("its length in utf8", article.length.utf8, Buffer.byteLength(TEXT));
  check("its text, read back", (await api.articles.getArticle({ name: article.name })).text, TEXT);

  const created = await create(api, article.name);
  const streamed = await readBack(api, project, article.name, created);
  const [first] = created.values();
  await update(api, first);
  await refuse(api, article.name, first.name);
  check("how many there are after refusals", (await pages(api, { parent: article.name })).length, created.size);
  await remove(api, project);

  const hidden = api.exposed.has("*") ? [] : EXPOSED.filter((header) => !api.exposed.has(header));
  check("the headers that a page cannot read", hidden, []);
  console.log(JSON.stringify({ client: "web", unit: "utf16", annotations: created.size, streamed }));
}

await run("annotate.mjs http://HOST:PORT", main);
