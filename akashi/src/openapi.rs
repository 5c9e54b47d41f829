//! `akashi openapi DOOR`: the door's document, without a running server.
use registry::event::Door;

use crate::cli::DoorArgument;
use crate::serve::cuts;

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
    if door == Door::Admin {
        calls.merge(cuts::description());
    }
    ca::doors::document(door, calls)
}
