//! Every verb's requests are broken, it is killed, and Incus fails under it; nothing may be lost or left behind.

mod bed;
mod cut;
mod cut_work;
mod gone;
mod hidden_home;
mod hosts;
mod kill;
mod late;
mod soak;
mod storm;
