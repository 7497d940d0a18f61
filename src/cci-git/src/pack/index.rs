//! The index of a pack, version 2: which object is where.

use crate::error::Result;
use crate::hash::Hashing;
use crate::id::Id;

/// Where one object is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) id: Id,
    pub(crate) crc: u32,
    pub(crate) offset: u64,
}

/// The index file of a pack with these objects and this checksum.
pub(crate) fn encode(mut places: Vec<Place>, pack: Id) -> Result<Vec<u8>> {
    places.sort_unstable_by_key(|place| place.id);
    let mut out = b"\xfftOc\0\0\0\x02".to_vec();
    for count in fan_out(&places) {
        out.extend_from_slice(&count.to_be_bytes());
    }
    out.extend(places.iter().flat_map(|place| place.id.bytes()));
    out.extend(places.iter().flat_map(|place| place.crc.to_be_bytes()));
    let mut far: Vec<u8> = Vec::new();
    for place in &places {
        let short = u32::try_from(place.offset).ok().filter(|offset| offset >> 31 == 0);
        out.extend_from_slice(
            &short.unwrap_or((1 << 31) | u32::try_from(far.len() / 8).unwrap_or_default()).to_be_bytes(),
        );
        if short.is_none() {
            far.extend_from_slice(&place.offset.to_be_bytes());
        }
    }
    out.extend_from_slice(&far);
    out.extend_from_slice(pack.bytes());
    let mut checksum = Hashing::plain();
    checksum.update(&out);
    out.extend_from_slice(checksum.finish()?.bytes());
    Ok(out)
}

/// How many ids begin with a byte up to each.
fn fan_out(places: &[Place]) -> [u32; 256] {
    let mut fan = [0_u32; 256];
    for place in places {
        fan[usize::from(place.id.bytes()[0])] += 1;
    }
    let mut sum = 0;
    fan.map(|count| {
        sum += count;
        sum
    })
}
