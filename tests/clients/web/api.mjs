// What the scripts have in common: the services as a browser calls them, gRPC-Web over fetch, and how answers are checked.
//
// There is no generated code: the messages are what `buf build` makes of the protos.

import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { isDeepStrictEqual } from "node:util";

import { createFileRegistry, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";

import { BadRequest, ErrorInfo } from "./error_details.mjs";

export const ORIGIN = "http://localhost:5173";
const MILLISECONDS_PER_CALL = 10_000;

// Every unit counts this differently: accents, curly quotes, no-break spaces, CRLF, a family of seven code
// points, Japanese, a letter with a combining accent, and one outside the basic plane.
export const FAMILY = "\u{1f469}\u200d\u{1f469}\u200d\u{1f467}\u200d\u{1f466}";
export const TEXT =
  "«\u00a0Nicolás Maduro\u00a0» said “I have ordered immediate investment” in Huawei, then Huawei again.\r\n" +
  `${FAMILY} read 日本語の記事 in a cafe\u0301; \u{1d518}nicode.`;

/** Ends the program when an answer is wrong. */
export function check(what, actual, expected) {
  if (!isDeepStrictEqual(actual, expected)) {
    throw new Error(`wrong answer: ${what}: expected ${show(expected)}, got ${show(actual)}`);
  }
}

export function show(value) {
  return JSON.stringify(value, (_, part) => (typeof part === "bigint" ? `${part}` : part));
}

/** Checks that a call is refused as it should be; returns the error, its metadata and the fields to blame. */
export async function refused(what, call, code, reason) {
  let answer;
  try {
    answer = await call();
  } catch (cause) {
    const error = ConnectError.from(cause);
    check(`${what}, its code (${error.message})`, Code[error.code], Code[code]);
    check(`${what}, whether it has a message`, error.rawMessage !== "", true);
    const infos = error.findDetails(ErrorInfo).map(({ domain, reason }) => ({ domain, reason }));
    check(`${what}, its ErrorInfo`, infos, [{ domain: "spandrel", reason }]);
    const fields = error.findDetails(BadRequest).flatMap((details) => details.fieldViolations);
    return { error, metadata: error.findDetails(ErrorInfo)[0].metadata, fields: fields.map(({ field }) => field) };
  }
  throw new Error(`wrong answer: ${what}: expected ${reason}, got ${show(answer)}`);
}

/** A span covers its quote in each of the three units. */
export function checkSpan(span, quote) {
  check("span.quote", span.quote, quote);
  check("the slice in utf16", TEXT.slice(span.utf16.start, span.utf16.end), quote);
  const { start, end } = span.codePoints;
  check("the slice in code points", Array.from(TEXT).slice(start, end).join(""), quote);
  check("the slice in utf8", Buffer.from(TEXT).subarray(span.utf8.start, span.utf8.end).toString(), quote);
}

/** The range of a quote's occurrence at or after `from`, by JavaScript's own indexes. */
export function utf16(quote, from = 0) {
  const start = TEXT.indexOf(quote, from);
  return { start, end: start + quote.length };
}

export const anchored = (spans) => ({ target: { case: "anchor", value: { spans } } });

/** The services' clients, and what the server's answers expose to a page of another origin. */
export function connect(baseUrl) {
  const root = fileURLToPath(new URL("../../..", import.meta.url));
  const buf = fileURLToPath(new URL("../buf.mjs", import.meta.url));
  const image = execFileSync(process.execPath, [buf, "build", "--as-file-descriptor-set", "-o", "-"], { cwd: root });
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, image));

  const exposed = new Set();
  const transport = createGrpcWebTransport({
    baseUrl,
    defaultTimeoutMs: MILLISECONDS_PER_CALL,
    fetch: async (url, init) => {
      const headers = new Headers(init.headers);
      headers.set("Origin", ORIGIN);
      const response = await fetch(url, { ...init, headers });
      checkOrigin("an answer", response);
      listed(response, "access-control-expose-headers").forEach((header) => exposed.add(header));
      return response;
    },
  });
  const client = (service) => createClient(registry.getService(`spandrel.v1.${service}`), transport);
  return {
    projects: client("ProjectService"),
    articles: client("ArticleService"),
    annotations: client("AnnotationService"),
    changes: client("ChangeService"),
    annotationSchema: registry.getMessage("spandrel.v1.Annotation"),
    exposed,
  };
}

export function listed(response, header) {
  const values = response.headers.get(header) ?? "";
  return values.split(",").map((value) => value.trim().toLowerCase());
}

export function checkOrigin(what, response) {
  const origin = response.headers.get("access-control-allow-origin");
  check(`${what}, whether a page may read it (Access-Control-Allow-Origin: ${origin})`, ["*", ORIGIN].includes(origin), true);
}

/** Runs a script with its arguments, which `usage` names. */
export async function run(usage, main) {
  const needed = usage.split(" ").length - 1;
  if (process.argv.length !== 2 + needed) {
    console.error(`usage: ${usage}`);
    process.exit(2);
  }
  try {
    await main(...process.argv.slice(2));
  } catch (error) {
    const refusal = error instanceof ConnectError ? "the server refused what it should have taken: " : "";
    console.error(`${refusal}${error.message}`, error.cause ?? "");
    process.exit(1);
  }
}
