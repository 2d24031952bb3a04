//! What `import`, `export` and `convert` have in common: files are found and read, their format is guessed, what is written
//! takes its name once it is whole, and what happens is told.

mod arguments;
mod broken;
mod destination;
mod files;
mod folder;
mod guess;
mod new_file;
mod pace;
mod teller;
mod wording;

pub(super) use self::{
    arguments::{ImportUnit, OffsetUnit, format},
    broken::broken,
    destination::{Destination, Kept, Place},
    files::{InputFiles, OpenInput},
    guess::{for_output, guessed},
    pace::Pace,
    teller::Teller,
    wording::{losses_shown, summary_shown},
};
