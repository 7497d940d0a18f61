//! The laws that no compiler holds, as tests: circles of modules, one agent's name, sentences of Incus, state in statics,
//! maps of maps, one way to an instance and to its end, one place that asks the machine of Incus.
//!
//! What breaks a law today is listed in `breaches.txt`, by law and file. A file that is not listed fails, and so does an
//! entry whose file is well: the list can only shrink.

mod agent_word;
mod breaches;
mod circles;
mod map_of_maps;
mod module_tree;
mod one_way;
mod paths;
mod sentences;
mod site;
mod source;
mod statics;
#[cfg(test)]
mod tests;
mod tokens;

pub(crate) use breaches::check_checkout;
