//! Bodies on their way: a request's, bounded in size and patience, and an answer's, of which the cost is read.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use http_body_util::{Either, Full};
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep, sleep};

use super::meter::Meter;

/// What goes to a guest.
pub(super) type Out = Either<Full<Bytes>, Answered>;

/// The longest body of a request that is passed on.
pub(super) const LARGEST: u64 = 64 * 1024 * 1024;
/// How long a guest may be silent in the middle of a request.
const SILENT: Duration = Duration::from_secs(60);

/// How long a whole body may take.
const ARRIVES: Duration = Duration::from_secs(300);

/// Why a guest's request is not passed on to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::supervisor) enum Cut {
    /// It is too long.
    TooLarge,
    /// It takes too long.
    TooLate,
}

impl fmt::Display for Cut {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::TooLarge => "the request is too large",
            Self::TooLate => "the request did not arrive",
        })
    }
}

impl Error for Cut {}

/// The body of a guest's request.
pub(in crate::supervisor) struct Asked<B = Incoming> {
    incoming: B,
    /// How much has been passed on.
    passed: Arc<AtomicU64>,
    /// How much of it may be.
    largest: u64,
    silent: Pin<Box<Sleep>>,
    late: Pin<Box<Sleep>>,
}

impl<B> Asked<B> {
    /// One that adds up in `passed` how much of it has been passed on.
    pub(super) fn new(incoming: B, passed: Arc<AtomicU64>) -> Self {
        Self::within(incoming, passed, (LARGEST, ARRIVES))
    }

    /// The same with its own bounds.
    pub(in crate::supervisor) fn within(
        incoming: B,
        passed: Arc<AtomicU64>,
        (largest, arrives): (u64, Duration),
    ) -> Self {
        Self { incoming, passed, largest, silent: Box::pin(sleep(SILENT)), late: Box::pin(sleep(arrives)) }
    }
}

impl<B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Unpin> Body for Asked<B> {
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if self.late.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Some(Err(Cut::TooLate.into())));
        }
        let Poll::Ready(frame) = Pin::new(&mut self.incoming).poll_frame(cx) else {
            return self.silent.as_mut().poll(cx).map(|()| Some(Err(Cut::TooLate.into())));
        };
        let silent_until = Instant::now() + SILENT;
        self.silent.as_mut().reset(silent_until);
        Poll::Ready(match frame {
            None => None,
            Some(Err(error)) => Some(Err(error.into())),
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => {
                    let length = data.len() as u64;
                    if self.passed.load(Ordering::Relaxed).saturating_add(length) > self.largest {
                        return Poll::Ready(Some(Err(Cut::TooLarge.into())));
                    }
                    self.passed.fetch_add(length, Ordering::Relaxed);
                    Some(Ok(Frame::data(data)))
                }
                // what follows a body is not passed on
                Err(_) => None,
            },
        })
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

/// The body of an answer.
pub(super) struct Answered {
    pub(super) body: reqwest::Body,
    pub(super) meter: Meter,
}

impl Body for Answered {
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let frame = std::task::ready!(Pin::new(&mut self.body).poll_frame(cx));
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
        {
            self.meter.read(data);
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt, StreamBody};

    use super::*;

    /// A body of pieces of this size, one each so often, and how it ends.
    async fn end(size: usize, every: Duration) -> (Option<Cut>, Duration) {
        let pieces = futures_util::stream::unfold((), |()| async move {
            sleep(every).await;
            Some((Ok::<_, Cut>(Frame::data(Bytes::from(vec![0; size]))), ()))
        });
        let began = Instant::now();
        let body = Asked::new(StreamBody::new(Box::pin(pieces)), Arc::default());
        let ended = body.collect().await.err();
        (ended.and_then(|error| error.downcast_ref().copied()), began.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_trickles_or_never_ends_is_cut() {
        assert_eq!(end(1, Duration::from_secs(30)).await, (Some(Cut::TooLate), ARRIVES));
        assert_eq!(end(1, Duration::from_secs(90)).await, (Some(Cut::TooLate), SILENT));
        assert_eq!(end(1 << 20, Duration::from_millis(1)).await.0, Some(Cut::TooLarge));
    }
}
