//! Messages of the HPARAMS dashboard: the experiment's columns, and a session's start and end.

use std::io;

use protobuf::Message;
use protobuf::well_known_types::Value as ProtoValue;
use serde_json::{Map, Value};
use tensorboard_proto::api::{DataType, Experiment, HParamInfo, MetricInfo, MetricName, Status};
use tensorboard_proto::plugin_hparams::{HParamsPluginData, SessionEndInfo, SessionStartInfo};
use tensorboard_proto::summary::Summary_Value;

use super::summary::{null_tensor, plugin_metadata, tagged};

/// The columns of the table: every hyperparameter with its type, and the scalar tags that are
/// results. Null hyperparameters have no column.
pub(super) fn experiment(
    hparams: &Map<String, Value>,
    metric_tags: &[&str],
    time: f64,
) -> io::Result<Summary_Value> {
    let mut experiment = Experiment::new();
    experiment.set_time_created_secs(time);
    experiment.set_hparam_infos(present(hparams).map(hparam_info).collect());
    experiment.set_metric_infos(metric_tags.iter().map(|tag| metric_info(tag)).collect());
    let mut data = HParamsPluginData::new();
    data.set_experiment(experiment);
    plugin_value("_hparams_/experiment", &data)
}

/// The hyperparameters of one run, from its start at `time` (seconds since 1970).
pub(super) fn session_start(hparams: &Map<String, Value>, time: f64) -> io::Result<Summary_Value> {
    let mut start = SessionStartInfo::new();
    start.set_start_time_secs(time);
    start.set_hparams(present(hparams).map(|(name, v)| (name.clone(), proto_value(v))).collect());
    let mut data = HParamsPluginData::new();
    data.set_session_start_info(start);
    plugin_value("_hparams_/session_start_info", &data)
}

/// How and when (seconds since 1970) the run ended.
pub(super) fn session_end(success: bool, time: f64) -> io::Result<Summary_Value> {
    let mut end = SessionEndInfo::new();
    end.set_status(if success { Status::STATUS_SUCCESS } else { Status::STATUS_FAILURE });
    end.set_end_time_secs(time);
    let mut data = HParamsPluginData::new();
    data.set_session_end_info(end);
    plugin_value("_hparams_/session_end_info", &data)
}

fn plugin_value(tag: &str, data: &HParamsPluginData) -> io::Result<Summary_Value> {
    let mut value = tagged(tag);
    value.set_metadata(plugin_metadata("hparams", data.write_to_bytes()?));
    value.set_tensor(null_tensor());
    Ok(value)
}

fn present(hparams: &Map<String, Value>) -> impl Iterator<Item = (&String, &Value)> {
    hparams.iter().filter(|(_, value)| !value.is_null())
}

fn hparam_info((name, value): (&String, &Value)) -> HParamInfo {
    let mut info = HParamInfo::new();
    info.set_name(name.clone());
    info.set_field_type(match value {
        Value::Bool(_) => DataType::DATA_TYPE_BOOL,
        Value::Number(_) => DataType::DATA_TYPE_FLOAT64,
        _ => DataType::DATA_TYPE_STRING,
    });
    info
}

fn metric_info(tag: &str) -> MetricInfo {
    let mut name = MetricName::new();
    name.set_tag(tag.to_owned());
    let mut info = MetricInfo::new();
    info.set_name(name);
    info
}

/// The table has booleans, numbers and strings; a list or an object becomes its JSON text.
fn proto_value(value: &Value) -> ProtoValue {
    let mut proto = ProtoValue::new();
    match value {
        Value::Bool(flag) => proto.set_bool_value(*flag),
        Value::Number(number) => proto.set_number_value(number.as_f64().unwrap_or(f64::NAN)),
        Value::String(text) => proto.set_string_value(text.clone()),
        other => proto.set_string_value(other.to_string()),
    }
    proto
}
