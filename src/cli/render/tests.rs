use proptest::prelude::*;

use super::{
    rows::{Boundaries, Rows},
    segments::Segment,
    *,
};

/// A mention from `label start..end` or `label@layer start..end,start..end`, in bytes; a label may be followed by marks
/// and a number: `label?!✗=7`.
fn mention(line: &str) -> Mention {
    let (name, ranges) = line.rsplit_once(' ').unwrap();
    let (label, layer) = name.split_once('@').unwrap_or((name, "default"));
    let (label, number) = label.split_once('=').unwrap_or((label, "0"));
    let standing = Standing {
        is_suggested: label.contains('?'),
        is_rejected: label.contains('✗'),
        needs_review: label.contains('!'),
    };
    let range = |range: &str| {
        let (start, end) = range.split_once("..").unwrap();
        start.parse().unwrap()..end.parse().unwrap()
    };
    let ranges = ranges.split(',').map(range).collect();
    let label = label.trim_end_matches(['?', '✗', '!']).to_owned();
    Mention { label, layer: layer.to_owned(), ranges, number: number.parse().unwrap(), standing }
}

fn mentions(lines: &[&str]) -> Vec<Mention> {
    lines.iter().map(|line| mention(line)).collect()
}

fn options(marks: Marks, color: bool, width: usize) -> Options {
    Options { marks, layers: Layers::Together, color, width }
}

/// The text in the colours of its own labels.
fn text(article: &str, marked: &[Mention], options: &Options) -> String {
    super::text(article, marked, &palette(marked, options), options)
}

fn legend(marked: &[Mention], options: &Options) -> String {
    super::legend(marked, &palette(marked, options), options)
}

fn palette(marked: &[Mention], options: &Options) -> Palette {
    if options.color { Palette::of(marked.iter().map(|it| it.label.as_str())) } else { Palette::default() }
}

#[track_caller]
fn check(article: &str, marked: &[&str], bars: &[&str], brackets: &str) {
    check_in(100, article, marked, bars, brackets);
}

#[track_caller]
fn check_in(width: usize, article: &str, marked: &[&str], bars: &[&str], brackets: &str) {
    let marked = mentions(marked);
    let shown = text(article, &marked, &options(Marks::Bars, false, width));
    assert_eq!(shown.lines().collect::<Vec<_>>(), bars, "\n{shown}");
    assert_eq!(text(article, &marked, &options(Marks::Brackets, false, width)), brackets);
}

#[test]
fn a_label_stands_in_its_bar_or_beside_it() {
    check(
        "BANGKOK, THAILAND and ZTE",
        &["LOC 0..7", "COUNTRY 9..17", "ORG 22..25"],
        &["1  BANGKOK, THAILAND and ZTE", "   ╰─LOC─╯               ╰─╯ORG", "            ╰──────╯COUNTRY"],
        "[BANGKOK](LOC), [THAILAND](COUNTRY) and [ZTE](ORG)\n",
    );
}

#[test]
fn a_label_stands_before_its_bar_where_the_terminal_ends() {
    check_in(
        24,
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa bb",
        &["ANIMAL 38..40"],
        &["1  aaaaaaaaaaaaaaaaaaaa", "   aaaaaaaaaaaaaaaaaaaa", "               ANIMAL╰╯", "   bb"],
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa[aa](ANIMAL) bb\n",
    );
}

#[test]
fn rows_end_after_a_space_that_may_be_broken_at() {
    check_in(
        24,
        "one two three 2019\u{a0}and more",
        &[],
        &["1  one two three ", "   2019\u{a0}and more"].map(str::trim_end),
        "one two three 2019\u{a0}and more\n",
    );
}

#[test]
fn the_inner_of_nested_spans_stands_nearer_to_the_text() {
    check(
        "Bank of China, Caracas",
        &["ORG 0..13", "GPE 8..13", "GPE 15..22"],
        &["1  Bank of China, Caracas", "           ╰GPE╯  ╰─GPE─╯", "   ╰─── ORG ───╯"],
        "[Bank of [China](GPE)](ORG), [Caracas](GPE)\n",
    );
}

