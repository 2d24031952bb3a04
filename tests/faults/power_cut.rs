//! The power is cut: the writer stands still, and what the kernel has written to the disk by then is all that is left.

use std::{path::PathBuf, thread, time::Duration};

use crate::{
    check::Checker,
    mounts::{Image, Mount},
    process_death::{millis, start_time, until_worthy},
    server::Launch,
    shim,
    support::Seeded,
    table::{Row, is_long, is_thorough, rounds, say, say_skipped},
    verify,
    workload::{USUAL, Workload},
};

const IMAGE_MEBIBYTES: u64 = 768;
/// A file system goes through so many power cuts.
const LIVES: usize = 4;
const NEEDS: &str = "which need root, loop devices, mkfs.ext4 and GNU cp";

/// What outlives one cut.
struct Disk {
    image: Image,
    workload: Workload,
    checker: Checker,
    is_fresh: bool,
}

fn data_dir(mount: &Mount) -> PathBuf {
    mount.path().join("data")
}

impl Disk {
    fn new(seeded: &mut Seeded) -> Self {
        let image = Image::new(IMAGE_MEBIBYTES).unwrap();
        let workload = Workload::new(USUAL, seeded.number());
        Self { image, workload, checker: Checker::default(), is_fresh: true }
    }

    /// Cuts the power while clients write.
    async fn cut_work(
        &mut self,
        row: &mut Row,
        is_patient: bool,
        after: Duration,
        environment: &[(&str, &str)],
    ) -> Result<(), String> {
        let mount = self.image.mount()?;
        let launch = Launch::over(&data_dir(&mount)).with_environment(environment);
        let mut server = launch.start().map_err(|ended| format!("{ended:?}"))?;
        if self.is_fresh {
            self.workload.set_up(&server).await;
        }
        self.is_fresh = false;
        let working = self.workload.begin(&server);
        if is_patient {
            row.expect(until_worthy(&self.workload).await);
        }
        tokio::time::sleep(after).await;
        self.workload.progress.announce_fault();
        row.expect(server.freeze());
        let left = self.image.copy()?;
        row.expect(self.workload.kill(working, &mut server).await);
        self.image = left;
        Ok(())
    }

    /// Cuts the power while a server starts. Whether that was before it was ready.
    fn cut_start(&mut self, row: &mut Row, after: Duration) -> Result<bool, String> {
        let mount = self.image.mount()?;
        let mut starting = Launch::over(&data_dir(&mount)).spawn();
        thread::sleep(after);
        let frozen = starting.freeze();
        let left = self.image.copy()?;
        row.expect(starting.kill().map(drop));
        self.image = left;
        frozen
    }

    /// Looks at what is left.
    async fn look(&mut self, row: &mut Row) -> Result<(), String> {
        let mount = self.image.mount()?;
        match Launch::over(&data_dir(&mount)).start() {
            Ok(mut server) => {
                row.add(self.checker.check(&server, &mut self.workload).await);
                row.expect(server.close());
            }
            Err(ended) => {
                row.add_failed_open(&format!("{ended:?}"));
                // Whether it could be opened next time says nothing any more.
                return Err("it cannot be opened".to_owned());
            }
        }
        verify::until_swept(&data_dir(&mount))
    }

    /// Cuts the power at work and, in some rounds, at the start before or after it.
    async fn round(&mut self, row: &mut Row, seeded: &mut Seeded) -> Result<u64, String> {
        let mut cut_starts = 0;
        if self.is_fresh && seeded.below(2) == 0 {
            cut_starts += u64::from(self.cut_start(row, start_time(seeded))?);
        }
        let is_patient = seeded.below(5) != 0;
        self.cut_work(row, is_patient, millis(50, 1_050, seeded), &[]).await?;
        if seeded.below(3) == 0 {
            cut_starts += u64::from(self.cut_start(row, start_time(seeded))?);
        }
        self.look(row).await?;
        Ok(cut_starts)
    }
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_when_the_power_is_cut() {
    if let Err(why) = Image::check_possible() {
        return say_skipped(&format!("power cuts, {NEEDS}"), &why);
    }
    let (mut row, mut seeded) = Row::begin("power cut");
    let mut disk = Disk::new(&mut seeded);
    let mut cut_starts = 0;
    for round in 0..rounds(5, 100) {
        if round % LIVES == 0 || round == 1 {
            disk = Disk::new(&mut seeded);
        }
        match disk.round(&mut row, &mut seeded).await {
            Ok(cut) => cut_starts += cut,
            Err(story) => {
                row.add_story(story);
                disk = Disk::new(&mut seeded);
            }
        }
    }
    say(&format!("power cut: {cut_starts} were cut before they were ready, too"));
    row.expect_nothing_lost_in_worthy_rounds();
    row.expect_long_articles();
    if is_thorough(row.rounds()) {
        assert!(cut_starts > 0, "the power was never cut before a server was ready");
    }
}

/// Expects that the test above notices a server some of whose syncs do nothing.
async fn check_that_it_is_lost(fault: &str, ignored: &str, mut rounds: usize) {
    let library = match Image::check_possible().and_then(|()| shim::path()) {
        Ok(library) => library,
        Err(why) => return say_skipped(&format!("that power cuts are noticed, {NEEDS}, and cc"), &why),
    };
    let (mut row, mut seeded) = Row::begin_control(fault);
    let mut losing_rounds = 0;
    for round in 0..rounds {
        let mut disk = Disk::new(&mut seeded);
        let environment = [("LD_PRELOAD", library), ("SHIM_IGNORE", ignored)];
        let lost = row.lost();
        // Of a folder whose creation is durable, but for the database's file.
        disk.cut_work(&mut row, true, millis(50, 1_050, &mut seeded), &environment).await.unwrap();
        let _ = disk.look(&mut row).await;
        losing_rounds += usize::from(row.lost() > lost);
        // One is a proof; more of them say how sharp it is.
        if losing_rounds > 0 && !is_long() {
            rounds = round + 1;
            break;
        }
    }
    say(&format!("{fault}: LOST IN {losing_rounds} OF {rounds} ROUNDS, as it has to: {}", row.first_story()));
    assert!(losing_rounds > 0, "a server that does not sync lost nothing, so the test above proves nothing");
}

/// As if the server relied on sled, which tells the kernel to write and does not wait for the disk.
#[tokio::test]
async fn a_server_that_does_not_wait_for_the_disk_loses_what_it_acknowledged() {
    check_that_it_is_lost("power cut without fdatasync (control)", "fdatasync", rounds(6, 16)).await;
}

#[tokio::test]
async fn a_server_that_does_not_sync_at_all_loses_what_it_acknowledged() {
    let fault = "power cut without any sync (control)";
    if is_long() {
        check_that_it_is_lost(fault, "all", rounds(1, 8)).await;
    } else {
        say(&format!("{fault}: NOT RUN, which only the long form does"));
    }
}
