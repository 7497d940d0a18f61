//! Messages of the agent protocol (draft-ietf-sshm-ssh-agent): which of them a container may send. It may ask which keys
//! there are and have something signed; it may not add or remove keys, or lock the agent.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// The longest message; OpenSSH's agent takes no longer one either.
const LONGEST: u32 = 256 * 1024;

const REQUEST_IDENTITIES: u8 = 11;
const SIGN_REQUEST: u8 = 13;
const EXTENSION: u8 = 27;
/// By it a key that is bound to hosts knows which host asks; without it such a key does not sign.
const SESSION_BIND: &[u8] = b"\0\0\0\x18session-bind@openssh.com";
/// The answer that nothing was done.
pub(super) const FAILURE: &[u8] = &[5];

/// Whether a message, without its length, may go to the agent.
pub(super) fn is_allowed(message: &[u8]) -> bool {
    match message.split_first() {
        Some((&REQUEST_IDENTITIES, rest)) => rest.is_empty(),
        Some((&SIGN_REQUEST, _)) => true,
        Some((&EXTENSION, rest)) => rest.starts_with(SESSION_BIND),
        _ => false,
    }
}

/// The next message without its length; `None` at the end.
pub(super) async fn read(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Vec<u8>>> {
    let length = match from.read_u32().await {
        Ok(length @ 1..=LONGEST) => length,
        Ok(_) => return Err(io::Error::other("a message of a wrong length")),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut message = Vec::new();
    let read = from.take(length.into()).read_to_end(&mut message).await?;
    if read == length as usize { Ok(Some(message)) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

/// Sends a message.
pub(super) async fn write(to: &mut (impl AsyncWrite + Unpin), message: &[u8]) -> io::Result<()> {
    let length = u32::try_from(message.len()).map_err(io::Error::other)?;
    to.write_all(&[&length.to_be_bytes(), message].concat()).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_lists_and_signs_and_changes_nothing() {
        let extension =
            |name: &[u8]| [&[EXTENSION][..], &u32::try_from(name.len()).unwrap().to_be_bytes(), name].concat();
        let bind = [extension(b"session-bind@openssh.com"), vec![0; 40]].concat();
        for allowed in [&[11][..], &[13, 0, 0, 0, 0], &bind] {
            assert!(is_allowed(allowed), "{allowed:?}");
        }
        // add, add constrained, remove, remove all, a smart card's, lock, unlock, the first protocol's, other extensions
        for kind in [17, 25, 18, 19, 20, 21, 26, 22, 23, 1, 3, 7, 8, 9, 24, 0, 255] {
            assert!(!is_allowed(&[kind, 0, 0, 0, 0]), "{kind}");
        }
        for refused in [&[][..], &[11, 0], &extension(b"query"), &extension(b"session-bind@openssh.comx"), &[27]] {
            assert!(!is_allowed(refused), "{refused:?}");
        }
    }

    #[tokio::test]
    async fn a_message_has_the_length_that_it_says_or_ends_the_connection() {
        let mut sent = Vec::new();
        write(&mut sent, &[11]).await.unwrap();
        assert_eq!(sent, [0, 0, 0, 1, 11]);
        assert_eq!(read(&mut &sent[..]).await.unwrap(), Some(vec![11]));
        assert_eq!(read(&mut &[][..]).await.unwrap(), None);
        for wrong in [&[0, 0, 0, 0][..], &[0xff, 0xff, 0xff, 0xff, 1], &[0, 4, 0, 1, 1], &[0, 0, 0, 2, 1]] {
            assert!(read(&mut &wrong[..]).await.is_err(), "{wrong:?}");
        }
    }
}