#[test]
fn spans_that_cross_have_a_level_each_or_a_number() {
    check(
        "the left and right lung",
        &["A 0..14", "B 9..23"],
        &["1  the left and right lung", "   ╰──── A ─────╯", "            ╰──── B ─────╯"],
        "[¹the left [²and r](¹A)ight lung](²B)\n",
    );
}

#[test]
fn identical_spans_have_a_bar_each() {
    check(
        "Maduro spoke",
        &["PER 0..6", "LEADER 0..6"],
        &["1  Maduro spoke", "   ╰PER─╯", "   ╰────╯LEADER"],
        "[[Maduro](LEADER)](PER) spoke\n",
    );
}

#[test]
fn adjacent_spans_share_a_level_when_their_labels_fit() {
    check("FooBar", &["A 0..3", "B 3..6"], &["1  FooBar", "   ╰A╯╰B╯"], "[Foo](A)[Bar](B)\n");
    check(
        "FooBarBaz",
        &["A 0..3", "LONG 3..6", "C 6..9"],
        &["1  FooBarBaz", "   ╰A╯╰─╯LONG", "         ╰C╯"],
        "[Foo](A)[Bar](LONG)[Baz](C)\n",
    );
}

#[test]
fn a_span_goes_on_in_the_next_line() {
    check(
        "He said\r\n\r\nthat it was so\n",
        &["QUOTE 3..18"],
        &["1  He said", "      ╰──┄QUOTE", "2", "3  that it was so", "   ┄QUOTE╯"],
        "He [said\n\nthat it](QUOTE) was so\n",
    );
}

#[test]
fn a_line_break_is_shown_where_a_span_begins_or_ends_at_it() {
    check("ab\ncd\n", &["A 0..2", "B 3..5"], &["1  ab", "   ╰╯A", "2  cd", "   ╰╯B"], "[ab](A)\n[cd](B)\n");
    check(
        "ab\r\ncd\n",
        &["A 0..4", "B 6..7"],
        &["1  ab↵", "   ╰A╯", "2  cd↵", "     ┴B"],
        "[ab\n](A)cd[\n](B)\n",
    );
    check("ab\r\n", &["A 2..3"], &["1  ab␍↵", "     ┴A"], "ab[␍](A)\n");
}

#[test]
fn a_span_of_many_rows_has_a_rail() {
    check_in(
        40,
        "The quick brown fox jumps over the lazy dog and then runs through the forest until it finds the river\n\
         and drinks there.\n\nEnd of it all.",
        &["BIG 0..130", "SECTION 0..119", "SUB 10..104", "Q 35..60"],
        &[
            "1 ╭╭╭ The quick brown fox jumps over",
            "  │││           ╰─────── SUB ───────┄",
            "  │││ ╰────────── SECTION ──────────┄",
            "  │││ ╰──────────── BIG ────────────┄",
            "  │││ the lazy dog and then runs",
            "  │││     ╰───────── Q ─────────┄",
            "  │││ through the forest until it finds",
            "  │││ ┄╯Q",
            "  │││ the river",
            "2 │╰╰ and drinks there.",
            "  │   ┄╯SUB",
            "  │   ┄─── SECTION ───╯",
            "3 │",
            "4 ╰   End of it all.",
            "      ┄─ BIG ─╯",
        ],
        "[[The quick [brown fox jumps over the [lazy dog and then runs th](Q)rough the forest until it finds the \
         river\nan](SUB)d drinks there.](SECTION)\n\nEnd of it](BIG) all.\n",
    );
}

#[test]
fn the_parts_of_one_mention_are_joined_and_numbered() {
    check(
        "pain in left and right arm",
        &["SYM 0..4,23..26", "SYM 8..12,23..26"],
        &[
            "1  pain in left and right arm",
            "   ╰──╯┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄╰─╯SYM#1",
            "           ╰──╯┄┄┄┄┄┄┄┄┄┄┄╰─╯SYM#2",
        ],
        "[pain](SYM#1) in [left](SYM#2) and right [[arm](SYM#2)](SYM#1)\n",
    );
}

#[test]
fn layers_are_named_where_there_are_two() {
    check(
        "Maduro spoke",
        &["PER@alice 0..6", "PERSON@bob 0..6", "V@bob 7..12"],
        &["1  Maduro spoke", "          ╰───╯V@bob", "   ╰────╯PER@alice", "   ╰────╯PERSON@bob"],
        "[[Maduro](PERSON@bob)](PER@alice) [spoke](V@bob)\n",
    );
}

