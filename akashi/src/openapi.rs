//! `akashi openapi DOOR`: the door's document, without a running server.
use registry::event::Door;

use crate::cli::DoorArgument;
use crate::serve::{cuts, metered};

/// The document, octet for octet as the door serves it.
pub fn document(door: DoorArgument) -> String {
    let door = match door {
        DoorArgument::Desk => Door::Desk,
        DoorArgument::Hotline => Door::Hotline,
        DoorArgument::Residents => Door::Residents,
        DoorArgument::Operators => Door::Operators,
        DoorArgument::Phone => Door::Phone,
        DoorArgument::Admin => Door::Admin,
    };
    let mut calls = ca::doors::calls(door).into_openapi();
    match door {
        Door::Operators => calls.merge(metered::description()),
        Door::Admin => calls.merge(cuts::description()),
        Door::Inside | Door::Desk | Door::Hotline | Door::Residents | Door::Phone => {}
    }
    ca::doors::document(door, calls)
}
