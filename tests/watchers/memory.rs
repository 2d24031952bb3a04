//! What memory a process takes, by what the kernel says.

use std::fs;

/// What a process takes, and the most that it took, in KiB.
#[derive(Debug, Clone, Copy)]
pub struct Memory {
    pub now: u64,
    pub most: u64,
}

impl Memory {
    pub fn of(pid: u32) -> Self {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let kib = |key: &str| {
            let line = status.lines().find(|line| line.starts_with(key)).unwrap();
            line.split_whitespace().nth(1).unwrap().parse().unwrap()
        };
        Self { now: kib("VmRSS:"), most: kib("VmHWM:") }
    }
}
