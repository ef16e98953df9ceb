//! What each word of the command line does.

pub(crate) mod lifecycle;
pub(crate) mod status;
