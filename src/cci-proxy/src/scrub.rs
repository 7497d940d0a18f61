//! What a request carried, scrubbed from its answer: a server that repeats what it got tells it to nobody.

use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame, SizeHint};
use hyper::header::{HeaderMap, HeaderValue};
use memchr::memmem::Finder;
use tokio::time::{Instant, Sleep, sleep};

use crate::forms::forms;

/// What is put in its place, as often as it is long: the length of an answer stays what its header says.
const MASK: u8 = b'*';

/// Texts that are masked in a stream, in every form that [`forms`] knows, also where they are cut in two.
#[derive(Debug, Clone)]
pub struct Scrub {
    texts: Vec<Finder<'static>>,
    /// The longest text.
    longest: usize,
    /// The end of what has come, as it came, which a text may begin in.
    held: Vec<u8>,
    /// How many bytes of it belong to a text that began before it.
    gone: usize,
}

impl Scrub {
    /// One for these texts.
    #[must_use]
    pub fn new(texts: &[String]) -> Self {
        let mut texts: Vec<Vec<u8>> =
            texts.iter().filter(|text| !text.is_empty()).flat_map(|text| forms(text)).collect();
        texts.sort_unstable();
        texts.dedup();
        let longest = texts.iter().map(Vec::len).max().unwrap_or_default();
        let texts = texts.iter().map(|text| Finder::new(text).into_owned()).collect();
        Self { texts, longest, held: Vec::new(), gone: 0 }
    }

    /// Masks the values of headers.
    pub fn headers(&self, headers: &mut HeaderMap) {
        for value in headers.values_mut() {
            let mut bytes = value.as_bytes().to_vec();
            let places = self.places(&bytes);
            if !places.is_empty() {
                mask(&mut bytes, &places);
                *value = HeaderValue::from_bytes(&bytes).unwrap_or(HeaderValue::from_static("*"));
            }
        }
    }

    /// Takes the next bytes, and gives as many as no text can begin in.
    pub fn next(&mut self, bytes: &[u8]) -> Bytes {
        self.held.extend_from_slice(bytes);
        self.give(self.may_begin(&self.held))
    }

    /// Whether the beginning of a text may be held back.
    pub(crate) fn is_holding(&self) -> bool {
        !self.held.is_empty()
    }

    /// Gives the rest.
    pub fn end(&mut self) -> Bytes {
        self.give(self.held.len())
    }

    /// Gives so many bytes of what is held back, masked. The rest stays as it came, because a text that begins in it is
    /// found in that only; what belongs to one that began before is remembered.
    fn give(&mut self, count: usize) -> Bytes {
        let mut places = self.places(&self.held);
        let began = places.iter().filter(|place| place.start < count).map(|place| place.end);
        let gone = began.fold(self.gone, usize::max);
        places.push(0..self.gone);
        self.gone = gone.saturating_sub(count);
        let rest = self.held.split_off(count);
        let mut given = std::mem::replace(&mut self.held, rest);
        mask(&mut given, &places);
        given.into()
    }

    /// Where texts are; those that overlap are all found.
    fn places(&self, bytes: &[u8]) -> Vec<Range<usize>> {
        let places = self.texts.iter().flat_map(|text| {
            let mut from = 0;
            std::iter::from_fn(move || {
                let at = from + text.find(bytes.get(from..)?)?;
                from = at + 1;
                Some(at..at + text.needle().len())
            })
        });
        places.collect()
    }

    /// Where the first text may begin that is not whole yet.
    fn may_begin(&self, bytes: &[u8]) -> usize {
        let from = bytes.len().saturating_sub(self.longest.saturating_sub(1));
        let begins = |rest: &[u8]| {
            let is_part = |text: &[u8]| text.len() > rest.len() && text.starts_with(rest);
            self.texts.iter().any(|text| is_part(text.needle()))
        };
        (from..bytes.len()).find(|at| begins(&bytes[*at..])).unwrap_or(bytes.len())
    }
}

/// Masks these places, as far as they are there.
fn mask(bytes: &mut [u8], places: &[Range<usize>]) {
    for place in places {
        let end = place.end.min(bytes.len());
        if let Some(bytes) = bytes.get_mut(place.start..end) {
            bytes.fill(MASK);
        }
    }
}