#[test]
fn a_label_says_its_number_and_how_far_the_review_got() {
    check(
        "IBM has its seat in Armonk",
        &["ORG=1 0..3", "LOC?=12 20..26", "X✗ 4..26", "Y!@b 8..11", "Z?! 12..16"],
        &[
            "1  IBM has its seat in Armonk",
            "   ╰─╯ORG₁ ╰─╯Y!@b     ╰────╯LOC₁₂?",
            "               ╰──╯Z?!",
            "       ╰──────── X✗ ────────╯",
        ],
        "[IBM](ORG₁) [has [its](Y!@b) [seat](Z?!) in [Armonk](LOC₁₂?)](X✗)\n",
    );
}

#[test]
fn what_was_rejected_is_struck_through_and_has_no_colour_in_the_text() {
    let marked = mentions(&["A 0..4", "B✗ 1..3"]);
    let shown = text("abcd", &marked, &options(Marks::Bars, true, 80));
    let palette = Palette::of(["A", "B"].into_iter());
    let (a, bar, struck) = (palette.text("A"), palette.bar("A"), palette.bar("B").strikethrough());
    let dim = anstyle::Style::new().dimmed();
    let expected = format!("{dim}1{dim:#}  {a}abcd{a:#}\n    {struck}╰╯B✗{struck:#}\n   {bar}╰A─╯{bar:#}\n");
    assert_eq!(shown, expected);
}

#[test]
fn layers_stand_side_by_side_with_a_mark_where_they_differ() {
    let check = |article: &str, marked: &[&str], bars: &[&str]| {
        let options = Options { layers: Layers::SideBySide, ..options(Marks::Bars, false, 60) };
        let shown = text(article, &mentions(marked), &options);
        assert_eq!(shown.lines().collect::<Vec<_>>(), bars, "\n{shown}");
    };
    check(
        "Maduro spoke.\nHe left Caracas.\nNothing.",
        &[
            "PER@alice 0..6",
            "PER@bob 0..6",
            "PER@alice 14..16",
            "GPE@alice 22..29",
            "LOC@bob 22..29",
            "X✗@bob 31..38",
        ],
        &[
            "    1   Maduro spoke.",
            "alice   ╰PER─╯",
            "  bob   ╰PER─╯",
            "    2 ≠ He left Caracas.",
            "alice   ╰╯PER   ╰─GPE─╯",
            "  bob           ╰─LOC─╯",
            "    3   Nothing.",
            "  bob   ╰─X✗──╯",
        ],
    );
    check("ab", &["A 0..1"], &["      1   ab", "default   ┴A"]);
    check("ab", &[], &["1  ab"]);
}

#[test]
fn an_empty_article_has_no_rows() {
    check("", &[], &[], "");
    check("\n", &[], &["1"], "\n");
}

#[test]
fn an_empty_span_has_a_place_in_the_text() {
    check("", &["E 0..0"], &["1  │", "   ┴E"], "[](E)\n");
    check(
        "ab\n",
        &["E 1..1", "F 2..2", "G 3..3"],
        &["1  a│b│", "    ┴E", "      ┴F", "2  │", "   ┴G"],
        "a[](E)b[](F)\n[](G)\n",
    );
}

#[test]
fn wide_characters_take_two_columns() {
    check(
        "東京都のテレビ",
        &["LOC 0..9", "X 12..21", "TOKYO 0..6"],
        &["1  東京都のテレビ", "   ╰──╯TOKYO", "   ╰LOC─╯  ╰─X──╯"],
        "[[東京](TOKYO)都](LOC)の[テレビ](X)\n",
    );
    check("👩‍💻 codes", &["P 0..11"], &["1  👩‍💻 codes", "   ╰╯P"], "[👩‍💻](P) codes\n");
}

