//! compose.yaml: what it promises about roles, secrets and health.

use crate::{read, root, yaml};
use serde_json::Value;

fn services() -> Value {
    yaml("compose.yaml")["services"].take()
}

#[test]
fn two_instances_work_without_ddl_and_one_job_migrates_as_the_owner() {
    let services = services();
    for name in ["leyden-1", "leyden-2"] {
        let service = &services[name];
        assert_eq!(
            service["healthcheck"]["test"],
            serde_json::json!(["CMD", "leyden", "healthcheck"]),
            "{name}"
        );
        assert_eq!(service["depends_on"]["migrate"]["condition"], "service_completed_successfully", "{name}");
        let secrets = service["secrets"].as_array().unwrap();
        assert!(!secrets.iter().any(|secret| secret == "database_owner_password"), "{name} knows the owner");
        assert_eq!(service["read_only"], true, "{name}");
        assert_eq!(service["cap_drop"][0], "ALL", "{name}");
    }
    let migrate = &services["migrate"];
    assert_eq!(migrate["command"], serde_json::json!(["migrate"]));
    assert_eq!(migrate["restart"], "no");
    let url = migrate["environment"]["LEYDEN__DATABASE__URL"].as_str().unwrap();
    assert!(url.contains("//leyden_owner@"), "{url}");
    assert!(read("config/production.toml").contains("//tron_app@"), "the service's role");
    assert!(read("deploy/postgres/roles.sh").contains("CREATE ROLE tron_app"));
}

#[test]
fn the_log_of_postgres_can_be_archived() {
    let postgres = &services()["postgres"];
    assert!(postgres["command"].as_array().unwrap().iter().any(|word| word == "archive_mode=on"));
    let entrypoint = postgres["entrypoint"].to_string();
    assert!(entrypoint.contains("chown postgres: /archive && exec docker-entrypoint.sh"), "{entrypoint}");
}

#[test]
fn redis_keeps_nothing_and_forgets_the_least_used() {
    let config = read("deploy/redis.conf");
    for line in ["maxmemory-policy allkeys-lru", "save \"\"", "appendonly no"] {
        assert!(config.lines().any(|have| have == line), "{line}");
    }
    let redis = &services()["redis"];
    assert_eq!(redis["volumes"].as_array().unwrap().len(), 1, "its configuration and no data");
}

#[test]
fn every_secret_is_a_file_that_is_never_committed_and_every_mount_is_there() {
    let compose = yaml("compose.yaml");
    let secrets = compose["secrets"].as_object().unwrap();
    for (name, secret) in secrets {
        assert_eq!(secret["file"], format!("./deploy/secrets/{name}"));
    }
    for file in [".gitignore", ".dockerignore"] {
        assert!(read(file).contains("deploy/secrets"), "{file}");
    }
    let install = read("docs/operating/install.md");
    for (name, service) in compose["services"].as_object().unwrap() {
        let used = service["secrets"].as_array().cloned().unwrap_or_default();
        for secret in used {
            let secret = secret.as_str().or(secret["source"].as_str()).unwrap().to_owned();
            assert!(secrets.contains_key(&secret), "{name}: {secret}");
            assert!(install.contains(&secret), "install.md does not say how to make {secret}");
        }
        for mount in service["volumes"].as_array().cloned().unwrap_or_default() {
            let source = mount.as_str().unwrap().split(':').next().unwrap().to_owned();
            if let Some(path) = source.strip_prefix("./") {
                assert!(root().join(path).exists(), "{name}: {path}");
            } else {
                assert!(compose["volumes"].as_object().unwrap().contains_key(&source), "{name}: {source}");
            }
        }
        let image = service["image"].as_str().unwrap();
        assert!(image.contains(':') && !image.ends_with(":latest"), "{name}: {image}");
    }
}

#[test]
fn a_stop_is_waited_for_as_long_as_it_may_take() {
    let production: toml::Table = read("config/production.toml").parse().unwrap();
    let default: toml::Table = read("config/leyden.toml").parse().unwrap();
    let http = |table: &toml::Table| table["http"].get("shutdown_timeout").cloned();
    let timeout = http(&production).or_else(|| http(&default)).unwrap();
    let seconds = |text: &str| text.trim_end_matches('s').parse::<u64>().unwrap();
    // Requests have shutdown_timeout, then the actors have the longer of that and ten seconds.
    let requests = seconds(timeout.as_str().unwrap());
    let needed = requests + requests.max(10);
    let grace = services()["leyden-1"]["stop_grace_period"].as_str().map(seconds).unwrap();
    assert!(grace > needed, "compose gives {grace} s, {needed} s are needed");
    let unit = crate::unit::value("TimeoutStopSec");
    assert!(seconds(&unit) > needed, "systemd gives {unit} s, {needed} s are needed");
}
