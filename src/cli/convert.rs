//! `spandrel convert`: from files of one format to files of another, without a server.

mod converting;

use std::path::PathBuf;

use clap::Args;

use self::converting::Converting;
use super::{
    arguments,
    exchange::{
        self, ImportUnit, InputFiles, OffsetUnit, Pace, Place, Teller, guessed, losses_shown, summary_shown,
    },
    failure::Failure,
    output::Output,
};
use crate::{
    domain::ids::LayerId,
    formats::{Format, Loss, Losses, WriteOptions},
    proto::v1,
};

/// What `convert` takes.
#[derive(Debug, Args)]
pub(super) struct Convert {
    /// Files, or folders with all files in them that are not hidden; - is stdin.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// What the files are, as spandrel formats lists it; left out, what stands in them tells.
    #[arg(long, value_name = "FORMAT", value_parser = exchange::format)]
    from: Option<Format>,
    /// What they are to become.
    #[arg(long, value_name = "FORMAT", value_parser = exchange::format)]
    to: Format,
    /// The file to write, or the folder where the format is several files; stdout when it is left out.
    #[arg(long, short, value_name = "PATH")]
    output: Option<PathBuf>,
    /// Replace the file if it exists.
    #[arg(long)]
    force: bool,
    /// The layer of annotations whose file names none; otherwise default.
    #[arg(long, value_parser = arguments::layer)]
    layer: Option<LayerId>,
    /// What the offsets of the files count; auto takes what fits the quotes. Left out, it is what the format says.
    #[arg(long, value_name = "UNIT")]
    unit: Option<ImportUnit>,
    /// What offsets count in what is written, where its format does not say; code points when it is left out.
    #[arg(long, value_name = "UNIT")]
    to_unit: Option<OffsetUnit>,
}

impl Convert {
    /// Reads, and writes what was read as it comes.
    pub(super) fn run(self, output: &mut Output) -> Result<(), Failure> {
        let Self { paths, from, to, output: path, force, layer, unit, to_unit } = self;
        let place = Place::of(path.as_deref(), to, force)?;
        let mut files = InputFiles::find(&paths)?;
        let format = guessed(from, "--from", &mut files)?;
        let mut teller = Teller::new(output, place.takes_stdout());
        if from.is_none() {
            teller.remark(&format!("reads as {}; say --from to read it otherwise\n", format.facts().title));
        }
        let layer = match layer {
            Some(layer) => layer,
            None => LayerId::parse("layer", LayerId::DEFAULT)
                .map_err(|error| Failure::Usage(error.to_string()))?,
        };
        let far = Pace::new(&files);
        let writer = to.writer(WriteOptions { unit: to_unit.map(Into::into) });
        let mut converting = Converting::new(writer, place.open()?, &mut teller, far)?;
        converting.read(files, format, layer, ImportUnit::choice(unit, format.facts()))?;
        let done = converting.finish()?;
        let (read, written) = (done.not_read.into_vec(), done.not_written.into_vec());
        let where_to = format!(" from {} to {}", format.facts().title, to.facts().title);
        let words = summary_shown("converted", &where_to, &done.summary)
            + &place.shown(done.kept)
            + &losses_shown("not read", &read)
            + &losses_shown(&format!("{} cannot carry", to.facts().title), &written);
        let losses = read.into_iter().chain(written).map(sent).collect();
        teller.end(v1::ExchangeSummary { losses, ..done.summary }, &words)
    }
}

fn sent(loss: Loss) -> v1::Loss {
    let Loss { feature, count, examples } = loss;
    v1::Loss { feature, count, examples }
}

/// What came of it.
struct Done {
    summary: v1::ExchangeSummary,
    kept: exchange::Kept,
    not_read: Losses,
    not_written: Losses,
}
