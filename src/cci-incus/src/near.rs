//! Nearly valid documents, for the tests of parsers: one place of a valid one is replaced.

use proptest::prelude::*;
use serde_json::{Value, json};

/// A document in which one place, possibly the outermost, was replaced or removed.
pub(crate) fn mutated(document: &str) -> impl Strategy<Value = Value> + use<> {
    let document: Value = serde_json::from_str(document).unwrap();
    let places = count(&document);
    let others =
        [json!(null), json!(true), json!(-1), json!(1.5), json!(u64::MAX), json!("x"), json!([]), json!({"a": 1})];
    (0..places, prop::sample::select(others.to_vec()), any::<bool>()).prop_map(move |(at, other, remove)| {
        let mut mutated = document.clone();
        change(&mut mutated, &mut at.clone(), &other, remove);
        mutated
    })
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(list) => list.iter().map(count).sum(),
        Value::Object(map) => map.values().map(count).sum::<usize>(),
        _ => 0,
    }
}

/// Changes the place that is this many steps away; returns whether it was in this value.
fn change(value: &mut Value, away: &mut usize, other: &Value, remove: bool) -> bool {
    if *away == 0 {
        *value = other.clone();
        return true;
    }
    *away -= 1;
    match value {
        Value::Array(list) => list.iter_mut().any(|value| change(value, away, other, remove)),
        Value::Object(map) => {
            let direct = map.iter_mut().find_map(|(key, value)| {
                let here = *away == 0;
                change(value, away, other, remove).then(|| here.then(|| key.clone()))
            });
            if let (true, Some(Some(key))) = (remove, &direct) {
                map.remove(key);
            }
            direct.is_some()
        }
        _ => false,
    }
}

proptest! {
    #[test]
    fn one_place_is_another(mutated in mutated(r#"{"a":{"b":[1,2]},"c":3}"#)) {
        prop_assert_ne!(mutated, json!({"a": {"b": [1, 2]}, "c": 3}));
    }
}
