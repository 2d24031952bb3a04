//! The grammar, over the fields and functions of whichever subject.

use super::{
    comparison::Comparison,
    expression::Expression,
    kind::{Kind, Left},
    lexer::{Comparator, Lexer, Parsed, Wrong},
    value::{Number, Value},
};
use crate::{
    domain::{
        details::too_many,
        errors::{Error, Result, shortened},
    },
    limits,
};

/// The fields and functions of a subject.
pub(super) trait Vocabulary: Sized {
    /// A field.
    type Field: Clone;
    /// A comparison of a field, or a function.
    type Test;

    /// What is filtered, with its article.
    const SUBJECT: &'static str;
    /// Its fields, as messages list them.
    const FIELDS: &'static str;
    /// Its functions.
    const FUNCTIONS: &'static [&'static str];
    /// A right comparison.
    const EXAMPLE: &'static str;

    /// The field at `path`, and what it holds.
    fn field(path: &[String]) -> Option<(Self::Field, Kind)>;

    /// The field's entry `key`, if it is a map.
    fn entry(path: &[String], key: &str) -> Option<Self::Field>;

    /// The comparison of `field`.
    fn test(field: Self::Field, comparison: Comparison) -> Self::Test;

    /// The function `name`, whose arguments follow.
    fn call(parser: &mut Parser<'_, Self>, at: usize, name: &str) -> Parsed<Self::Test>;
}

/// A filter that is being parsed.
pub(super) struct Parser<'t, V> {
    lexer: Lexer<'t>,
    /// What the vocabulary gathers meanwhile.
    pub(super) vocabulary: V,
    restrictions: usize,
    depth: usize,
}

/// Parses `text`, which stands in the field `field` of a request. White space alone is everything.
pub(super) fn parse<V: Vocabulary>(
    field: &str,
    text: &str,
    vocabulary: V,
) -> Result<(Expression<V::Test>, V)> {
    if text.len() > limits::FILTER_BYTES_MAX {
        return Err(too_many(field, "the filter", text.len(), limits::FILTER_BYTES_MAX, "bytes"));
    }
    let mut parser = Parser { lexer: Lexer::new(text), vocabulary, restrictions: 0, depth: 0 };
    match parser.whole() {
        Ok(expression) => Ok((expression, parser.vocabulary)),
        Err(Wrong::At(at, message)) => {
            let column = text.get(..at).unwrap_or(text).chars().count() + 1;
            Err(Error::field(field, format!("column {column}: {message}")))
        }
        Err(Wrong::TooMany(what, actual, limit, unit)) => Err(too_many(field, what, actual, limit, unit)),
    }
}

