//! The words for file transfers.

use cci_engine::event::{SpecialFile, TransferEvent};
use cci_guest::GuestText;
use cci_host::store::remark::{LeftOut, Remark};

use super::telling::Telling;

pub(super) fn transfer(event: &TransferEvent) -> Telling {
    Telling::warning(match event {
        TransferEvent::Remark(Remark::LeftOut { path, why: LeftOut::Special }) => {
            format!("left out {path}: it is neither a file nor a directory nor a link")
        }
        TransferEvent::Remark(Remark::LeftOut { path, why: LeftOut::LinksOut }) => {
            format!("left out {path}: it links out of the tree")
        }
        TransferEvent::Remark(Remark::SetIdBit { path, mode }) => format!("{path} has a set-id bit (mode {mode:o})"),
        TransferEvent::Changed { words } => format!("tar in the container: {words}"),
        TransferEvent::NotUtf8 { path } => {
            format!("left out {}: its name is not UTF-8, and the container does not run", GuestText::new(path))
        }
        TransferEvent::SpecialBitsLost { files } => {
            let files: Vec<String> =
                files.iter().map(|SpecialFile { path, mode }| format!("{path} (mode {mode:o})")).collect();
            let files = GuestText::new(files.join(", "));
            format!("set-id and sticky bits are not kept in a container that does not run: {files:.500}")
        }
    })
}
