//! `akashi phone`: what the portal that phones talk to (マイナポータル) asks.
use clap::Subcommand;
use registry::event::Role;

use super::call::{Ask, Call, Deed, DoorCommand};
use super::desk::WITHDRAWN;
use super::signed::Signed;
use super::tell::Telling;

/// Of an application, wherever it is shown.
const APPLICATION: Telling = Telling {
    done: "application",
    fields: &["application", "state", "queued_at", "problem"],
    rows: Some(("certificates", &["ca", "key", "serial", "status", "reason", "since", "not_after"])),
};

/// What the portal asks.
#[derive(Debug, Subcommand)]
pub enum PhoneCommand {
    /// Hand in a person's signed application for certificates in a phone (発行申請).
    #[command(after_help = "Example:
  akashi phone apply --sandbox sandbox --application application.xml --signature application.sig --form raw --certificate sign.pem")]
    Apply(Signed),
    /// Ask what has become of an application; with `--json` its certificates as well.
    #[command(after_help = "Example:\n  akashi phone application --sandbox sandbox 1 --json")]
    Application {
        /// The application's number.
        #[arg(value_name = "APPLICATION")]
        application: u64,
    },
    /// Hand in a person's signed notice that the lost phone is found (発見届).
    #[command(after_help = "Example:
  akashi phone found --sandbox sandbox --application found.xml --signature found.sig --form raw --certificate sign.pem")]
    Found(Signed),
    /// Hand in a person's signed application to revoke what is in the phone (失効申請).
    #[command(after_help = "Example:
  akashi phone retire --sandbox sandbox --application retired.xml --signature retired.sig --form raw --certificate phone-sign.pem")]
    Retire(Signed),
}

impl DoorCommand for PhoneCommand {
    fn deed(&self) -> Deed<'_> {
        let call = |path: &str, ask, telling| {
            Deed::Call(Call { role: Role::Portal, path: path.to_owned(), ask, telling, certificate: None })
        };
        let changed = |done| Telling { done, fields: &["visible"], rows: WITHDRAWN };
        match self {
            Self::Apply(signed) => call("/phone/v1/applications", send(signed), APPLICATION),
            Self::Application { application } => {
                call(&format!("/phone/v1/applications/{application}"), Ask::Read, APPLICATION)
            }
            Self::Found(signed) => call("/phone/v1/finds", send(signed), changed("phone found")),
            Self::Retire(signed) => call("/phone/v1/retirements", send(signed), changed("phone retired")),
        }
    }
}

fn send(signed: &Signed) -> Ask<'_> {
    Ask::change(&signed.retry, || signed.body())
}
