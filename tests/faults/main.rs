//! Faults done to the real binary while many clients write: killed, its disk's power cut, its disk filled, its writes
//! failed, its files damaged. What was acknowledged is there afterwards.
//!
//! Short by default. `SPANDREL_FAULTS=long` runs the long form, of which `scripts/faults.sh` prints the table. Each test
//! prints its seed; `SPANDREL_FAULTS_SEED` repeats it, as far as threads and disks do the same twice.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::explicit_write,
    missing_docs,
    unreachable_pub,
    reason = "a test ends where it did not get what it expected, and has no readers but those of its source"
)]

#[path = "../support/mod.rs"]
mod support;

mod check;
mod damage;
mod full_disk;
mod io_errors;
mod ledger;
mod mounts;
mod power_cut;
mod process_death;
mod progress;
mod server;
mod shim;
mod start_errors;
mod table;
mod verify;
mod witness;
mod worker;
mod workload;
