//! Many files in an instance, running or stopped: an SFTP session over an upgraded connection.

use std::ops::Deref;

use russh_sftp::client::SftpSession;

use crate::{
    client::Client,
    error::{Error, Result},
    request::Request,
};

/// An SFTP session with an instance's file system, as root; names and ids are the instance's own.
///
/// While it is open a delete of the instance blocks: [`Sftp::close`] it before any change of state.
pub struct Sftp {
    session: SftpSession,
    what: String,
}

impl std::fmt::Debug for Sftp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sftp").field("what", &self.what).finish_non_exhaustive()
    }
}

impl Deref for Sftp {
    type Target = SftpSession;

    fn deref(&self) -> &SftpSession {
        &self.session
    }
}

impl Sftp {
    /// Ends the session.
    pub async fn close(self) -> Result<()> {
        self.session.close().await.map_err(|source| Error::lost(self.what, source))
    }
}

impl Client {
    /// Opens a session (`GET /1.0/instances/NAME/sftp` with `Upgrade: sftp`).
    pub async fn sftp(&self, name: &str) -> Result<Sftp> {
        let request = open(name);
        let (_, connection) = self.upgrade(&request).await?;
        let session = SftpSession::new(connection).await.map_err(|source| Error::lost(&request.what, source))?;
        Ok(Sftp { session, what: request.what })
    }
}

fn open(name: &str) -> Request {
    Request::get(["instances", name, "sftp"], format!("open the files of instance {name}"))
        .header("connection", "Upgrade")
        .header("upgrade", "sftp")
}
