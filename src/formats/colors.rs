//! Names of colors, as CSS has them.

/// The color `#rrggbb` of what HTML takes for one: `#rrggbb`, `#rgb`, or a name of CSS Color Module Level 4 that
/// configurations use.
pub(super) fn of(color: &str) -> Option<String> {
    let color = color.trim().to_ascii_lowercase();
    if let Some(digits) = color.strip_prefix('#') {
        let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        return match digits.len() {
            6 if is_hex => Some(color),
            3 if is_hex => Some(digits.chars().fold("#".to_owned(), |mut long, digit| {
                long.extend([digit, digit]);
                long
            })),
            _ => None,
        };
    }
    NAMES.iter().find(|(name, _)| *name == color).map(|(_, color)| (*color).to_owned())
}

const NAMES: [(&str, &str); 78] = [
    ("aqua", "#00ffff"),
    ("aquamarine", "#7fffd4"),
    ("azure", "#f0ffff"),
    ("beige", "#f5f5dc"),
    ("black", "#000000"),
    ("blue", "#0000ff"),
    ("blueviolet", "#8a2be2"),
    ("brown", "#a52a2a"),
    ("cadetblue", "#5f9ea0"),
    ("chocolate", "#d2691e"),
    ("coral", "#ff7f50"),
    ("cornflowerblue", "#6495ed"),
    ("crimson", "#dc143c"),
    ("cyan", "#00ffff"),
    ("darkblue", "#00008b"),
    ("darkcyan", "#008b8b"),
    ("darkgray", "#a9a9a9"),
    ("darkgreen", "#006400"),
    ("darkmagenta", "#8b008b"),
    ("darkorange", "#ff8c00"),
    ("darkred", "#8b0000"),
    ("deeppink", "#ff1493"),
    ("deepskyblue", "#00bfff"),
    ("dimgray", "#696969"),
    ("dodgerblue", "#1e90ff"),
    ("firebrick", "#b22222"),
    ("forestgreen", "#228b22"),
    ("fuchsia", "#ff00ff"),
    ("gold", "#ffd700"),
    ("goldenrod", "#daa520"),
    ("gray", "#808080"),
    ("green", "#008000"),
    ("greenyellow", "#adff2f"),
    ("grey", "#808080"),
    ("hotpink", "#ff69b4"),
    ("indianred", "#cd5c5c"),
    ("indigo", "#4b0082"),
    ("ivory", "#fffff0"),
    ("khaki", "#f0e68c"),
    ("lavender", "#e6e6fa"),
    ("lightblue", "#add8e6"),
    ("lightcoral", "#f08080"),
    ("lightcyan", "#e0ffff"),
    ("lightgray", "#d3d3d3"),
    ("lightgreen", "#90ee90"),
    ("lightgrey", "#d3d3d3"),
    ("lightpink", "#ffb6c1"),
    ("lightskyblue", "#87cefa"),
    ("lightyellow", "#ffffe0"),
    ("lime", "#00ff00"),
    ("limegreen", "#32cd32"),
    ("magenta", "#ff00ff"),
    ("maroon", "#800000"),
    ("navy", "#000080"),
    ("olive", "#808000"),
    ("orange", "#ffa500"),
    ("orangered", "#ff4500"),
    ("orchid", "#da70d6"),
    ("pink", "#ffc0cb"),
    ("plum", "#dda0dd"),
    ("purple", "#800080"),
    ("red", "#ff0000"),
    ("royalblue", "#4169e1"),
    ("salmon", "#fa8072"),
    ("seagreen", "#2e8b57"),
    ("silver", "#c0c0c0"),
    ("skyblue", "#87ceeb"),
    ("slateblue", "#6a5acd"),
    ("springgreen", "#00ff7f"),
    ("steelblue", "#4682b4"),
    ("tan", "#d2b48c"),
    ("teal", "#008080"),
    ("tomato", "#ff6347"),
    ("turquoise", "#40e0d0"),
    ("violet", "#ee82ee"),
    ("white", "#ffffff"),
    ("yellow", "#ffff00"),
    ("yellowgreen", "#9acd32"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colors_are_six_digits() {
        let check =
            |color: &str, expected: Option<&str>| assert_eq!(of(color).as_deref(), expected, "{color}");
        check("#FF821C", Some("#ff821c"));
        check("#Fa0", Some("#ffaa00"));
        check(" LightGreen ", Some("#90ee90"));
        check("darken", None);
        check("#ff", None);
        check("rgba(1, 2, 3, 0.5)", None);
        assert!(NAMES.is_sorted_by(|(one, _), (next, _)| one < next));
    }
}
