//! What an order may become is decided in `domain`. The shell (the root crate) may show a state, in one folder; code
//! there that takes states apart elsewhere is a business rule in the wrong place. The simulator's oracle judges the
//! business rules, so it must not ask them.

use super::{Found, Tree};

const SHELL: &str = "src/";
const MAY: [&str; 2] = ["src/http/view/", "src/simulate/oracle/"];
const STATE: &str = "OrderState::";

/// The shell takes no order state apart outside its view.
pub(super) fn check(tree: &Tree) -> Vec<Found> {
    tree.rust()
        .filter(|file| {
            file.path.starts_with(SHELL) && MAY.iter().all(|folder| !file.path.starts_with(folder))
        })
        .flat_map(|file| {
            file.lines().filter(|(_, line)| takes_apart(line)).map(|(line, _)| {
                let message = "an order's state is taken apart here; that belongs in domain, or in the view";
                (file.path.clone(), Some(line), message.to_owned())
            })
        })
        .collect()
}

/// Whether a line uses a variant as a pattern, or hides the name that this check looks for.
fn takes_apart(line: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default().trim();
    let hides =
        code.contains("OrderState as ") || code.contains("OrderState::*") || code.contains("OrderState::{");
    let Some((before, after)) = code.split_once(STATE) else { return hides };
    // `OrderState::X { .. } =>`, one alternative of several, `let OrderState::X`, `matches!(s, OrderState::X)`.
    hides
        || after.contains("=>")
        || before.trim_end().ends_with('|')
        || before.rsplit_once("let ").is_some_and(|(_, pattern)| !pattern.contains('='))
        || before.contains("matches!")
}
