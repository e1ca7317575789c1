//! What the doctor found.

use crate::cli::{Failure, json, line};
use serde::Serialize;

/// How one thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    Ok,
    Odd,
    Bad,
}

#[derive(Debug, Serialize)]
struct Finding {
    verdict: Verdict,
    what: &'static str,
    found: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    todo: Option<String>,
}

/// All that was found, in the order of looking.
#[derive(Debug, Default)]
pub(super) struct Report(Vec<Finding>);

impl Report {
    fn add(&mut self, verdict: Verdict, what: &'static str, found: &str, todo: Option<&str>) {
        self.0.push(Finding { verdict, what, found: found.to_owned(), todo: todo.map(str::to_owned) });
    }

    /// It is as it should be.
    pub(super) fn ok(&mut self, what: &'static str, found: &str) {
        self.add(Verdict::Ok, what, found, None);
    }

    /// It works, and may not be what was meant.
    pub(super) fn odd(&mut self, what: &'static str, found: &str, todo: &str) {
        self.add(Verdict::Odd, what, found, Some(todo));
    }

    /// It must be mended.
    pub(super) fn bad(&mut self, what: &'static str, found: &str, todo: &str) {
        self.add(Verdict::Bad, what, found, Some(todo));
    }

    /// Whether anything must be.
    pub(super) fn must_be_mended(&self) -> bool {
        self.0.iter().any(|finding| finding.verdict == Verdict::Bad)
    }

    /// Prints it for people or for programs.
    pub(super) fn print(&self, as_json: bool) -> Result<(), Failure> {
        if as_json {
            return json(&self.0);
        }
        for finding in &self.0 {
            let mark = match finding.verdict {
                Verdict::Ok => "ok  ",
                Verdict::Odd => "odd ",
                Verdict::Bad => "BAD ",
            };
            line(format_args!("{mark} {:<15} {}", finding.what, finding.found))?;
            if let Some(todo) = &finding.todo {
                line(format_args!("     {:<15} → {todo}", ""))?;
            }
        }
        line(if self.must_be_mended() { "not fit to serve" } else { "fit to serve" })
    }
}
