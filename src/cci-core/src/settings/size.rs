//! Amounts as Incus writes them: sizes, shares and sets of cores.

/// An amount of memory or disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Size {
    /// Bytes.
    Bytes(u64),
    /// A share of what the host has, in percent.
    Percent(u64),
}

impl Size {
    /// Reads `8GiB`, `500MB`, `4096` or `50%`.
    pub(super) fn parse(raw: &str) -> Option<Self> {
        let digits = raw.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = raw.split_at(digits);
        let number: u64 = number.parse().ok().filter(|number| *number > 0)?;
        if unit == "%" {
            return (number <= 100).then_some(Self::Percent(number));
        }
        number.checked_mul(factor(unit)?).map(Self::Bytes)
    }

    /// Whether this is certainly no more than `other`; a share and a number of bytes cannot be compared.
    pub(super) fn is_at_most(self, other: Self) -> bool {
        match (self, other) {
            (Self::Bytes(a), Self::Bytes(b)) | (Self::Percent(a), Self::Percent(b)) => a <= b,
            _ => false,
        }
    }
}

fn factor(unit: &str) -> Option<u64> {
    let factor = match unit {
        "" | "B" => 1,
        "kB" => 1000,
        "MB" => 1000u64.pow(2),
        "GB" => 1000u64.pow(3),
        "TB" => 1000u64.pow(4),
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        _ => return None,
    };
    Some(factor)
}

/// How many cores `4`, `0-3` or `0,2,5-7` are; a set must be ascending.
pub(super) fn cores(raw: &str) -> Option<u64> {
    if let Ok(count) = number(raw) {
        return (count > 0).then_some(count);
    }
    let mut count = 0u64;
    for part in raw.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (number(first).ok()?, number(last).ok()?);
        count = count.checked_add(last.checked_sub(first)?.checked_add(1)?)?;
    }
    Some(count)
}

/// A plain decimal number without a sign.
pub(super) fn number(raw: &str) -> Result<u64, std::num::ParseIntError> {
    if raw.starts_with('+') { "+".parse() } else { raw.parse() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_as_incus_reads_them() {
        assert_eq!(Size::parse("8GiB"), Some(Size::Bytes(8 << 30)));
        assert_eq!(Size::parse("4096"), Some(Size::Bytes(4096)));
        assert_eq!(Size::parse("50%"), Some(Size::Percent(50)));
        for wrong in ["", "GiB", "0", "-1GiB", "8 GiB", "8gib", "101%", "99999999999999TiB", "é"] {
            assert_eq!(Size::parse(wrong), None, "{wrong}");
        }
        assert!(!Size::Percent(1).is_at_most(Size::Bytes(u64::MAX)));
    }

    #[test]
    fn cores_are_a_number_or_a_set() {
        assert_eq!(cores("4"), Some(4));
        assert_eq!(cores("0-3"), Some(4));
        assert_eq!(cores("0,2,5-7"), Some(5));
        for wrong in ["", "0", "+4", "3-0", "a", "1,", "0-18446744073709551615"] {
            assert_eq!(cores(wrong), None, "{wrong}");
        }
    }
}
