//! What a request carried, scrubbed from its answer: a server that repeats what it got tells it to nobody.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame, SizeHint};
use hyper::header::{HeaderMap, HeaderValue};
use memchr::memmem::Finder;
use tokio::time::{Instant, Sleep, sleep};

/// What is put in its place, as often as it is long: the length of an answer stays what its header says.
const MASK: u8 = b'*';

/// Texts that are masked in a stream, also where they are cut in two.
#[derive(Debug, Clone)]
pub struct Scrub {
    texts: Vec<Finder<'static>>,
    /// The longest text.
    longest: usize,
    /// The end of what has come, which a text may begin in.
    held: Vec<u8>,
}

impl Scrub {
    /// One for these texts.
    #[must_use]
    pub fn new(texts: &[String]) -> Self {
        let longest = texts.iter().map(String::len).max().unwrap_or_default();
        let texts = texts.iter().filter(|text| !text.is_empty());
        Self { texts: texts.map(|text| Finder::new(text.as_bytes()).into_owned()).collect(), longest, held: Vec::new() }
    }

    /// Masks the values of headers.
    pub fn headers(&self, headers: &mut HeaderMap) {
        for value in headers.values_mut() {
            let mut bytes = value.as_bytes().to_vec();
            if self.mask(&mut bytes) {
                *value = HeaderValue::from_bytes(&bytes).unwrap_or(HeaderValue::from_static("*"));
            }
        }
    }

    /// Takes the next bytes, and gives as many as no text can begin in.
    pub fn next(&mut self, bytes: &[u8]) -> Bytes {
        self.held.extend_from_slice(bytes);
        let mut held = std::mem::take(&mut self.held);
        self.mask(&mut held);
        let may_begin = self.may_begin(&held);
        self.held = held.split_off(may_begin);
        held.into()
    }

    /// Whether the beginning of a text may be held back.
    pub(crate) fn is_holding(&self) -> bool {
        !self.held.is_empty()
    }

    /// Gives the rest.
    pub fn end(&mut self) -> Bytes {
        std::mem::take(&mut self.held).into()
    }

    fn mask(&self, bytes: &mut [u8]) -> bool {
        let mut is_found = false;
        // found in what was there, so that texts that overlap are masked whole
        let places = self.texts.iter().flat_map(|text| {
            let length = text.needle().len();
            let mut from = 0;
            let haystack = &*bytes;
            std::iter::from_fn(move || {
                let at = from + text.find(haystack.get(from..)?)?;
                from = at + 1;
                Some((at, length))
            })
        });
        let places: Vec<(usize, usize)> = places.collect();
        for (at, length) in places {
            is_found = true;
            bytes[at..at + length].fill(MASK);
        }
        is_found
    }

    /// Where the first text may begin that is not whole yet.
    fn may_begin(&self, bytes: &[u8]) -> usize {
        let from = bytes.len().saturating_sub(self.longest.saturating_sub(1));
        let begins = |at: &usize| self.texts.iter().any(|text| text.needle().starts_with(&bytes[*at..]));
        (from..bytes.len()).find(begins).unwrap_or(bytes.len())
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
