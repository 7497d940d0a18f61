//! The pages in `misc` that the program writes about itself.

use crate::step::{Result, cargo, run};

pub(crate) fn write() -> Result<()> {
    run(&mut cargo(&["run", "--quiet", "--bin", "cci", "--", "reference", "misc"]))
}
