//! An instance's log files, which say why a start failed.

use crate::{
    client::Client,
    error::{Error, Result},
    request::Request,
};

impl Client {
    /// One log file, such as `lxc.log` (`GET /1.0/instances/NAME/logs/FILE`).
    pub async fn instance_log(&self, name: &str, file: &str) -> Result<Vec<u8>> {
        let request = get(name, file);
        let answer = self.download(&request).await?;
        answer.bytes().await.map_err(|source| Error::lost(request.what, source))
    }
}

fn get(name: &str, file: &str) -> Request {
    Request::get(["instances", name, "logs", file], format!("read log {file} of instance {name}"))
}
