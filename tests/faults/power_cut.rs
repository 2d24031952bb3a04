//! The power is cut: the writer stands still, and what the kernel has written to the disk by then is all that is left.

use std::time::Duration;

use crate::{
    check::{Checker, verify},
    mounts::Image,
    server::Launch,
    shim,
    support::Seeded,
    table::{Row, is_long, rounds, say, say_skipped},
    workload::{USUAL, Workload},
};

const IMAGE_MEBIBYTES: u64 = 768;
/// A file system goes through so many power cuts.
const LIVES: usize = 4;

/// What outlives one cut.
struct Disk {
    image: Image,
    workload: Workload,
    checker: Checker,
    is_fresh: bool,
}

impl Disk {
    fn new(seeded: &mut Seeded) -> Result<Self, String> {
        let image = Image::new(IMAGE_MEBIBYTES)?;
        let workload = Workload::new(USUAL, seeded.number());
        Ok(Self { image, workload, checker: Checker::default(), is_fresh: true })
    }

    /// Writes, cuts the power, and goes on with what is left.
    async fn cut(
        &mut self,
        row: &mut Row,
        after: Duration,
        environment: &[(&str, &str)],
    ) -> Result<(), String> {
        let left = {
            let mount = self.image.mount()?;
            let launch = Launch::over(&mount.path().join("data")).with_environment(environment);
            let mut server = launch.start().map_err(|ended| format!("{ended:?}"))?;
            if self.is_fresh {
                self.workload.set_up(&server).await;
            }
            let working = self.workload.begin(&server);
            tokio::time::sleep(after).await;
            server.freeze();
            let left = self.image.copy();
            server.kill();
            self.workload.end(working).await;
            left
        };
        self.is_fresh = false;
        self.image = left;
        let mount = self.image.mount()?;
        let data_dir = mount.path().join("data");
        match Launch::over(&data_dir).start() {
            Ok(mut server) => {
                row.add(self.checker.check(&server, &mut self.workload).await);
                server.stop();
            }
            Err(ended) => {
                row.add_failed_open(&format!("{ended:?}"));
                // Whether it could be opened next time says nothing any more.
                return Err("it cannot be opened".to_owned());
            }
        }
        if environment.is_empty()
            && let Err(story) = verify(&data_dir)
        {
            row.add_story(story);
        }
        Ok(())
    }
}

fn after(seeded: &mut Seeded) -> Duration {
    Duration::from_millis(50 + u64::try_from(seeded.below(1_000)).unwrap())
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_when_the_power_is_cut() {
    let (mut row, mut seeded) = Row::begin("power cut");
    if let Err(why) = Image::new(16).and_then(|image| image.mount().map(drop)) {
        return say_skipped("power cuts, which need root, loop devices and mkfs.ext4", &why);
    }
    let mut disk = Disk::new(&mut seeded).unwrap();
    for round in 0..rounds(5, 100) {
        if round % LIVES == 0 || round == 1 {
            disk = Disk::new(&mut seeded).unwrap();
        }
        let after = after(&mut seeded);
        if let Err(why) = disk.cut(&mut row, after, &[]).await {
            row.add_story(why);
            disk = Disk::new(&mut seeded).unwrap();
        }
    }
    row.expect_nothing_lost();
}

/// The test above can fail: a server whose syncs do nothing loses what it acknowledged.
#[tokio::test]
async fn a_server_that_does_not_sync_loses_what_it_acknowledged() {
    if !is_long() {
        return;
    }
    if let Err(why) = Image::new(16).and_then(|image| image.mount().map(drop)) {
        return say_skipped("that power cuts are noticed", &why);
    }
    let library = match shim::path() {
        Ok(library) => library,
        Err(why) => return say_skipped("that power cuts are noticed", &why),
    };
    let (mut row, mut seeded) = Row::begin("power cut without fdatasync (control)");
    for _ in 0..rounds(1, 8) {
        let mut disk = Disk::new(&mut seeded).unwrap();
        let environment = [("LD_PRELOAD", library), ("SHIM_IGNORE", "1")];
        // The first cut is of a folder whose creation is durable, but for the database's file.
        let after = after(&mut seeded);
        let _ = disk.cut(&mut row, after, &environment).await;
    }
    say(&format!("THE CONTROL LOST {} OF WHAT WAS ACKNOWLEDGED, as it has to", row.lost()));
    assert!(row.lost() > 0, "a server that does not sync lost nothing, so the test above proves nothing");
}
