//! Networks of selection and computation neurons.
