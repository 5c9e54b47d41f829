//! `akashi crl publish`: a cut at once, asked for by the CA's staff.
use clap::Args;
use registry::event::Role;

use super::admin::{Because, one};
use super::call::{Call, Deed, DoorCommand};
use super::connection::Connection;
use super::tell::Output;

/// A cut at once.
#[derive(Args, Debug)]
pub struct PublishCommand {
    /// Where the doors are, and who calls.
    #[command(flatten)]
    pub(super) connection: Connection,
    /// How it is told.
    #[command(flatten)]
    pub(super) output: Output,
    /// Outside the schedule. It has to be said, because every relying party in the country then fetches CRLs again.
    #[arg(long, required = true)]
    now: bool,
    /// How and why.
    #[command(flatten)]
    because: Because,
}

impl DoorCommand for PublishCommand {
    fn deed(&self) -> Deed<'_> {
        Deed::Call(Call {
            role: Role::Admin,
            path: "/admin/v1/cuts".to_owned(),
            ask: self.because.ask(),
            telling: one(
                "cut published",
                &["cut_number", "log_position", "this_update", "next_update", "manifest_url"],
            ),
            certificate: None,
        })
    }
}