#[test]
fn a_part_of_a_cluster_does_not_join_the_part_before_it() {
    check(
        "e\u{301}a\u{301}",
        &["A 0..3", "M 1..3"],
        &["1  e◌\u{301}a\u{301}", "    ┴M", "   ╰╯A"],
        "[e[◌\u{301}](M)](A)a\u{301}\n",
    );
    check("👩‍💻", &["P 0..4"], &["1  👩⟨U+200D⟩💻", "   ╰╯P"], "[👩](P)⟨U+200D⟩💻\n");
    check("🇫🇷", &["F 0..4"], &["1  ⟨U+1F1EB⟩⟨U+1F1F7⟩", "   ╰── F ──╯"], "[⟨U+1F1EB⟩](F)⟨U+1F1F7⟩\n");
    check("👍🏽", &["F 0..4"], &["1  👍◌🏽", "   ╰╯F"], "[👍](F)◌🏽\n");
}

#[test]
fn what_a_terminal_obeys_is_shown_as_a_picture() {
    check(
        "a\tb\u{1b}[31mred\0\u{202e}x\u{feff}\rz\u{9b}\u{7f}",
        &["TAB 1..2", "ESC 3..4", "RLO 12..15"],
        &["1  a       b␛[31mred␀⟨U+202E⟩x⟨U+FEFF⟩␍z⟨U+009B⟩␡", "    ╰─TAB─╯ ┴ESC     ╰─RLO──╯"],
        "a[\t](TAB)b[␛](ESC)[31mred␀[⟨U+202E⟩](RLO)x⟨U+FEFF⟩␍z⟨U+009B⟩␡\n",
    );
    check("x", &["\u{1b}[2J\u{202e} 0..1"], &["1  x", "   ┴␛[2J⟨U+202E⟩"], "[x](␛[2J⟨U+202E⟩)\n");
}

#[test]
fn ranges_that_are_no_ranges_of_the_text_do_no_harm() {
    check("é", &["A 1..99", "B 7..3"], &["1  é│", "    ┴B", "   ┴A"], "[é](A)[](B)\n");
}

#[test]
fn colours_mark_the_innermost_span_and_its_bar() {
    let marked = mentions(&["ORG 0..4", "GPE 1..3"]);
    let shown = text("abcd", &marked, &options(Marks::Bars, true, 80));
    let [org, gpe] = ["ORG", "GPE"].map(|label| {
        let palette = Palette::of(["GPE", "ORG"].into_iter());
        (palette.text(label), palette.bar(label))
    });
    assert_ne!(org.0, gpe.0);
    let dim = anstyle::Style::new().dimmed();
    let expected = format!(
        "{dim}1{dim:#}  {0}a{0:#}{1}bc{1:#}{0}d{0:#}\n    {2}╰╯GPE{2:#}\n   {3}╰──╯ORG{3:#}\n",
        org.0, gpe.0, gpe.1, org.1
    );
    assert_eq!(shown, expected);
}

#[test]
fn a_label_keeps_its_colour_from_text_to_text() {
    let alone = Palette::of(["ORG"].into_iter()).text("ORG");
    assert_eq!(Palette::of(["ORG", "ORG", "GPE", "DATE"].into_iter()).text("ORG"), alone);
    let labels: Vec<String> = (0..12).map(|number| format!("L{number}")).collect();
    let palette = Palette::of(labels.iter().map(String::as_str));
    let colours: std::collections::HashSet<String> =
        labels.iter().map(|label| palette.text(label).to_string()).collect();
    assert_eq!(colours.len(), 12, "twelve labels have twelve colours");
}

#[test]
fn the_legend_counts_labels_and_layers() {
    let marked = mentions(&["ORG@a 0..1", "ORG@b 0..1", "場所@a 0..1,2..3"]);
    assert_eq!(
        legend(&marked, &options(Marks::Bars, false, 80)),
        "          a  b\n ORG   2  1  1\n 場所  1  1  ·\n #1, #2 ... mark the parts of one mention\n"
    );
    // Where the terminal is too narrow for them, layers have no columns.
    assert_eq!(
        legend(&marked, &options(Marks::Bars, false, 12)),
        " ORG   2  a 1, b 1\n 場所  1  a 1\n #1, #2 ... mark the parts of one mention\n"
    );
    let marked = mentions(&["A? 0..1", "A! 0..1"]);
    assert_eq!(legend(&marked, &options(Marks::Bars, false, 80)), " A  2\n ? suggested   ! needs review\n");
    assert_eq!(legend(&[], &options(Marks::Bars, true, 80)), "");
}

