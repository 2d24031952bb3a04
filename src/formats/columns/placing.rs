//! The text that sentences of tokens make, and where in it they are.

/// A token, and what stands behind it unless the text of its sentence is known.
#[derive(Debug, Clone, Copy)]
pub(in crate::formats) struct Form<'f> {
    /// The token.
    pub(in crate::formats) form: &'f str,
    /// What stands behind it.
    pub(in crate::formats) after: &'f str,
}

/// Where a sentence is, in bytes.
#[derive(Debug, Clone)]
pub(in crate::formats) struct Placed {
    /// The sentence.
    pub(in crate::formats) sentence: (usize, usize),
    /// Its tokens.
    pub(in crate::formats) tokens: Vec<(usize, usize)>,
    /// Whether the tokens fit in the text that was said to be its own.
    pub(in crate::formats) fits: bool,
}

/// A text that grows by sentences.
#[derive(Debug, Default)]
pub(in crate::formats) struct TextBuilder {
    text: String,
}

impl TextBuilder {
    /// Puts in a sentence behind `before`: as `stated` if its tokens fit in there with white space between them, otherwise
    /// the tokens with what stands behind each but the last.
    pub(in crate::formats) fn sentence(
        &mut self,
        before: &str,
        forms: &[Form<'_>],
        stated: Option<&str>,
    ) -> Placed {
        self.text.push_str(before);
        let start = self.text.len();
        let fitted = stated.and_then(|stated| fit(forms, stated));
        let fits = stated.is_none() || fitted.is_some();
        let tokens = if let (Some(stated), Some(places)) = (stated, fitted) {
            self.text.push_str(stated);
            places.into_iter().map(|(first, end)| (start + first, start + end)).collect()
        } else {
            let mut tokens = Vec::with_capacity(forms.len());
            for (index, Form { form, after }) in forms.iter().enumerate() {
                let first = self.text.len();
                self.text.push_str(form);
                tokens.push((first, self.text.len()));
                if index + 1 < forms.len() {
                    self.text.push_str(after);
                }
            }
            tokens
        };
        Placed { sentence: (start, self.text.len()), tokens, fits }
    }

    /// Puts in what belongs to no sentence.
    pub(in crate::formats) fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// The text.
    pub(in crate::formats) fn finish(self) -> String {
        self.text
    }
}

/// Where tokens are in a text that has nothing else but white space.
pub(in crate::formats) fn fit(forms: &[Form<'_>], text: &str) -> Option<Vec<(usize, usize)>> {
    let mut rest = text;
    let mut places = Vec::with_capacity(forms.len());
    for Form { form, after: _ } in forms {
        rest = if rest.starts_with(form) { rest } else { rest.trim_start() };
        let start = text.len() - rest.len();
        rest = rest.strip_prefix(form)?;
        places.push((start, start + form.len()));
    }
    rest.trim().is_empty().then_some(places)
}

/// White space as comments have it: `\s`, `\n`, `\r`, `\t` and `\\`.
pub(in crate::formats) fn escaped(text: &str, spaces: bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            ' ' if spaces => escaped.push_str("\\s"),
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            '|' if spaces => escaped.push_str("\\p"),
            '\\' => escaped.push_str("\\\\"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// What [`escaped`] made of it, or others; a backslash before anything else is itself.
pub(in crate::formats) fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let meant = match (character, characters.peek()) {
            ('\\', Some('s')) => ' ',
            ('\\', Some('n')) => '\n',
            ('\\', Some('r')) => '\r',
            ('\\', Some('t')) => '\t',
            ('\\', Some('p')) => '|',
            ('\\', Some('\\')) => '\\',
            (_, _) => {
                plain.push(character);
                continue;
            }
        };
        characters.next();
        plain.push(meant);
    }
    plain
}
