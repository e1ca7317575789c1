//! deploy/leyden.service.

use crate::read;

/// The only value of a key.
pub(crate) fn value(key: &str) -> String {
    let values = values(key);
    assert_eq!(values.len(), 1, "{key}: {values:?}");
    values.into_iter().next().unwrap()
}

fn values(key: &str) -> Vec<String> {
    read("deploy/leyden.service")
        .lines()
        .filter_map(|line| line.split_once('='))
        .filter(|(name, _)| *name == key)
        .map(|(_, value)| value.to_owned())
        .collect()
}

#[test]
fn it_is_confined() {
    for (key, wanted) in [
        ("DynamicUser", "yes"),
        ("ProtectSystem", "strict"),
        ("NoNewPrivileges", "yes"),
        ("CapabilityBoundingSet", ""),
        ("PrivateDevices", "yes"),
        ("MemoryDenyWriteExecute", "yes"),
        ("LimitCORE", "0"),
        ("UMask", "0077"),
    ] {
        assert_eq!(value(key), wanted, "{key}");
    }
}

#[test]
fn it_is_started_again_after_70_and_not_after_78() {
    assert_eq!(value("Restart"), "on-failure");
    // 70 is a failure like any other that is not excepted here.
    assert_eq!(value("RestartPreventExitStatus"), "78");
    assert_eq!(value("SuccessExitStatus"), "0");
}

#[test]
fn every_secret_of_the_configuration_is_handed_over() {
    let handed: Vec<String> =
        values("LoadCredential").iter().filter_map(|line| Some(line.split_once(':')?.0.to_owned())).collect();
    for line in read("config/production.toml").lines().filter(|line| !line.starts_with('#')) {
        if let Some((_, rest)) = line.split_once("/run/secrets/") {
            let name = rest.split('"').next().unwrap();
            assert!(handed.iter().any(|handed| handed == name), "{name}");
        }
    }
}
