//! What a run is called that was given no name.

use serde_json::{Map, Value};

use super::command::Invocation;
use super::settings::changed;
use super::spec::Spec;

/// The most characters of the settings in a name.
const LONGEST: usize = 60;

/// The preset and the settings that differ from it, or from the defaults, such as
/// `as-printed_lr=0.2_hidden=64,64`, so that a list of runs tells what each is. Settings that there
/// is no room for are counted: `_+2`.
pub fn describe(spec: &Spec, invocation: &Invocation, config: &Map<String, Value>) -> String {
    let preset = invocation.actions.preset.as_deref();
    let preset = spec.presets.iter().find(|known| Some(known.name) == preset);
    let of_preset: Map<String, Value> =
        preset.and_then(|preset| serde_json::from_str(preset.values).ok()).unwrap_or_default();
    let mut settings = changed(&invocation.defaults, config);
    settings.retain(|key, value| key != "seed" && of_preset.get(key) != Some(value));
    let mut words: Vec<String> = preset.iter().map(|preset| preset.name.into()).collect();
    let (mut room, mut left_out) = (LONGEST, 0);
    for word in settings.iter().map(|(key, value)| word(key, value)) {
        if left_out == 0 && word.len() <= room {
            room -= word.len();
            words.push(word);
        } else {
            left_out += 1;
        }
    }
    if left_out > 0 {
        words.push(format!("+{left_out}"));
    }
    if words.is_empty() { "default".into() } else { words.join("_") }
}

/// A setting in the characters that the name of a folder may have; of a path, its last part.
fn word(key: &str, value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.trim_end_matches('/').rsplit('/').next().unwrap_or("").into(),
        Value::Array(list) => {
            let parts: Vec<String> = list.iter().map(|part| part.to_string()).collect();
            parts.join(",")
        }
        other => other.to_string(),
    };
    let allowed = |c: char| if c.is_ascii_alphanumeric() || "-.+,".contains(c) { c } else { '-' };
    let text: String = text.replace('"', "").chars().map(allowed).collect();
    format!("{}={text}", key.replace('_', "-"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_setting_in_a_name() {
        for (key, value, expected) in [
            ("lr", json!(0.2), "lr=0.2"),
            ("batch_size", json!(8), "batch-size=8"),
            ("hidden", json!([64, 64]), "hidden=64,64"),
            ("gradient", json!(["correct", "paper"]), "gradient=correct,paper"),
            ("data", json!("/home/a b/my data/"), "data=my-data"),
            ("clip_norm", Value::Null, "clip-norm=null"),
        ] {
            assert_eq!(word(key, &value), expected);
        }
    }
}
