//! An identity of its own for a container that is made from another one: what its system, its journal and D-Bus go by.

/// What `/etc/machine-id` is to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MachineId(u128);

impl MachineId {
    /// A new one: a random UUID, as systemd makes them, and no other number.
    #[must_use]
    pub fn from_uuid(random: u128) -> Self {
        Self(random)
    }

    /// The line by which the container's init writes it down before it starts anything.
    #[must_use]
    pub fn raw_lxc(self) -> String {
        format!("lxc.init.cmd = /sbin/init systemd.machine_id={:032x}\n", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn init_is_given_all_digits() {
        let line = MachineId::from_uuid(0x0f00_0000_0000_4000_8000_0000_0000_0001).raw_lxc();
        assert_eq!(line, "lxc.init.cmd = /sbin/init systemd.machine_id=0f000000000040008000000000000001\n");
    }
}
