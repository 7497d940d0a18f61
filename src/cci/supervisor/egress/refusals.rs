//! What a session was refused lately: each thing once, with how often, the newest last.

use std::collections::VecDeque;

use cci_proxy::egress::Refusal;

/// So many are kept.
const MOST: usize = 20;

/// They.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    lately: VecDeque<Refused>,
    /// How many there were in all.
    count: u64,
    /// How many there were when the agent was told last.
    told: u64,
}

/// One of them.
#[derive(Debug, Clone)]
pub(super) struct Refused {
    /// When it was refused last, in RFC 3339.
    pub(super) at: String,
    pub(super) refusal: Refusal,
    pub(super) times: u64,
    /// How many there were in all when it was refused last.
    number: u64,
}

impl Refusals {
    pub(super) fn add(&mut self, at: String, refusal: Refusal) {
        let Self { lately, count, .. } = self;
        let earlier = lately.iter().position(|refused| refused.refusal == refusal).and_then(|at| lately.remove(at));
        if lately.len() >= MOST {
            lately.pop_front();
        }
        *count = count.saturating_add(1);
        let times = earlier.map_or(1, |earlier| earlier.times.saturating_add(1));
        lately.push_back(Refused { at, refusal, times, number: *count });
    }

    pub(super) fn all(&self) -> Vec<Refused> {
        self.lately.iter().cloned().collect()
    }

    /// Those since this was asked last.
    pub(super) fn untold(&mut self) -> Vec<Refused> {
        let told = std::mem::replace(&mut self.told, self.count);
        self.lately.iter().filter(|refused| refused.number > told).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use cci_core::network::HostName;

    use super::*;

    #[test]
    fn each_is_there_once_and_the_oldest_goes() {
        let mut refusals = Refusals::default();
        let refused =
            |number: usize| Refusal::NotFound { name: HostName::typed(&format!("n{number}.example")).unwrap() };
        for number in 0..MOST {
            refusals.add("2026-11-28T09:00:00Z".into(), refused(number));
        }
        refusals.add("2026-11-28T09:00:01Z".into(), refused(0));
        refusals.add("2026-11-28T09:00:02Z".into(), refused(MOST));
        let all = refusals.all();
        assert_eq!(all.len(), MOST);
        assert_eq!(all[0].refusal, refused(2), "it was the oldest");
        let [again, new] = &all[MOST - 2..] else { panic!() };
        assert_eq!((&again.refusal, again.times, again.at.as_str()), (&refused(0), 2, "2026-11-28T09:00:01Z"));
        assert_eq!((&new.refusal, new.times), (&refused(MOST), 1));
    }

    #[test]
    fn each_is_told_once_and_again_when_it_is_refused_again() {
        let mut refusals = Refusals::default();
        let refused =
            |number: usize| Refusal::NotFound { name: HostName::typed(&format!("n{number}.example")).unwrap() };
        let told = |refusals: &mut Refusals| -> Vec<Refusal> {
            refusals.untold().into_iter().map(|refused| refused.refusal).collect()
        };
        assert!(told(&mut refusals).is_empty());
        for number in [1, 2] {
            refusals.add(String::new(), refused(number));
        }
        assert_eq!(told(&mut refusals), [refused(1), refused(2)]);
        assert!(told(&mut refusals).is_empty());
        refusals.add(String::new(), refused(1));
        assert_eq!(told(&mut refusals), [refused(1)]);
    }
}