impl<V: Vocabulary> Parser<'_, V> {
    fn whole(&mut self) -> Parsed<Expression<V::Test>> {
        self.lexer.skip_space();
        if self.lexer.peek().is_none() {
            return Ok(Expression::All(Vec::new()));
        }
        let expression = self.expression()?;
        match self.lexer.peek() {
            None => Ok(expression),
            Some(')') => Err(self.here("this ) closes no parenthesis".to_owned())),
            Some(_) => Err(self.here("a comma separates the arguments of a function only".to_owned())),
        }
    }

    /// Something wrong at the place that is reached.
    fn here(&self, message: String) -> Wrong {
        Wrong::At(self.lexer.at(), message)
    }

    /// Sequences with AND between them, up to a parenthesis, a comma or the end. What follows without a sign is as if
    /// AND stood there.
    pub(super) fn expression(&mut self) -> Parsed<Expression<V::Test>> {
        let mut parts = vec![self.factor("at the beginning")?];
        loop {
            self.lexer.skip_space();
            if matches!(self.lexer.peek(), None | Some(')' | ',')) {
                return Ok(Expression::all(parts));
            }
            let after = if self.lexer.eat_word("AND") { "after AND" } else { "here" };
            parts.push(self.factor(after)?);
        }
    }

    /// Terms with OR between them.
    fn factor(&mut self, place: &str) -> Parsed<Expression<V::Test>> {
        let mut parts = vec![self.term(place)?];
        loop {
            self.lexer.skip_space();
            if !self.lexer.eat_word("OR") {
                return Ok(Expression::any(parts));
            }
            parts.push(self.term("after OR")?);
        }
    }

    /// A comparison, a function or a parenthesis, which may be negated.
    fn term(&mut self, place: &str) -> Parsed<Expression<V::Test>> {
        self.lexer.skip_space();
        if self.lexer.eat('-') {
            return Ok(self.simple("after -")?.negated_if(true));
        }
        if self.lexer.eat_word("NOT") {
            return Ok(self.simple("after NOT")?.negated_if(true));
        }
        self.simple(place)
    }

    fn simple(&mut self, place: &str) -> Parsed<Expression<V::Test>> {
        self.lexer.skip_space();
        let at = self.lexer.at();
        match self.lexer.peek() {
            Some('(') => self.nested(at, Self::expression),
            Some('"' | '\'') => self.restriction(at),
            _ => match self.lexer.peek_word() {
                "" => Err(self.missing(place)),
                word @ ("AND" | "OR" | "NOT") => {
                    let message = format!("{word} stands where a comparison should, such as {}", V::EXAMPLE);
                    Err(Wrong::At(at, message))
                }
                _ if self.lexer.peek() == Some('-') => {
                    Err(Wrong::At(at, "two negations in a row; leave both out".to_owned()))
                }
                _ => self.restriction(at),
            },
        }
    }

    fn missing(&self, place: &str) -> Wrong {
        let stands = match self.lexer.peek() {
            None => "the filter ends".to_owned(),
            Some(character) => format!("{character:?} stands"),
        };
        self.here(format!("{stands} where a comparison is needed {place}, such as {}", V::EXAMPLE))
    }

    /// What stands between the parenthesis that opens here and its end.
    pub(super) fn nested<T>(&mut self, at: usize, inside: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        self.lexer.eat('(');
        self.depth += 1;
        if self.depth > limits::FILTER_DEPTH_MAX {
            let limit = limits::FILTER_DEPTH_MAX;
            return Err(Wrong::TooMany("the filter", self.depth, limit, "parentheses in each other"));
        }
        let inner = inside(self)?;
        self.lexer.skip_space();
        if !self.lexer.eat(')') {
            return Err(match self.lexer.peek() {
                None => Wrong::At(at, "this ( is not closed; a ) is missing".to_owned()),
                Some(',') => self.here("a comma separates the arguments of a function only".to_owned()),
                Some(character) => self.here(format!("{character:?} stands where a ) should")),
            });
        }
        self.depth -= 1;
        Ok(inner)
    }

    /// Passes over `word`, if exactly it stands here.
    pub(super) fn eat_word(&mut self, word: &str) -> bool {
        self.lexer.skip_space();
        self.lexer.eat_word(word)
    }

    /// Whether `sign` stands here.
    pub(super) fn peeks(&mut self, sign: char) -> bool {
        self.lexer.skip_space();
        self.lexer.peek() == Some(sign)
    }

    /// Passes over `sign`, if it stands here.
    pub(super) fn eat(&mut self, sign: char) -> bool {
        self.lexer.skip_space();
        self.lexer.eat(sign)
    }

    /// A value, if one stands here.
    pub(super) fn value(&mut self) -> Parsed<Option<Value>> {
        self.lexer.skip_space();
        self.lexer.value()
    }

    /// Where the parser is, in bytes.
    pub(super) fn at(&mut self) -> usize {
        self.lexer.skip_space();
        self.lexer.at()
    }

    /// One more comparison or function.
    fn count(&mut self) -> Parsed<()> {
        self.restrictions += 1;
        if self.restrictions <= limits::FILTER_RESTRICTIONS_MAX {
            return Ok(());
        }
        let limit = limits::FILTER_RESTRICTIONS_MAX;
        Err(Wrong::TooMany("the filter", self.restrictions, limit, "comparisons"))
    }

    /// A field with a sign and a value, or a function.
    fn restriction(&mut self, at: usize) -> Parsed<Expression<V::Test>> {
        let quoted = matches!(self.lexer.peek(), Some('"' | '\''));
        let mut path = Vec::new();
        while path.is_empty() || self.lexer.eat('.') {
            match self.lexer.member()? {
                Some(member) => path.push(member),
                None => {
                    return Err(self.here("a . is followed by the name of a field or an entry".to_owned()));
                }
            }
        }
        self.lexer.skip_space();
        if let (Some('('), [name], false) = (self.lexer.peek(), path.as_slice(), quoted) {
            self.count()?;
            let name = shortened(name);
            let test = V::call(self, at, &name)?;
            self.lexer.skip_space();
            if self.lexer.comparator()?.is_some() {
                let message =
                    format!("{name} is true or not; it is compared with nothing, only negated by NOT");
                return Err(Wrong::At(at, message));
            }
            return Ok(Expression::Test(test));
        }
        let name = shortened(&shown(&path));
        let Some((sign_at, comparator)) = self.lexer.comparator()? else {
            return Err(Wrong::At(at, alone::<V>(&path, &name)));
        };
        if comparator == Comparator::Has
            && let Some(test) = self.entry(&path)?
        {
            return Ok(Expression::Test(test));
        }
        let Some((field, kind)) = V::field(&path) else {
            return Err(Wrong::At(at, unknown::<V>(&path, &name, comparator)));
        };
        let left = Left { field: &name, kind, at: sign_at, comparator };
        self.operand(&left, &field)
    }

    /// The test whether a map has the key that stands here, if `path` is a map.
    fn entry(&mut self, path: &[String]) -> Parsed<Option<V::Test>> {
        if V::entry(path, "").is_none() {
            return Ok(None);
        }
        self.count()?;
        let at = self.at();
        let name = shortened(&shown(path));
        match self.value()? {
            Some(key) if !key.text.is_empty() && key.stars.is_empty() => {
                Ok(V::entry(path, &key.text).map(|field| V::test(field, Comparison::Present)))
            }
            _ => {
                let message = format!(
                    "{name}: is followed by the name of an entry, as in {name}:\"name\", which asks whether it is there"
                );
                Err(Wrong::At(at, message))
            }
        }
    }

    /// The value behind a sign, or several in parentheses, with AND or OR between them.
    fn operand(&mut self, left: &Left<'_>, field: &V::Field) -> Parsed<Expression<V::Test>> {
        self.lexer.skip_space();
        let at = self.lexer.at();
        if self.lexer.peek() == Some('(') {
            if left.comparator == Comparator::NotEqual {
                let message = format!(
                    "!= takes one value, since != each of several is hardly meant; write NOT {} = (...)",
                    left.field
                );
                return Err(Wrong::At(at, message));
            }
            return self.nested(at, |parser| parser.operands(left, field));
        }
        self.count()?;
        let Some(value) = self.lexer.value()? else {
            let stands = match self.lexer.peek() {
                None => "the filter ends".to_owned(),
                Some(character) => format!("{character:?} stands"),
            };
            let message = format!(
                "{stands} where a value is needed after {}, as in {}",
                left.comparator.sign(),
                left.example()
            );
            return Err(self.here(message));
        };
        let test = V::test(field.clone(), left.with(&value)?);
        Ok(Expression::Test(test).negated_if(left.comparator == Comparator::NotEqual))
    }

    /// Values with AND and OR between them.
    fn operands(&mut self, left: &Left<'_>, field: &V::Field) -> Parsed<Expression<V::Test>> {
        let mut all = Vec::new();
        loop {
            let mut any = vec![self.operand(left, field)?];
            self.lexer.skip_space();
            while self.lexer.eat_word("OR") {
                any.push(self.operand(left, field)?);
                self.lexer.skip_space();
            }
            all.push(Expression::any(any));
            if self.lexer.eat_word("AND") {
                continue;
            }
            return match self.lexer.peek() {
                None | Some(')') => Ok(Expression::all(all)),
                Some(',') => Err(self.here("write OR between values, not a comma".to_owned())),
                Some(_) => Err(self.here("write OR or AND between values in parentheses".to_owned())),
            };
        }
    }
}