/// Texts of what is hard to show, with ranges anywhere in them.
fn hard_article() -> impl Strategy<Value = (String, Vec<Mention>)> {
    let piece = prop::sample::select(vec![
        "a",
        "word",
        " ",
        "  ",
        "\n",
        "\r\n",
        "\r",
        "\t",
        "é",
        "e\u{301}",
        "東",
        "👩‍💻",
        "🇫🇷",
        "👍🏽",
        "\u{1b}[2J",
        "\0",
        "\u{9b}",
        "\u{202e}",
        "\u{feff}",
        "\u{200d}",
        "\u{300}",
        "שלום",
        "각",
        "\u{11a8}",
        "[x](Y)",
    ]);
    let range = (0_usize..80, 0_usize..30).prop_map(|(start, length)| start..start + length);
    let standing =
        prop::array::uniform3(any::<bool>()).prop_map(|[is_suggested, is_rejected, needs_review]| Standing {
            is_suggested,
            is_rejected,
            needs_review,
        });
    let mention = ("[A-C]", "[ab]", prop::collection::vec(range, 1..3), 0_usize..30, standing).prop_map(
        |(label, layer, ranges, number, standing)| Mention { label, layer, ranges, number, standing },
    );
    let text = prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat());
    (text, prop::collection::vec(mention, 0..8))
}

proptest! {
    #[test]
    fn nothing_that_a_terminal_obeys_comes_out((article, marked) in hard_article(), width in 1_usize..60) {
        for (marks, layers) in [
            (Marks::Bars, Layers::Together),
            (Marks::Bars, Layers::SideBySide),
            (Marks::Brackets, Layers::Together),
        ] {
            let options = |color| Options { layers, ..options(marks, color, width) };
            let shown = text(&article, &marked, &options(false));
            let obeyed = |c: char| c.is_control() && c != '\n' && !(c == '\t' && marks == Marks::Brackets);
            prop_assert!(!shown.contains(|c: char| obeyed(c) || c == '\u{202e}'), "{shown:?}");
            let colored = text(&article, &marked, &options(true));
            let stripped = anstream::adapter::strip_str(&colored).to_string();
            let trimmed = |text: &str| text.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>();
            prop_assert_eq!(trimmed(&stripped), trimmed(&shown), "colours change nothing else");
        }
    }

    #[test]
    fn rows_hold_the_whole_text_within_their_width((article, marked) in hard_article(), width in 8_usize..40) {
        let segments = Segment::all(&article, &marked);
        let boundaries = Boundaries::of(&segments);
        let mut position = 0;
        for row in Rows::new(&article, &boundaries, width) {
            prop_assert_eq!(row.start, position);
            for cell in &row.cells {
                prop_assert_eq!(cell.start, position, "no gap");
                position = cell.end;
            }
            let rest = article.get(position..row.end).unwrap();
            prop_assert!(matches!(rest, "" | "\n" | "\r\n"), "{rest:?} is left out");
            position = row.end;
            let clusters = row.cells.iter().filter(|cell| cell.start < cell.end).count();
            let places = row.cells.iter().filter(|cell| cell.start == cell.end).count();
            prop_assert!(row.columns() <= width + 1 + places || clusters == 1, "{row:?}");
        }
        prop_assert_eq!(position, article.len());
    }

    #[test]
    fn every_span_has_a_bar_over_just_what_it_covers((article, marked) in hard_article(), width in 8_usize..40) {
        let segments = Segment::all(&article, &marked);
        let boundaries = Boundaries::of(&segments);
        let rows: Vec<_> = Rows::new(&article, &boundaries, width).collect();
        for segment in &segments {
            let covered: Vec<_> =
                rows.iter().flat_map(|row| row.cells[row.covered(segment)].to_vec()).collect();
            prop_assert_eq!(covered.first().map(|cell| cell.start), Some(segment.start), "{:?}", segment);
            let end = covered.last().map_or(0, |cell| cell.end);
            let rest = article.get(end..segment.end).unwrap();
            prop_assert!(rest.chars().all(|c| c == '\n' || c == '\r'), "{rest:?} is left out of {segment:?}");
        }
    }
}
