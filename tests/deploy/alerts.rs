//! The alert rules look at figures that exist, and each says what to do.

use crate::{read, source, yaml};
use serde_json::Value;
use std::collections::BTreeSet;

/// What the client library adds to a histogram's name.
const SUFFIXES: [&str; 3] = ["_bucket", "_sum", "_count"];

fn rules() -> Vec<Value> {
    let groups = yaml("config/alerts.yml");
    let groups = groups["groups"].as_array().unwrap().iter();
    groups.flat_map(|group| group["rules"].as_array().unwrap().clone()).collect()
}

/// The names of our metrics in an expression.
fn metrics(expression: &str) -> BTreeSet<&str> {
    expression
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| word.starts_with("leyden_"))
        .collect()
}

#[test]
fn every_metric_of_a_rule_is_one_that_the_service_has() {
    let source = source();
    for rule in rules() {
        let expression = rule["expr"].as_str().unwrap();
        let names = metrics(expression);
        assert!(!names.is_empty() || expression.starts_with("up{"), "{expression} looks at nothing of ours");
        for name in names {
            let plain = SUFFIXES.iter().find_map(|suffix| name.strip_suffix(suffix));
            let there =
                [Some(name), plain].into_iter().flatten().any(|name| source.contains(&format!("\"{name}\"")));
            assert!(there, "{}: no code sets {name}", rule["alert"]);
        }
    }
}

/// Values of labels that rules choose by are values that the code gives.
#[test]
fn every_value_that_a_rule_chooses_by_is_one_that_the_service_gives() {
    let source = source();
    for rule in rules() {
        let expression = rule["expr"].as_str().unwrap();
        for (matcher, _) in expression.match_indices('{') {
            let inside = expression.get(matcher..).unwrap().split('}').next().unwrap();
            for value in inside.split('"').skip(1).step_by(2).flat_map(|values| values.split('|')) {
                let is_pattern = value.contains('.') || value == "tron-energy-rental";
                // The name of an order's state is put together from the domain's own table of them.
                let known = is_pattern
                    || source.contains(&format!("\"{value}\""))
                    || read("domain/src/order/mod.rs").contains(&format!("\"{value}\""))
                    || read("domain/src/pool/mod.rs").contains(&format!("\"{value}\""))
                    || read("domain/src/reconcile/mod.rs").contains(&format!("\"{value}\""));
                assert!(known, "{}: nothing is ever `{value}`", rule["alert"]);
            }
        }
    }
}

#[test]
fn every_rule_has_its_section_in_the_runbook_and_every_section_its_rule() {
    let runbook = read("docs/operating/alerts.md");
    let sections: BTreeSet<&str> = runbook.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    let rules = rules();
    let names: BTreeSet<&str> = rules.iter().map(|rule| rule["alert"].as_str().unwrap()).collect();
    assert_eq!(names, sections);
    assert_eq!(names.len(), rules.len(), "no name twice");
    for rule in &rules {
        let name = rule["alert"].as_str().unwrap();
        let link = format!("docs/operating/alerts.md#{}", name.to_lowercase());
        assert_eq!(rule["annotations"]["runbook"], link.as_str(), "{name}");
        assert!(
            rule["annotations"]["summary"].is_string() && rule["labels"]["severity"].is_string(),
            "{name}"
        );
    }
}

#[test]
fn every_rule_is_fired_and_cleared_by_the_rules_own_tests() {
    let tests = read("config/alerts_test.yml");
    for rule in rules() {
        let name = rule["alert"].as_str().unwrap();
        assert!(
            tests.contains(&format!("alertname: {name}\n")),
            "config/alerts_test.yml does not try {name}"
        );
    }
}

#[test]
fn prometheus_reads_these_rules_from_where_the_service_answers() {
    let config = yaml("config/prometheus.yml");
    assert_eq!(config["rule_files"][0], "alerts.yml");
    let scrape = &config["scrape_configs"][0];
    assert_eq!(scrape["job_name"], "tron-energy-rental");
    assert_eq!(scrape["metrics_path"], "/api/metrics");
    assert!(source().contains("#[get(\"/api/metrics\")]"));
}
