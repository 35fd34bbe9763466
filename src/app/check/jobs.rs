//! Faults of jobs.

use std::collections::BTreeSet;
use std::time::Duration;

use super::super::App;
use super::super::jobs::Trigger;

/// Shortest interval of a job. Each run is two transactions besides its own.
const SHORTEST_INTERVAL: Duration = Duration::from_secs(1);

/// Finds jobs with a wrong name or interval, with scopes that they cannot have, or with two reactions to one change.
pub(super) fn of_jobs(app: &App) -> Vec<String> {
    let mut known = BTreeSet::new();
    let mut faults = Vec::new();
    for job in &app.jobs {
        let name = job.system.name();
        let mut fault = |fault: String| faults.push(format!("the job {name:?}: {fault}"));
        if !is_job_name(name) {
            fault("its name must be 1 to 60 lowercase letters, digits, spaces and hyphens".to_owned());
        }
        if !known.insert(name) {
            fault("two jobs have this name".to_owned());
        }
        if matches!(&job.trigger, Trigger::Every(every, _) if *every < SHORTEST_INTERVAL) {
            fault("its interval must be at least a second".to_owned());
        }
        for scope in job.system.scopes() {
            if app.vocabulary.scope(scope.as_str()).is_none() {
                fault(format!("the scope {scope} is unknown: add it with App::scopes"));
            } else if scope.is_identity() {
                fault(format!("the scope {scope} is for users"));
            }
        }
        if let Trigger::After(reactions) = &job.trigger {
            let mut kinds = BTreeSet::new();
            for reaction in reactions.iter().filter(|one| !kinds.insert((one.resource, one.action))) {
                fault(format!("it has two reactions to {} {}", reaction.action, reaction.resource));
            }
        }
    }
    faults
}

fn is_job_name(name: &str) -> bool {
    let is_known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == ' ' || c == '-';
    (1..=60).contains(&name.len()) && name.trim() == name && name.chars().all(is_known)
}
