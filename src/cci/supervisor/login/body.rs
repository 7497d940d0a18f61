//! Bodies on their way: a request's, bounded in size and patience, and an answer's, of which the cost is read.

use std::error::Error;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http_body_util::{Either, Full};
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep};

use super::meter::Meter;

/// What goes to a guest.
pub(super) type Out = Either<Full<Bytes>, Answered>;

/// The longest body of a request that is passed on.
pub(super) const LARGEST: u64 = 64 * 1024 * 1024;
/// How long a guest may be silent in the middle of a request.
const SILENT: Duration = Duration::from_secs(60);

/// The body of a guest's request.
pub(super) struct Asked {
    incoming: Incoming,
    left: u64,
    late: Pin<Box<Sleep>>,
}

impl Asked {
    pub(super) fn new(incoming: Incoming) -> Self {
        Self { incoming, left: LARGEST, late: Box::pin(tokio::time::sleep(SILENT)) }
    }
}

impl Body for Asked {
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let Poll::Ready(frame) = Pin::new(&mut self.incoming).poll_frame(cx) else {
            ready!(self.late.as_mut().poll(cx));
            return Poll::Ready(Some(Err(Box::new(io::Error::from(io::ErrorKind::TimedOut)))));
        };
        let silent_until = Instant::now() + SILENT;
        self.late.as_mut().reset(silent_until);
        Poll::Ready(match frame {
            None => None,
            Some(Err(error)) => Some(Err(error.into())),
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => {
                    let length = data.len() as u64;
                    if length > self.left {
                        return Poll::Ready(Some(Err(Box::new(io::Error::from(io::ErrorKind::FileTooLarge)))));
                    }
                    self.left -= length;
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
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
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
