//! temp
pub mod annotation_service;
pub mod article_service;
pub mod convert;
pub mod encoded;
pub mod project_service;
mod reply;
pub mod status;
#[allow(missing_docs, unused_qualifications, unreachable_pub, missing_debug_implementations, clippy::all, clippy::pedantic, clippy::restriction, reason = "generated code")]
pub mod generated {
    include!(concat!(env!("OUT_DIR"), "/servers/spandrel.v1.rs"));
}
