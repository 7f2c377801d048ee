//! The summaries of TensorBoard's plugins, as messages.

use std::io;

use protobuf::{Message, RepeatedField};
use tensorboard_proto::plugin_text::TextPluginData;
use tensorboard_proto::summary::{
    HistogramProto, Summary_Image, Summary_Value, Summary_Value_oneof_value, SummaryMetadata,
    SummaryMetadata_PluginData,
};
use tensorboard_proto::tensor::TensorProto;
use tensorboard_proto::tensor_shape::{TensorShapeProto, TensorShapeProto_Dim};
use tensorboard_proto::types::DataType;

use super::Histogram;

/// Metadata that names the plugin which shows the summary, with the plugin's own `content`.
pub(super) fn plugin_metadata(plugin: &str, content: Vec<u8>) -> SummaryMetadata {
    let mut data = SummaryMetadata_PluginData::new();
    data.set_plugin_name(plugin.to_owned());
    data.set_content(content);
    let mut metadata = SummaryMetadata::new();
    metadata.set_plugin_data(data);
    metadata
}

/// A value without content yet, for `tag`.
pub(super) fn tagged(tag: &str) -> Summary_Value {
    let mut value = Summary_Value::new();
    value.set_tag(tag.to_owned());
    value
}

/// One point of a curve, in single precision as TensorBoard keeps it.
pub(super) fn scalar(tag: &str, point: f64) -> Summary_Value {
    let mut value = tagged(tag);
    value.set_simple_value(point as f32);
    value
}

/// One histogram.
pub(super) fn histogram(tag: &str, histogram: &Histogram) -> Summary_Value {
    let mut proto = HistogramProto::new();
    proto.set_min(histogram.min);
    proto.set_max(histogram.max);
    proto.set_num(histogram.num);
    proto.set_sum(histogram.sum);
    proto.set_sum_squares(histogram.sum_squares);
    proto.set_bucket_limit(histogram.limits.clone());
    proto.set_bucket(histogram.counts.clone());
    let mut value = tagged(tag);
    value.set_histo(proto);
    value
}

/// One RGB image, encoded as PNG.
pub(super) fn png(tag: &str, (width, height): (u32, u32), png: &[u8]) -> Summary_Value {
    let mut proto = Summary_Image::new();
    proto.set_height(height as i32);
    proto.set_width(width as i32);
    proto.set_colorspace(3);
    proto.set_encoded_image_string(png.to_vec());
    let mut value = tagged(tag);
    value.set_image(proto);
    value
}

/// One page of markdown.
pub(super) fn text(tag: &str, markdown: &str) -> io::Result<Summary_Value> {
    let mut value = tagged(tag);
    value.set_metadata(plugin_metadata("text", TextPluginData::new().write_to_bytes()?));
    value.set_tensor(string_tensor(markdown.as_bytes(), &[1]));
    Ok(value)
}

/// A tensor of one string, of the given shape (all of its dimensions 1, or none).
pub(super) fn string_tensor(content: &[u8], shape: &[i64]) -> TensorProto {
    let mut proto = tensor(DataType::DT_STRING, shape);
    proto.set_string_val(RepeatedField::from_vec(vec![content.to_vec()]));
    proto
}

/// The scalar zero, for summaries whose only content is in their metadata: TensorBoard's loader
/// passes over a summary without any value.
pub(super) fn null_tensor() -> TensorProto {
    let mut proto = tensor(DataType::DT_FLOAT, &[]);
    proto.set_float_val(vec![0.0]);
    proto
}

fn tensor(kind: DataType, shape: &[i64]) -> TensorProto {
    let dims = shape.iter().map(|size| {
        let mut dim = TensorShapeProto_Dim::new();
        dim.set_size(*size);
        dim
    });
    let mut shape_proto = TensorShapeProto::new();
    shape_proto.set_dim(dims.collect());
    let mut proto = TensorProto::new();
    proto.set_dtype(kind);
    proto.set_tensor_shape(shape_proto);
    proto
}

/// Number of `SummaryMetadata.data_class` in TensorBoard's own protocol; the messages here are
/// older than that field.
const DATA_CLASS: u32 = 4;

/// Adds an explanation to the metadata of `value`. TensorBoard's loader keeps the metadata of a
/// plain scalar, histogram or image only where they state the class of its data.
pub(super) fn describe(value: &mut Summary_Value, markdown: String) {
    let (class, plugin) = match &value.value {
        Some(Summary_Value_oneof_value::simple_value(_)) => (1, "scalars"),
        Some(Summary_Value_oneof_value::image(_)) => (3, "images"),
        Some(Summary_Value_oneof_value::histo(_)) => (2, "histograms"),
        _ => (2, "text"),
    };
    if !value.has_metadata() {
        value.set_metadata(plugin_metadata(plugin, Vec::new()));
    }
    let metadata = value.mut_metadata();
    metadata.set_summary_description(markdown);
    metadata.unknown_fields.add_varint(DATA_CLASS, class);
}
