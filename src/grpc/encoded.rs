//! Answers that need not be encoded again.

use bytes::{Buf, BufMut, Bytes};
use prost::{
    DecodeError, Message,
    encoding::{DecodeContext, WireType},
};

/// An answer: a message, or the encoding of one that was kept from before. On the wire both are the same.
#[derive(Debug, Clone, PartialEq)]
pub enum Encoded<T> {
    /// A message, encoded when it is sent.
    Message(T),
    /// The encoding of a `T`, sent as it is.
    Bytes(Bytes),
}

impl<T: Message + Default> Encoded<T> {
    /// The message.
    ///
    /// # Errors
    ///
    /// When kept bytes are no encoding of a `T`.
    pub fn into_message(self) -> Result<T, DecodeError> {
        match self {
            Self::Message(message) => Ok(message),
            Self::Bytes(bytes) => T::decode(bytes),
        }
    }
}

impl<T: Default> Default for Encoded<T> {
    fn default() -> Self {
        Self::Message(T::default())
    }
}

impl<T> From<T> for Encoded<T> {
    fn from(message: T) -> Self {
        Self::Message(message)
    }
}

impl<T: Message + Default> Message for Encoded<T> {
    fn encode_raw(&self, buf: &mut impl BufMut) {
        match self {
            Self::Message(message) => message.encode_raw(buf),
            Self::Bytes(bytes) => buf.put_slice(bytes),
        }
    }

    fn merge_field(
        &mut self,
        tag: u32,
        wire_type: WireType,
        buf: &mut impl Buf,
        context: DecodeContext,
    ) -> Result<(), DecodeError> {
        let mut message = std::mem::take(self).into_message()?;
        let merged = message.merge_field(tag, wire_type, buf, context);
        *self = Self::Message(message);
        merged
    }

    fn encoded_len(&self) -> usize {
        match self {
            Self::Message(message) => message.encoded_len(),
            Self::Bytes(bytes) => bytes.len(),
        }
    }

    fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::v1::{Range, Span};

    fn span() -> Span {
        Span { utf8: Some(Range { start: 1, end: 9 }), quote: "Caracas".to_owned(), ..Span::default() }
    }

    #[test]
    fn a_message_and_its_kept_bytes_are_the_same_on_the_wire() {
        let bytes = span().encode_to_vec();
        for answer in [Encoded::Message(span()), Encoded::Bytes(bytes.clone().into())] {
            assert_eq!(answer.encoded_len(), bytes.len());
            assert_eq!(answer.encode_to_vec(), bytes);
            assert_eq!(answer.into_message().unwrap(), span());
        }
    }

    #[test]
    fn decoding_is_that_of_the_message() {
        let bytes = span().encode_to_vec();
        assert_eq!(Encoded::<Span>::decode(bytes.as_slice()).unwrap(), Encoded::Message(span()));
        assert!(Encoded::<Span>::decode(&b"\xff"[..]).is_err());

        let mut kept = Encoded::<Span>::Bytes(bytes.into());
        kept.merge(Span { prefix: "in ".to_owned(), ..Span::default() }.encode_to_vec().as_slice()).unwrap();
        assert_eq!(kept, Encoded::Message(Span { prefix: "in ".to_owned(), ..span() }));
        kept.clear();
        assert_eq!(kept, Encoded::Message(Span::default()));
    }
}
