//! The JSON Schema of one thing that cci prints, under the name that `cci schema` gives it.

use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings};
use serde_json::Value;

/// What a verb prints with `--format json`.
#[derive(Clone, Copy)]
pub(crate) struct Described {
    /// The words of the verb, joined by `-`.
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    pub(crate) schema: fn() -> Value,
}

impl Described {
    /// By the very type that is printed.
    pub(crate) const fn new<T: JsonSchema>(name: &'static str, what: &'static str) -> Self {
        Self { name, what, schema: as_written::<T> }
    }
}

/// The schema of a type as it is written, not as it could be read.
fn as_written<T: JsonSchema>() -> Value {
    let generator: SchemaGenerator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let schema: Schema = generator.into_root_schema_for::<T>();
    schema.to_value()
}
