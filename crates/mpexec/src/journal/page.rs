//! `--report`: one page that needs nothing but itself. What it shows stands in it as JSON, and its script draws it.
//!
//! Foreign text (a command line, a file's name, what a command was) is in that JSON alone, where nothing can end the element it stands
//! in, and the script makes text nodes of it and no markup.

use std::io::{self, Write};

use super::figures::Figures;

const PAGE: &str = include_str!("page.html");
/// Where the figures go.
const PLACE: &str = "\"FIGURES\"";

/// Writes the whole page.
pub(super) fn write(figures: &Figures, out: &mut impl Write) -> io::Result<()> {
    let (before, after) = PAGE.split_once(PLACE).ok_or(io::ErrorKind::InvalidData)?;
    out.write_all(before.as_bytes())?;
    out.write_all(in_markup(&serde_json::to_string(figures)?).as_bytes())?;
    out.write_all(after.as_bytes())
}

/// JSON that can stand in a page: nothing in it begins or ends an element, or a comment.
fn in_markup(json: &str) -> String {
    json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_cannot_leave_the_element_that_it_stands_in() {
        let text = "</script><script>alert(1)</script><!-- &amp;";
        let json = in_markup(&serde_json::to_string(text).unwrap());
        assert!(!json.contains(['<', '>', '&']));
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
    }

    #[test]
    fn the_page_has_one_place_for_its_figures_and_names_nothing_outside_of_itself() {
        assert_eq!(PAGE.matches(PLACE).count(), 1);
        for outside in ["http:", "https:", "src=", "@import", "url(", "<link", "innerHTML", "fetch("] {
            let found = PAGE.replace("http://www.w3.org/2000/svg", "");
            assert!(!found.contains(outside), "{outside}");
        }
    }
}