/// How long the end of a message is held back in which a text may begin, where the next message may wait for it: most do,
/// and what a server repeats it repeats at once.
pub(crate) const HELD: Duration = Duration::from_millis(200);

/// The body of an answer, scrubbed as it comes.
pub struct Scrubbed<B> {
    body: B,
    scrub: Scrub,
    /// What comes after all data.
    trailers: Option<HeaderMap>,
    is_over: bool,
    /// When what is held back is let go; never where no message waits for another.
    until: Option<Pin<Box<Sleep>>>,
}

impl<B> Scrubbed<B> {
    /// This one.
    pub fn new(body: B, scrub: Scrub) -> Self {
        Self { body, scrub, trailers: None, is_over: false, until: None }
    }

    /// One of messages that wait for each other, as those of gRPC do: nothing is held back for long.
    pub fn of_messages(body: B, scrub: Scrub) -> Self {
        Self { until: Some(Box::pin(sleep(HELD))), ..Self::new(body, scrub) }
    }
}

impl<B> Scrubbed<B> {
    /// What is held back, once it has been for long enough.
    fn let_go(&mut self, cx: &mut Context<'_>) -> Poll<Bytes> {
        match &mut self.until {
            Some(until) if self.scrub.is_holding() => {
                ready!(until.as_mut().poll(cx));
                Poll::Ready(self.scrub.end())
            }
            _ => Poll::Pending,
        }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Scrubbed<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        loop {
            if self.is_over {
                return Poll::Ready(self.trailers.take().map(|trailers| Ok(Frame::trailers(trailers))));
            }
            let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) else {
                return self.let_go(cx).map(|held| Some(Ok(Frame::data(held))));
            };
            if let Some(until) = &mut self.until {
                let later = Instant::now() + HELD;
                until.as_mut().reset(later);
            }
            let out = match frame {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.scrub.next(&data),
                    Err(frame) => {
                        if let Ok(mut trailers) = frame.into_trailers() {
                            self.scrub.headers(&mut trailers);
                            self.trailers = Some(trailers);
                        }
                        continue;
                    }
                },
                Some(Err(error)) => {
                    self.is_over = true;
                    return Poll::Ready(Some(Err(error)));
                }
                None => {
                    self.is_over = true;
                    self.scrub.end()
                }
            };
            if !out.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(out))));
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.trailers.is_none() && (self.is_over || self.body.is_end_stream() && self.scrub.held.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        let (held, inner) = (self.scrub.held.len() as u64, self.body.size_hint());
        let mut hint = SizeHint::new();
        hint.set_lower(inner.lower().saturating_add(held));
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper.saturating_add(held));
        }
        hint
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use http_body_util::{BodyExt, StreamBody};
    use hyper::header::ETAG;
    use proptest::prelude::*;

    use super::*;

    fn through(texts: &[&str], pieces: &[&str]) -> String {
        let mut scrub = Scrub::new(&texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>());
        let mut out: Vec<u8> = pieces.iter().flat_map(|piece| scrub.next(piece.as_bytes())).collect();
        out.extend(scrub.end());
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_text_is_masked_also_where_it_is_cut() {
        assert_eq!(through(&["secret"], &["a secret b"]), "a ****** b");
        assert_eq!(through(&["secret"], &["a se", "c", "ret b"]), "a ****** b");
        assert_eq!(through(&["secret"], &["a sec", "ond"]), "a second");
        assert_eq!(through(&["secret"], &["a sec"]), "a sec");
        assert_eq!(through(&["abab", "babc"], &["ab", "abc"]), "*****");
        assert_eq!(through(&[], &["a", "b"]), "ab");
    }

    #[test]
    fn one_that_begins_another_hides_no_part_of_it() {
        for pieces in [&["a secret-and-more b"][..], &["a secret", "-and-more b"], &["a secret-and-mor", "e b"]] {
            assert_eq!(through(&["secret", "secret-and-more"], pieces), "a *************** b", "{pieces:?}");
        }
        assert_eq!(through(&["secret", "secret-and-more"], &["a secret", "-and"]), "a ******-and");
        assert_eq!(through(&["secret", "retold-it"], &["a sec", "ret", "old-it b"]), "a ************ b");
        assert_eq!(through(&["secret", "retold-it"], &["a secret", "old", " b"]), "a ******old b");
    }

    #[test]
    fn a_text_is_masked_in_the_forms_that_it_comes_back_in() {
        let text = "the/real+value";
        for (before, form, behind) in [
            ("{\"key\":\"", r"the\/real+value".to_owned(), "\"}"),
            ("https://a.example/?key=", "the%2Freal%2Bvalue".to_owned(), "&b"),
            ("key=", "the%2freal%2bvalue".to_owned(), ""),
        ] {
            for cut in 0..form.len() {
                let pieces = [before, &form[..cut], &form[cut..], behind];
                let masked = format!("{before}{}{behind}", "*".repeat(form.len()));
                assert_eq!(through(&[text], &pieces), masked, "{form} {cut}");
            }
        }
        for before in ["", "u", "us", "use", "user:"] {
            let whole = STANDARD.encode(format!("{before}{text}!!"));
            for cut in 0..whole.len() {
                let out = through(&[text], &[&whole[..cut], &whole[cut..]]);
                let kept: String = out.chars().filter(|letter| *letter != '*').collect();
                // what is left of it is less than one character at each end
                let others = (before.len() + 2) * 8 / 6 + 6;
                assert!(out.len() == whole.len() && kept.len() <= others, "{before} {cut}: {out}");
            }
        }
    }

    #[test]
    fn what_cannot_be_the_beginning_of_a_text_is_not_held_back() {
        let mut scrub = Scrub::new(&["secret".to_owned()]);
        assert_eq!(scrub.next(b"data: {}\n\n"), "data: {}\n\n");
        assert_eq!(scrub.next(b"news"), "new");
    }

    #[test]
    fn headers_are_masked() {
        let mut headers = HeaderMap::new();
        headers.insert("x-echo", HeaderValue::from_static("Bearer secret!"));
        Scrub::new(&["secret".to_owned()]).headers(&mut headers);
        assert_eq!(headers["x-echo"], "Bearer ******!");
    }

    #[tokio::test]
    async fn a_body_is_scrubbed_and_as_long_as_before() {
        let frames = ["one se", "cret and s"].map(|text| Ok::<_, std::io::Error>(Frame::data(Bytes::from(text))));
        let body = Scrubbed::new(StreamBody::new(futures_util::stream::iter(frames)), Scrub::new(&["secret".into()]));
        assert_eq!(body.collect().await.unwrap().to_bytes(), "one ****** and s");
    }

    #[tokio::test]
    async fn what_follows_a_body_is_scrubbed_too() {
        let trailers = HeaderMap::from_iter([(ETAG, HeaderValue::from_static("a secret"))]);
        let frames = [Frame::data(Bytes::from("s")), Frame::trailers(trailers)].map(Ok::<_, std::io::Error>);
        let body = Scrubbed::new(StreamBody::new(futures_util::stream::iter(frames)), Scrub::new(&["secret".into()]));
        let body = body.collect().await.unwrap();
        assert_eq!(body.trailers().unwrap()[ETAG], "a ******");
        assert_eq!(body.to_bytes(), "s");
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_does_not_wait_for_the_next_one() {
        let one = futures_util::stream::iter([Ok::<_, std::io::Error>(Frame::data(Bytes::from("one s")))]);
        let never = futures_util::StreamExt::chain(one, futures_util::stream::pending());
        let mut body = Scrubbed::of_messages(StreamBody::new(never), Scrub::new(&["secret".into()]));
        for piece in ["one ", "s"] {
            assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), piece);
        }
    }

    proptest! {
        #[test]
        fn however_it_is_cut_the_outcome_is_the_same(
            texts in prop::collection::vec("[ab]{2,4}", 1..3), pieces in prop::collection::vec("[abc]{0,5}", 0..8)
        ) {
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let whole = pieces.concat();
            let cut = through(&texts, &pieces.iter().map(String::as_str).collect::<Vec<_>>());
            prop_assert_eq!(cut.len(), whole.len());
            prop_assert!(texts.iter().all(|text| !cut.contains(text)));
            let untouched = |(of, was): (u8, u8)| of == was || of == b'*';
            prop_assert!(cut.bytes().zip(whole.bytes()).all(untouched));
        }
    }
}
