//! What must hold of any bytes at all. Each module is a target: its `check` panics where it does not hold.
//!
//! `scripts/fuzz.sh` runs them under cargo-fuzz. `tests/fuzzing.rs` compiles the same sources as ordinary tests over the
//! seeds and some random bytes, so that no target is forgotten while nobody fuzzes.
//!
//! A new target is a module here with a `check` and a row in [`TARGETS`], a file in `fuzz_targets/` and a `[[bin]]` of
//! that name in `Cargo.toml`, and a folder of seeds.

pub mod fixture;
pub mod formats;
pub mod grpc;
pub mod keys;
pub mod messages;
pub mod naive;
pub mod offsets;
pub mod page_tokens;
pub mod quotes;
pub mod records;
pub mod rows;

/// A target's check.
pub type Check = fn(&[u8]);

/// Every target, by the name of its file and of its seeds.
pub const TARGETS: [(&str, Check); 7] = [
    ("offsets", offsets::check),
    ("quotes", quotes::check),
    ("records", records::check),
    ("keys", keys::check),
    ("page_tokens", page_tokens::check),
    ("grpc", grpc::check),
    ("formats", formats::check),
];
