//! From the first step of a process to the run's summary.

use anyhow::Result;
use serde_json::{Map, Value, json};

use super::experiment::Experiment;
use super::prepare::guard;
use super::session::Session;
use super::summary;
use crate::lab::cli::settings::Actions;
use crate::lab::error::{Failure, exit_status};

/// Trains to the end, and says how it ended.
///
/// - changed: where no step has been taken yet, the settings that differ from the defaults
pub(super) fn drive<E: Experiment>(
    mut session: Session<E>,
    actions: &Actions,
    changed: Option<&Map<String, Value>>,
) -> Result<()> {
    session.record_start();
    let ended = guard(|| {
        if let Some(changed) = changed {
            session.introduce(changed);
            // Weights that came from elsewhere could not be made again from the configuration.
            if actions.init_from.is_some() {
                session.save(true)?;
            }
        }
        session.train()
    });
    let ended = ended.and_then(|()| session.draw_figures());
    let status = summary::status(&ended, &session.folder.path);
    let summary = session.finish(status, ended.as_ref().err().map_or(0, exit_status));
    if actions.json {
        session.console.print(&json!(summary).to_string());
    }
    match &ended {
        Err(error) => match error.downcast_ref::<Failure>() {
            Some(Failure::Interrupted { .. }) => session.say_how_to_resume(),
            _ => session.say_where_checkpoint_is(),
        },
        Ok(()) => session.say_where_everything_is(),
    }
    ended
}
