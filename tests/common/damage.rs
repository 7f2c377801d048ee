//! Ways to damage the checkpoint of step 20.

#![allow(clippy::unwrap_used)]

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs;
use std::path::Path;

use neuron_lab::lab::store::durable;
use safetensors::{Dtype, SafeTensors, View};
use serde_json::{Value, json};

/// What damage does to the folder of checkpoints.
pub type Damage = Box<dyn Fn(&Path)>;

/// The file that is damaged.
pub fn tensors_path(folder: &Path) -> std::path::PathBuf {
    folder.join("step-00000020.safetensors")
}

fn edit_manifest(folder: &Path, edit: impl Fn(&mut Value)) {
    let path = tensors_path(folder).with_extension("json");
    let mut manifest = durable::read_json(&path).unwrap();
    edit(&mut manifest);
    // With a checksum of its own that fits, so that only what was edited is wrong.
    manifest["manifest_sha256"] = json!("");
    let sha256 = durable::sha256_of(&[&serde_json::to_vec(&manifest).unwrap()]);
    manifest["manifest_sha256"] = json!(sha256);
    durable::write_json(&path, &manifest).unwrap();
}

/// Replaces the tensors' file, and makes the manifest's length and checksum those of the new one,
/// so that only the content is wrong.
pub fn replace(folder: &Path, bytes: &[u8]) {
    fs::write(tensors_path(folder), bytes).unwrap();
    let (sha256, length) = durable::sha256(&tensors_path(folder)).unwrap();
    edit_manifest(folder, |manifest| {
        manifest["sha256"] = json!(sha256);
        manifest["bytes"] = json!(length);
    });
}

/// A tensor as safetensors writes it.
#[derive(Clone)]
pub struct Tensor(pub Dtype, pub Vec<usize>, pub Vec<u8>);

impl View for Tensor {
    fn dtype(&self) -> Dtype {
        self.0
    }
    fn shape(&self) -> &[usize] {
        &self.1
    }
    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.2)
    }
    fn data_len(&self) -> usize {
        self.2.len()
    }
}

/// A damage that rewrites the tensors as a valid safetensors file.
pub fn content(edit: impl Fn(&mut HashMap<String, Tensor>) + 'static) -> Damage {
    Box::new(move |folder| {
        let bytes = fs::read(tensors_path(folder)).unwrap();
        let parsed = SafeTensors::deserialize(&bytes).unwrap();
        let copy =
            |view: &dyn View| Tensor(view.dtype(), view.shape().to_vec(), view.data().into_owned());
        let mut tensors: HashMap<String, Tensor> =
            parsed.iter().map(|(key, view)| (key.to_string(), copy(&view))).collect();
        edit(&mut tensors);
        replace(folder, &safetensors::serialize(tensors, None).unwrap());
    })
}

pub fn without(key: &'static str) -> Damage {
    content(move |tensors| assert!(tensors.remove(key).is_some(), "{key}"))
}

pub fn change(key: &'static str, edit: impl Fn(&mut Tensor) + 'static) -> Damage {
    content(move |tensors| edit(tensors.get_mut(key).unwrap()))
}

/// A damage of the file itself; its manifest stays.
pub fn bytes(edit: impl Fn(&mut Vec<u8>) + 'static) -> Damage {
    Box::new(move |folder| {
        let mut bytes = fs::read(tensors_path(folder)).unwrap();
        edit(&mut bytes);
        fs::write(tensors_path(folder), bytes).unwrap();
    })
}

/// A damage that leaves one of the manifest's numbers out.
pub fn without_number(name: &'static str) -> Damage {
    manifest(move |manifest| {
        let numbers = manifest["numbers"].as_object_mut().unwrap();
        assert!(numbers.shift_remove(name).is_some(), "{name}");
    })
}

/// A damage that gives one of the manifest's numbers another value.
pub fn number(name: &'static str, value: Value) -> Damage {
    manifest(move |manifest| {
        assert!(!manifest["numbers"][name].is_null(), "{name}");
        manifest["numbers"][name] = value.clone();
    })
}

/// A damage of the manifest.
pub fn manifest(edit: impl Fn(&mut Value) + 'static) -> Damage {
    Box::new(move |folder| edit_manifest(folder, &edit))
}
