//! The Dockerfile, as far as it can be held against the repository without building an image.

use crate::{read, root};
use std::process::Command;

/// Instructions with their continuation lines, comments left out.
fn instructions() -> Vec<(String, String)> {
    let text: String = read("Dockerfile").lines().filter(|line| !line.starts_with('#')).fold(
        String::new(),
        |mut text, line| {
            text.push_str(line.strip_suffix('\\').unwrap_or(line));
            text.push(if line.ends_with('\\') { ' ' } else { '\n' });
            text
        },
    );
    text.lines()
        .filter_map(|line| line.trim().split_once(' '))
        .map(|(word, rest)| (word.to_owned(), rest.trim().to_owned()))
        .collect()
}

fn of(word: &str) -> Vec<String> {
    instructions().into_iter().filter(|(is, _)| is == word).map(|(_, rest)| rest).collect()
}

#[test]
fn every_command_is_one_that_a_shell_can_read() {
    let runs = of("RUN");
    assert!(runs.len() >= 3);
    for run in runs {
        let command: Vec<&str> = run.split(' ').filter(|word| !word.starts_with("--mount=")).collect();
        let done = Command::new("sh").args(["-n", "-c", &command.join(" ")]).output().unwrap();
        assert!(done.status.success(), "{run}: {}", String::from_utf8_lossy(&done.stderr));
    }
}

#[test]
fn the_build_is_locked_and_uses_the_compiler_that_the_manifest_asks_for() {
    let build = of("RUN").into_iter().find(|run| run.contains("cargo build")).unwrap();
    for word in ["--release", "--locked", "--bin leyden"] {
        assert!(build.contains(word), "{word}: {build}");
    }
    let manifest: toml::Table = read("Cargo.toml").parse().unwrap();
    let version = manifest["workspace"]["package"]["rust-version"].as_str().unwrap().to_owned();
    assert!(of("FROM")[0].starts_with(&format!("rust:{version}-")), "{:?}", of("FROM"));
    assert!(root().join("Cargo.lock").exists());
}

#[test]
fn the_image_runs_as_nobody_in_particular_and_asks_itself_whether_it_is_well() {
    let all = instructions();
    let last_from = all.iter().rposition(|(word, _)| word == "FROM").unwrap();
    let stage = all.get(last_from..).unwrap();
    let user = stage.iter().find(|(word, _)| word == "USER").unwrap();
    assert!(
        user.1.parse::<u32>().is_ok_and(|id| id > 0),
        "a number, so that Kubernetes can see that it is not root"
    );
    let health = of("HEALTHCHECK");
    assert!(health[0].ends_with("CMD [\"leyden\", \"healthcheck\"]"), "{health:?}");
    assert!(stage.iter().all(|(_, rest)| !rest.contains("curl") && !rest.contains("apt-get")));
    for label in ["title", "description", "licenses", "version", "revision"] {
        assert!(of("LABEL")[0].contains(&format!("org.opencontainers.image.{label}=")), "{label}");
    }
}

#[test]
fn what_is_copied_is_there_and_what_the_build_embeds_is_not_left_out() {
    for copy in of("COPY").iter().filter(|copy| !copy.starts_with("--from")) {
        let mut sources: Vec<&str> = copy.split(' ').collect();
        sources.pop();
        for source in sources {
            assert!(root().join(source).exists(), "{source}");
        }
    }
    let ignored = read(".dockerignore");
    for needed in ["config", "migrations", "src", "Cargo.lock"] {
        assert!(!ignored.lines().any(|line| line.trim_end_matches('/') == needed), "{needed} is left out");
    }
}
