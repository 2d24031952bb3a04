//! What joins comparisons: AND, OR and NOT.

use std::fmt;

/// Tests that are joined. What is joined in the same way is one list, and no list has one element.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expression<T> {
    /// One.
    Test(T),
    /// Not this.
    Not(Box<Self>),
    /// All of them; anything, if there are none, which is so only in an empty filter.
    All(Vec<Self>),
    /// One of them at least.
    Any(Vec<Self>),
}

impl<T> Expression<T> {
    /// All of `parts`.
    pub(super) fn all(parts: Vec<Self>) -> Self {
        let mut flat = Vec::with_capacity(parts.len());
        for part in parts {
            match part {
                Self::All(inner) => flat.extend(inner),
                part @ (Self::Test(_) | Self::Not(_) | Self::Any(_)) => flat.push(part),
            }
        }
        if flat.len() == 1 { flat.pop().unwrap_or(Self::All(Vec::new())) } else { Self::All(flat) }
    }

    /// One of `parts` at least; there is one.
    pub(super) fn any(parts: Vec<Self>) -> Self {
        let mut flat = Vec::with_capacity(parts.len());
        for part in parts {
            match part {
                Self::Any(inner) => flat.extend(inner),
                part @ (Self::Test(_) | Self::Not(_) | Self::All(_)) => flat.push(part),
            }
        }
        if flat.len() == 1 { flat.pop().unwrap_or(Self::All(Vec::new())) } else { Self::Any(flat) }
    }

    /// Not this, if `negated`.
    pub(super) fn negated_if(self, negated: bool) -> Self {
        if negated { Self::Not(Box::new(self)) } else { self }
    }

    /// Whether it passes where exactly those tests do that `passes` says.
    pub(super) fn passes(&self, passes: &impl Fn(&T) -> bool) -> bool {
        match self {
            Self::Test(test) => passes(test),
            Self::Not(inner) => !inner.passes(passes),
            Self::All(parts) => parts.iter().all(|part| part.passes(passes)),
            Self::Any(parts) => parts.iter().any(|part| part.passes(passes)),
        }
    }

    /// The tests without which nothing passes: those that stand alone or in an outermost AND.
    pub(super) fn required(&self) -> impl Iterator<Item = &T> {
        let parts = match self {
            Self::All(parts) => parts.as_slice(),
            Self::Test(_) | Self::Not(_) | Self::Any(_) => std::slice::from_ref(self),
        };
        parts.iter().filter_map(|part| match part {
            Self::Test(test) => Some(test),
            Self::Not(_) | Self::All(_) | Self::Any(_) => None,
        })
    }

    /// Whether it has a test of which `is` is true.
    pub(super) fn has(&self, is: &impl Fn(&T) -> bool) -> bool {
        match self {
            Self::Test(test) => is(test),
            Self::Not(inner) => inner.has(is),
            Self::All(parts) | Self::Any(parts) => parts.iter().any(|part| part.has(is)),
        }
    }

    /// Whether it is an empty filter's. Asked of every annotation that is listed.
    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Self::All(parts) if parts.is_empty())
    }

    /// How many tests it has.
    pub(super) fn tests(&self) -> usize {
        match self {
            Self::Test(_) => 1,
            Self::Not(inner) => inner.tests(),
            Self::All(parts) | Self::Any(parts) => parts.iter().map(Self::tests).sum(),
        }
    }

    /// Calls `look` with each of its tests.
    pub(super) fn each<'e>(&'e self, look: &mut impl FnMut(&'e T)) {
        match self {
            Self::Test(test) => look(test),
            Self::Not(inner) => inner.each(look),
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.each(look)),
        }
    }

    /// Writes it as a filter that is parsed to the same expression.
    pub(super) fn write(
        &self,
        f: &mut fmt::Formatter<'_>,
        test: &impl Fn(&T, &mut fmt::Formatter<'_>) -> fmt::Result,
    ) -> fmt::Result {
        let joined = |parts: &[Self], sign: &str, f: &mut fmt::Formatter<'_>| {
            parts.iter().enumerate().try_for_each(|(index, part)| {
                if index > 0 {
                    f.write_str(sign)?;
                }
                part.write_part(f, test)
            })
        };
        match self {
            Self::Test(inner) => test(inner, f),
            Self::Not(inner) => {
                f.write_str("NOT ")?;
                match &**inner {
                    Self::Not(_) => write_in_parentheses(inner, f, test),
                    Self::Test(_) | Self::All(_) | Self::Any(_) => inner.write_part(f, test),
                }
            }
            Self::All(parts) => joined(parts, " AND ", f),
            Self::Any(parts) => joined(parts, " OR ", f),
        }
    }

    /// Writes it so that it can stand beside others.
    fn write_part(
        &self,
        f: &mut fmt::Formatter<'_>,
        test: &impl Fn(&T, &mut fmt::Formatter<'_>) -> fmt::Result,
    ) -> fmt::Result {
        match self {
            Self::Test(_) | Self::Not(_) => self.write(f, test),
            Self::All(_) | Self::Any(_) => write_in_parentheses(self, f, test),
        }
    }
}

fn write_in_parentheses<T>(
    expression: &Expression<T>,
    f: &mut fmt::Formatter<'_>,
    test: &impl Fn(&T, &mut fmt::Formatter<'_>) -> fmt::Result,
) -> fmt::Result {
    f.write_str("(")?;
    expression.write(f, test)?;
    f.write_str(")")
}
