//! The layers over each other.

use std::time::Duration;

use serde::Deserialize;

use super::*;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Sample {
    listen: String,
    disks: Vec<String>,
    replicas: u32,
    secret_file: Option<String>,
    log: Log,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Log {
    sync: bool,
    interval: HumanDuration,
    segment: ByteSize,
}

impl Default for Log {
    fn default() -> Self {
        Self { sync: true, interval: HumanDuration(Duration::from_millis(100)), segment: ByteSize(64 << 20) }
    }
}

impl Default for Sample {
    fn default() -> Self {
        let listen = "127.0.0.1:34801".to_owned();
        Self { listen, disks: Vec::new(), replicas: 3, secret_file: None, log: Log::default() }
    }
}

impl Settings for Sample {
    fn docs() -> Vec<(&'static str, &'static str)> {
        vec![
            ("listen", "Address of the rpc port."),
            ("disks", "Disks, each tag:directory."),
            ("log.sync", "Whether the log is fsynced."),
            ("log.interval", "Time between two fsyncs."),
            ("log.segment", "Size of a segment."),
            ("replicas", "Wanted replicas."),
            ("secret_file", "File with the cluster secret."),
        ]
    }
}

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

fn file(text: &str) -> (tempfile::TempDir, Option<PathBuf>) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("godwit.toml");
    std::fs::write(&path, text).unwrap();
    (dir, Some(path))
}

#[test]
fn flags_win_over_environment_over_file_over_defaults() {
    let (_dir, file) = file("listen = 'file:1'\nreplicas = 1\n[log]\ninterval = '5s'\nsegment = 1024\nsync = false\n");
    let environment = pairs(&[("GODWIT_LISTEN", "env:1"), ("GODWIT_LOG_INTERVAL", "2.5s"), ("PATH", "/bin")]);
    let flags = pairs(&[("listen", "first:1"), ("listen", "flag:1")]);
    let got: Sample = load(&Sources { file, environment, flags }).unwrap();
    assert_eq!(got.listen, "flag:1");
    assert_eq!(got.log.interval.0, Duration::from_millis(2500));
    assert_eq!((got.replicas, got.log.segment, got.log.sync), (1, ByteSize(1024), false));
    assert_eq!(load::<Sample>(&Sources::default()).unwrap(), Sample::default());
}

#[test]
fn texts_take_the_type_of_their_key() {
    let flags = pairs(&[
        ("listen", "5"),
        ("disks", "a:/x, b:/y"),
        ("replicas", "2"),
        ("log.sync", "false"),
        ("secret_file", "/s"),
    ]);
    let got: Sample = load(&Sources { flags, ..Sources::default() }).unwrap();
    assert_eq!((got.listen.as_str(), got.replicas, got.log.sync), ("5", 2, false));
    assert_eq!(got.disks, ["a:/x", "b:/y"]);
    assert_eq!(got.secret_file.as_deref(), Some("/s"));
}

#[test]
fn unknown_keys_and_wrong_values_are_refused_in_every_layer() {
    let flag = |key, value| load::<Sample>(&Sources { flags: pairs(&[(key, value)]), ..Sources::default() });
    assert!(matches!(flag("lissen", "x"), Err(ConfigError::UnknownKey(_))));
    assert!(flag("log.interval", "soon").unwrap_err().to_string().contains("2.5s"));
    assert!(matches!(flag("replicas", "many"), Err(ConfigError::Invalid(_))));
    let (_dir, wrong) = file("[log]\nsinc = true\n");
    let error = load::<Sample>(&Sources { file: wrong, ..Sources::default() }).unwrap_err();
    assert!(error.to_string().contains("sinc"), "{error}");
    let (_dir, broken) = file("listen =");
    assert!(matches!(load::<Sample>(&Sources { file: broken, ..Sources::default() }), Err(ConfigError::Syntax(..))));
    let gone = Some(PathBuf::from("/nowhere/godwit.toml"));
    assert!(matches!(load::<Sample>(&Sources { file: gone, ..Sources::default() }), Err(ConfigError::Unreadable(..))));
}

#[test]
fn what_is_printed_names_every_key_and_reads_back_as_the_same_settings() {
    let flags = pairs(&[("listen", "a:1"), ("log.segment", "8MiB")]);
    let settings: Sample = load(&Sources { flags, ..Sources::default() }).unwrap();
    let text = print(&settings).unwrap();
    for (key, meaning) in Sample::docs() {
        assert!(text.contains(meaning) && text.contains(&variable(key)), "{key} is missing in\n{text}");
    }
    assert!(text.contains("# default: \"64MiB\"; environment: GODWIT_LOG_SEGMENT\nsegment = \"8MiB\""), "{text}");
    let (_dir, file) = file(&text);
    assert_eq!(load::<Sample>(&Sources { file, ..Sources::default() }).unwrap(), settings);
    assert_eq!(undocumented::<Sample>(), Vec::<String>::new());
}
