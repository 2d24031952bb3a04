//! `spandrel serve`: how the parts are put together, and in which order they are taken apart.
