//! The alerting rules name metrics that the server has.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use crate::support::{MAIL_TO_LOG, Request, Server, on_both_engines};

const RULES: &str = include_str!("../../deploy/alerts.yaml");

/// Returns the names of metrics in an expression, and the pairs of a label and its value.
fn named(expression: &str) -> (Vec<String>, Vec<String>) {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let names = expression
        .split(|c| !is_name(c))
        .filter(|name| name.starts_with("cloakroom_") || name.starts_with("process_"));
    let labels = expression.split(['{', ',', '}', ' ']).filter(|part| part.contains("=\""));
    (names.map(str::to_owned).collect(), labels.map(str::to_owned).collect())
}

on_both_engines! {
    fn alert_names_metrics_that_exist(engine: Engine) {
        // The job that sends mail has the series of jobs.
        let settings = [MAIL_TO_LOG.as_slice(), &[("CLOAKROOM_METRICS_LISTEN", "127.0.0.1:0")]].concat();
        let server = Server::start_with(engine, &settings);
        server.register("ada");
        let address = server.metrics.expect("an address");
        let metrics = Request::new("GET", format!("http://{address}/metrics")).send().expect(200).body;
        let families: BTreeSet<&str> = metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
        let expressions: Vec<&str> = RULES.lines().filter_map(|line| line.trim().strip_prefix("expr: ")).collect();
        assert!(expressions.len() > 10, "{}", expressions.len());
        for expression in expressions {
            let (names, labels) = named(expression);
            assert!(!names.is_empty(), "{expression}");
            for name in names {
                let family = ["_bucket", "_count", "_sum"].iter().find_map(|end| name.strip_suffix(end).filter(|family| families.contains(family)));
                assert!(families.contains(family.unwrap_or(&name)), "{name} of {expression}");
            }
            for label in labels.iter().filter(|label| label.starts_with("duty=")) {
                assert!(metrics.contains(label.as_str()), "{label} of {expression}");
            }
        }
    }
}

#[test]
fn promtool_accepts_the_rules() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/alerts.yaml");
    // It is part of Prometheus, which is larger than all other programs of the tests. CI checks the names above.
    let Ok(checked) = Command::new("promtool").args(["check", "rules"]).arg(file).output() else { return };
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
}
