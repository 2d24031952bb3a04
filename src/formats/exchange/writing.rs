//! How files are written: an article after another.

use std::io;

use super::contents::{ArticleContents, ProjectContents};

/// Writes the files of one format.
pub trait Writer: Send {
    /// Begins, before the first article.
    ///
    /// # Errors
    ///
    /// When the output takes no more.
    fn begin(&mut self, project: &ProjectContents, output: &mut dyn Output) -> io::Result<()>;

    /// Writes an article.
    ///
    /// # Errors
    ///
    /// When the output takes no more.
    fn article(&mut self, article: &ArticleContents, output: &mut dyn Output) -> io::Result<()>;

    /// Ends, after the last article.
    ///
    /// # Errors
    ///
    /// When the output takes no more.
    fn finish(&mut self, output: &mut dyn Output) -> io::Result<()>;
}

/// Takes what is written.
pub trait Output {
    /// Writes on at the end of the file at `path`, which begins with the first bytes. Several may be written at a time.
    /// Paths are relative, with `/` between their parts.
    ///
    /// # Errors
    ///
    /// When it takes no more.
    fn write(&mut self, path: &str, bytes: &[u8]) -> io::Result<()>;

    /// Ends the file at `path`, which is made if nothing was written to it.
    ///
    /// # Errors
    ///
    /// When it takes no more.
    fn close(&mut self, path: &str) -> io::Result<()>;

    /// Takes something that the format cannot carry: what it is, and where, or which.
    fn loss(&mut self, feature: &str, example: String);
}
