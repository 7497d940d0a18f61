//! Every verb's requests are broken, it is killed, and Incus fails under it; nothing may be lost or left behind.

mod adopt;
mod bed;
mod cut;
mod cut_states;
mod cut_work;
mod full;
mod gone;
mod hidden_home;
mod hosts;
mod kill;
mod late;
mod rewind;
mod soak;
mod states;
mod storm;
