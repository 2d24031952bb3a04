//! The targets of `fuzz/` as ordinary tests: over their seeds, and over some random bytes.

#![allow(
    unreachable_pub,
    missing_docs,
    missing_debug_implementations,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a check ends where it did not get what it expected"
)]

#[allow(
    clippy::pedantic,
    clippy::as_conversions,
    reason = "the targets are a crate of their own, linted by itself"
)]
#[path = "../fuzz/src/lib.rs"]
mod fuzz;

use std::{fs, path::Path};

use proptest::{collection::vec, prelude::*, test_runner::TestRunner};

use fuzz::TARGETS;

#[test]
fn what_the_seeds_ask_is_answered_well() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds");
    for (name, check) in TARGETS {
        let seeds = fs::read_dir(folder.join(name)).unwrap();
        let seeds: Vec<_> = seeds.map(|seed| fs::read(seed.unwrap().path()).unwrap()).collect();
        assert!(!seeds.is_empty(), "{name} has no seeds");
        for seed in seeds {
            check(&seed);
        }
    }
}

#[test]
fn every_target_is_one_of_cargo_fuzz() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
    for (name, _) in TARGETS {
        assert!(manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")), "{name}");
    }
    assert_eq!(fs::read_dir(folder.join("fuzz_targets")).unwrap().count(), TARGETS.len());
}

/// What a fuzzer would find within seconds is found here.
#[test]
fn what_random_bytes_ask_is_answered_well() {
    for (name, check) in TARGETS {
        let config = ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() };
        let bytes = vec(prop_oneof![any::<u8>(), 0..4_u8], 0..300);
        TestRunner::new(config)
            .run(&bytes, |bytes| {
                check(&bytes);
                Ok(())
            })
            .unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}
