use std::net::Ipv4Addr;

use proptest::prelude::*;

use super::*;

fn keys(pairs: &[(&str, &str)]) -> Keys {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn the_keys_that_have_fields_are_read() {
    let device =
        Device::from(keys(&[("type", "nic"), ("network", "br0"), ("name", "eth0"), ("ipv4.address", "10.0.0.9")]));
    let nic = device.as_nic().unwrap();
    assert_eq!((nic.network.as_deref(), nic.name.as_deref()), (Some("br0"), Some("eth0")));
    assert_eq!(nic.ipv4_address, Some(Ipv4Addr::new(10, 0, 0, 9)));
    assert!(nic.other.is_empty());
}

#[test]
fn a_value_that_its_field_cannot_hold_stays() {
    let device = Device::from(keys(&[("type", "nic"), ("ipv4.address", "none"), ("security.mac_filtering", "1")]));
    let nic = device.as_nic().unwrap();
    assert_eq!((nic.ipv4_address, nic.mac_filtering), (None, false));
    assert_eq!(nic.other, keys(&[("ipv4.address", "none"), ("security.mac_filtering", "1")]));
}

#[test]
fn a_switch_that_is_turned_on_wins_over_what_was_there() {
    let device = Device::from(keys(&[("type", "disk"), ("readonly", "false")]));
    let Device::Disk(mut disk) = device else { panic!("{device:?}") };
    disk.readonly = true;
    assert_eq!(Keys::from(Device::from(disk)), keys(&[("type", "disk"), ("readonly", "true")]));
}

#[test]
fn none_takes_a_device_away_and_is_neither_disk_nor_nic() {
    assert_eq!(Keys::from(Device::none()), keys(&[("type", "none")]));
    assert!(Device::none().as_disk().is_none() && Device::none().as_nic().is_none());
}

#[test]
fn a_device_of_another_type_has_its_path() {
    let device = Device::from(keys(&[("type", "unix-char"), ("path", "/dev/kvm")]));
    assert_eq!(device.path(), Some("/dev/kvm"));
}

#[test]
fn the_root_disk_is_the_one_at_the_root() {
    let devices: Devices = [
        ("a".to_owned(), Disk::of_host("/srv", "/data").into()),
        ("b".to_owned(), Disk::root("p1").into()),
        ("c".to_owned(), Nic::on("br0", "eth0").into()),
    ]
    .into();
    assert_eq!(root_disk(&devices), Some(&Disk::root("p1")));
    assert_eq!(disks(&devices).count(), 2);
    assert_eq!(nics(&devices).map(|(name, _)| name).collect::<Vec<_>>(), ["c"]);
}

/// Maps with the keys that have fields, and others.
fn any_keys() -> impl Strategy<Value = Keys> {
    let key = "source|path|pool|size|readonly|shift|name|network|parent|ipv4\\.address|security\\.[a-z]{3}_filtering|[a-z.]{1,6}";
    let value = "true|false|1|none|/srv/a|10\\.0\\.0\\.9|010\\.0\\.0\\.9|\\PC{0,6}";
    let kind = prop::option::of("disk|nic|none|proxy|");
    (kind, prop::collection::btree_map(key, value, 0..8)).prop_map(|(kind, mut keys)| {
        keys.extend(kind.map(|kind| (TYPE.to_owned(), kind)));
        keys
    })
}

proptest! {
    #[test]
    fn no_key_is_lost(keys in any_keys()) {
        prop_assert_eq!(Keys::from(Device::from(keys.clone())), keys);
    }

    #[test]
    fn a_device_reads_back_as_it_was(keys in any_keys()) {
        let device = Device::from(keys);
        let wire = serde_json::to_string(&device).unwrap();
        prop_assert_eq!(serde_json::from_str::<Device>(&wire).unwrap(), device);
    }
}
