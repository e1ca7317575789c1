//! The rules and the configuration that operators are given, sped up: every duration divided, nothing else changed. So what
//! is tried out is what is given, and not a second file that resembles it.

use std::{fs, path::Path};

/// How much faster time goes for the rules: ten minutes are forty seconds.
pub(crate) const FASTER: u64 = 15;
/// The same where a rule's time has to cover what takes its own time here too: an election, whose lease is not sped up.
pub(crate) const HARDLY_FASTER: u64 = 7;

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// `2m` in milliseconds.
fn milliseconds(duration: &str) -> Option<u64> {
    let digits = duration.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = duration.split_at(digits);
    let unit = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    Some(number.parse::<u64>().ok()? * unit)
}

fn faster(duration: &str, times: u64) -> Option<String> {
    Some(format!("{}ms", milliseconds(duration)? / times))
}

/// `config/alerts.yml` with every `for:` and every range of an expression made shorter. The texts stay.
pub(crate) fn rules(times: u64) -> String {
    speed_up(&read("config/alerts.yml"), times)
}

fn speed_up(text: &str, times: u64) -> String {
    let mut rules = String::with_capacity(text.len());
    for line in text.lines() {
        let is_text = line.trim_start().starts_with("summary:") || line.trim_start().starts_with('#');
        match line.split_once("for: ") {
            Some((before, duration)) if before.trim().is_empty() => {
                let shorter = faster(duration.trim(), times).unwrap_or_else(|| panic!("{line}: no duration"));
                rules.extend([before, "for: ", &shorter]);
            }
            _ if is_text => rules.push_str(line),
            _ => rules.push_str(&ranges(line, times)),
        }
        rules.push('\n');
    }
    rules
}

/// What stands in square brackets and is a duration.
fn ranges(line: &str, times: u64) -> String {
    let mut pieces = line.split('[');
    let mut whole = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (inside, rest) = piece.split_once(']').unwrap_or((piece, ""));
        let inside = faster(inside, times).unwrap_or_else(|| inside.to_owned());
        whole.extend(["[", &inside, "]", rest]);
    }
    whole
}

/// `config/prometheus.yml`, looking every second at these instances.
pub(crate) fn configuration(instances: &[String]) -> String {
    let targets: Vec<String> = instances.iter().map(|instance| format!("\"{instance}\"")).collect();
    let lines = read("config/prometheus.yml");
    let lines = lines.lines().map(|line| {
        let key = line.trim_start();
        let indent = line.len() - key.len();
        let rest = if key.starts_with("- targets:") {
            format!("- targets: [{}]", targets.join(", "))
        } else if key.starts_with("scrape_interval:") {
            "scrape_interval: 1s".to_owned()
        } else if key.starts_with("evaluation_interval:") {
            "evaluation_interval: 1s".to_owned()
        } else {
            key.to_owned()
        };
        format!("{}{rest}", " ".repeat(indent))
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn only_durations_are_changed() {
    let text = "      # for: 1m [2m]\n        expr: sum(increase(a{b=~\"held[.].*\"}[10m])) > 300\n        for: 45s\n\
                \x20         summary: \"for [10m] more\"\n";
    let faster = "      # for: 1m [2m]\n        expr: sum(increase(a{b=~\"held[.].*\"}[40000ms])) > 300\n        for: 3000ms\n\
                  \x20         summary: \"for [10m] more\"\n";
    assert_eq!(speed_up(text, FASTER), faster);
    let (slow, fast) = (read("config/alerts.yml"), rules(FASTER));
    assert_eq!(slow.lines().count(), fast.lines().count());
    let changed = slow.lines().zip(fast.lines()).filter(|(slow, fast)| slow != fast).count();
    let durations = slow.lines().filter(|line| {
        line.trim_start().starts_with("for: ") || (!line.trim_start().starts_with('#') && line.contains("m]"))
    });
    assert_eq!(changed, durations.count(), "one line is changed for each that has a duration");
}
