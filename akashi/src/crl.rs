//! `akashi crl plan`: what the next cut would hold.
use registry::Store;

use crate::config::Config;
use crate::failure::Failure;
use crate::folder::Folder;
use crate::init::require_fixed;
use crate::ledger::next_plan;
use crate::output::print;
use crate::serve::parts::crl_layout;

/// Prints the plan of a cut of the log's present end. It reads only, also while `akashi serve` runs.
pub fn plan(config: &Config) -> Result<(), Failure> {
    let folder = Folder::new(&config.data_dir);
    folder.require_initialised()?;
    let store = Store::open_read_only(&folder.registry())?;
    require_fixed(&store, config)?;
    let plan = next_plan(&store, &crl_layout(&config.profile), config.crl_validity_seconds, &folder.crl());
    Ok(print(&plan.map_err(Failure::Plan)?.to_string())?)
}