/// A path as it stands in a filter, with quotes where they are needed.
pub(super) fn shown(path: &[String]) -> String {
    let mut shown = String::new();
    for (index, member) in path.iter().enumerate() {
        if index > 0 {
            shown.push('.');
        }
        let whole = Lexer::new(member).peek_word() == member && !member.starts_with('-');
        // A field's own name is never a keyword, an entry's may be.
        if whole && !member.is_empty() && !member.contains(['\\', '*']) {
            shown.push_str(member);
        } else {
            shown.extend(["\"", &super::value::escaped(member), "\""]);
        }
    }
    shown
}

/// What to say of a path before a sign that is no field.
fn unknown<V: Vocabulary>(path: &[String], name: &str, comparator: Comparator) -> String {
    if let Some(message) = foreign_sign(path) {
        return message;
    }
    if let [map, _, _, ..] = path
        && V::entry(std::slice::from_ref(map), "").is_some()
    {
        return format!(
            "{name} has too many dots; a name with a dot in it goes in quotes, as in {map}.\"a.b\""
        );
    }
    if let Some(message) = map::<V>(path, name) {
        return message;
    }
    if Number::parse(name).is_some() {
        let sign = comparator.sign();
        return format!(
            "{name} stands before {sign}; the field goes there and the value behind, as in {}",
            V::EXAMPLE
        );
    }
    format!("{name} is no field of {}; the fields are {}", V::SUBJECT, V::FIELDS)
}

/// What to say of a path behind which no sign follows.
fn alone<V: Vocabulary>(path: &[String], name: &str) -> String {
    if let Some(message) = foreign_sign(path).or_else(|| map::<V>(path, name)) {
        return message;
    }
    if let Some((_, kind)) = V::field(path) {
        let left = Left { field: name, kind, at: 0, comparator: Comparator::Equal };
        return format!("{name} stands alone; it is compared by {}, as in {}", left.signs(), left.example());
    }
    match V::FUNCTIONS.iter().find(|function| **function == name) {
        Some(_) => format!("{name} is followed by its argument in parentheses, as in {name}({})", V::EXAMPLE),
        None => format!(
            "{name} stands alone; say which field is compared with it, as in {}. The fields are {}",
            V::EXAMPLE,
            V::FIELDS
        ),
    }
}

/// What to say of a map whose entry is not named.
fn map<V: Vocabulary>(path: &[String], name: &str) -> Option<String> {
    V::entry(path, "")?;
    Some(format!(
        "{name} is a map: compare an entry, as in {name}.key = \"value\", or ask for one, as in {name}:key"
    ))
}

/// What to say of a word that is a sign in other languages.
fn foreign_sign(path: &[String]) -> Option<String> {
    let [word] = path else { return None };
    let right = match word.as_str() {
        "&&" | "&" | "and" | "And" => "AND",
        "||" | "|" | "or" | "Or" => "OR",
        "not" | "Not" => "NOT",
        _ => return None,
    };
    Some(format!("{word} is written {right}"))
}
