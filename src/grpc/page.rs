//! The page that a browser finds at the server's address.

/// What this is and how to talk to it.
pub(super) fn html() -> String {
    let version = env!("CARGO_PKG_VERSION");
    format!(
        r#"<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Spandrel</title>
<style>
  body {{ max-width: 42rem; margin: 3rem auto; padding: 0 1rem; font: 1rem/1.5 system-ui, sans-serif }}
  code, pre {{ background: #8881; padding: .1em .3em; border-radius: .2em }}
  pre {{ padding: .8em; overflow-x: auto }}
</style>
<h1>Spandrel {version}</h1>
<p>This is an annotation server: it keeps articles, and the spans that people and models mark in them.
It speaks gRPC, and gRPC-Web to browsers, at this address. There is nothing more to see with a browser.</p>
<p>From a shell, on the machine that it runs on, with its own address where <code>serve --listen</code> named one:</p>
<pre>spandrel project list
grpcurl -plaintext 127.0.0.1:50051 list
grpcurl -plaintext 127.0.0.1:50051 grpc.health.v1.Health/Check</pre>
<p>From a program: <code>spandrel.v1.ProjectService</code>, <code>spandrel.v1.ArticleService</code> and
<code>spandrel.v1.AnnotationService</code>. The server answers reflection, so no <code>.proto</code> file is needed.
From a web page: any gRPC-Web client, binary or text.</p>
</html>
"#
    )
}
