//! Pages: how many, and where the next one begins.
//!
//! A token is base64url of a version byte, 8 bytes of SHA-256 of the method and its arguments, and the last key of the
//! page before. It holds no secret and needs none: whoever may list may begin anywhere.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use crate::{
    domain::{Error, Problem, Result},
    limits::{PAGE_ITEMS_DEFAULT, PAGE_ITEMS_MAX},
};

const VERSION: u8 = 1;

/// The arguments that a token is bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arguments([u8; 8]);

impl Arguments {
    /// The arguments of a call: its method and everything but page size and token.
    #[must_use]
    pub fn of(method: &str, arguments: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        for part in [&[method.as_bytes()], arguments].concat() {
            hash.update(u64::try_from(part.len()).unwrap_or_default().to_be_bytes());
            hash.update(part);
        }
        Self(hash.finalize().first_chunk().copied().unwrap_or_default())
    }

    /// The token of a page that begins after `key`.
    #[must_use]
    pub fn token(self, key: &[u8]) -> String {
        URL_SAFE_NO_PAD.encode([&[VERSION], self.0.as_slice(), key].concat())
    }

    /// The key that the page begins after; `None` on the first page.
    ///
    /// # Errors
    ///
    /// PAGE_TOKEN_INVALID when the token is damaged or was made for other arguments.
    pub fn key(self, token: &str) -> Result<Option<Vec<u8>>> {
        if token.is_empty() {
            return Ok(None);
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| damaged())?;
        match bytes.split_at_checked(1 + self.0.len()) {
            Some(([VERSION, arguments @ ..], key)) if arguments == self.0 => Ok(Some(key.to_vec())),
            Some(([VERSION, ..], _)) => Err(invalid(
                "belongs to a call with other arguments; repeat those of the first page, or start without a token",
            )),
            Some(_) | None => Err(damaged()),
        }
    }
}

/// A token's key that is no key of this list.
#[must_use]
pub fn damaged() -> Error {
    invalid("is not a token that this server made; start without one")
}

/// How many items a page has at most.
///
/// # Errors
///
/// FIELD_INVALID when `page_size` is negative.
pub fn items(page_size: i32) -> Result<usize> {
    match usize::try_from(page_size) {
        Ok(0) => Ok(PAGE_ITEMS_DEFAULT),
        Ok(size) => Ok(size.min(PAGE_ITEMS_MAX)),
        Err(_) => Err(Error::field("page_size", format!("is {page_size}; send 0 to {PAGE_ITEMS_MAX}"))),
    }
}

fn invalid(message: &str) -> Error {
    Error::at("page_token", Problem::PageTokenInvalid(message.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_come_back_to_the_arguments_they_were_made_for() {
        let arguments = Arguments::of("List", &[b"projects/p", b"layer"]);
        assert_eq!(arguments.key(&arguments.token(b"key")), Ok(Some(b"key".to_vec())));
        assert_eq!(arguments.key(""), Ok(None));
        for other in [
            Arguments::of("List", &[b"projects/q", b"layer"]),
            Arguments::of("List", &[b"projects/player", b""]),
            Arguments::of("Other", &[b"projects/p", b"layer"]),
        ] {
            let error = other.key(&arguments.token(b"key")).unwrap_err();
            assert!(error.to_string().contains("other arguments"), "{error}");
        }
        for damage in ["x", "!!!", "AAAA", "AgAAAAAAAAAA", "AQ=="] {
            let error = arguments.key(damage).unwrap_err();
            assert!(matches!(error.problem, Problem::PageTokenInvalid(_)), "{damage}: {error}");
        }
    }

    #[test]
    fn page_sizes_have_a_default_and_a_limit() {
        assert_eq!(items(0), Ok(50));
        assert_eq!(items(7), Ok(7));
        assert_eq!(items(1_001), Ok(1_000));
        assert!(items(-1).is_err());
    }
}
