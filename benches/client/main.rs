//! A client that measures: it fills a running server, writes request messages for a load generator, and times calls
//! at random over what it filled. Every command prints one JSON object a line. `benches/README.md` says how to use it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a measurement ends where something is not as expected, and its result is its output"
)]

mod bodies;
mod books;
mod connection;
mod fill;
mod latency;
mod prose;
mod revise;
mod watch;

use std::error::Error;

use clap::{CommandFactory as _, Parser, Subcommand};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Fills a running server, writes request messages for a load generator, and times calls
#[derive(Debug, Parser)]
struct Arguments {
    /// The server
    #[arg(long, global = true, default_value = "http://127.0.0.1:50051")]
    server: String,

    /// What cargo puts at the end of every benchmark's arguments
    #[arg(long, hide = true, global = true)]
    bench: bool,

    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Makes a project of articles with 20 annotations each
    Fill(fill::Fill),
    /// Makes one article with 100,000 annotations, one of them over all its text, and 100 with 200 each
    Books,
    /// Deletes the article with 100,000 annotations
    DeleteBook,
    /// Writes request messages into files, one a file
    Bodies(bodies::Bodies),
    /// Times calls, each with another request, so that the server cannot send a kept answer again
    Latency(latency::Latency),
    /// Creates annotations while others follow the project, and times when both are told
    Watch(watch::Watch),
    /// Gives an article another text while others write, and times both
    Revise(revise::Revise),
    /// Changes one annotation by many at once, each with the etag that it saw last
    Contend(watch::Contend),
}

#[tokio::main]
async fn main() -> Result<()> {
    let Arguments { server, bench: _, command } = Arguments::parse();
    match command {
        Some(Command::Fill(fill)) => fill.run(&server).await,
        Some(Command::Books) => books::fill(&server).await,
        Some(Command::DeleteBook) => books::delete(&server).await,
        Some(Command::Bodies(bodies)) => bodies.run(&server).await,
        Some(Command::Latency(latency)) => latency.run(&server).await,
        Some(Command::Watch(watch)) => watch.run(&server).await,
        Some(Command::Revise(revise)) => revise.run(&server).await,
        Some(Command::Contend(contend)) => contend.run(&server).await,
        // `cargo bench` runs this: what can be measured needs a server, which the scripts beside this start.
        None => Ok(Arguments::command().print_help()?),
    }
}
