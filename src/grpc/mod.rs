//! The edge: HTTP/2, HTTP/1.1 and gRPC-Web on one port, and refusals as statuses. What is asked for is decided
//! elsewhere.
//!
//! A connection is accepted by [`server`] and handed to one of a few single-threaded runtimes (`worker`), where
//! `dispatch` tells gRPC, gRPC-Web and a browser that looks around apart. A `call` bears what holds for every
//! method: its place under the limit of calls, its deadline, its end when the server drains. `status` is the one
//! table of codes and reasons.

pub mod admin_service;
pub mod annotation_service;
pub mod article_service;
mod call;
pub mod change_service;
pub mod convert;
mod deadline;
mod dispatch;
pub mod drain;
pub mod encoded;
pub mod exchange_service;
mod foreign;
mod health;
pub mod in_process;
pub mod layer_service;
mod listener;
mod page;
pub mod project_service;
mod reply;
pub mod server;
pub mod services;
pub mod signals;
pub mod status;
pub mod web;
mod worker;

/// The servers' traits, generated from `proto/`; the answers of hot methods are [`encoded::Encoded`].
#[allow(
    missing_docs,
    unused_qualifications,
    unreachable_pub,
    missing_debug_implementations,
    clippy::all,
    clippy::pedantic,
    clippy::restriction,
    reason = "generated code"
)]
pub mod generated {
    include!(concat!(env!("OUT_DIR"), "/servers/spandrel.v1.rs"));
}
