//! The server's configuration, which people write. What is taken is within the bounds that the rules set, and what is refused is
//! refused with a sentence that names the file.
use std::path::Path;

use akashi::config::{Config, EXAMPLE};

use crate::Outcome;

const PATH: &str = "/srv/akashi/akashi.toml";

pub(crate) fn run(octets: &[u8]) -> Outcome {
    let Ok(text) = std::str::from_utf8(octets) else { return Outcome::Refused };
    let read = Config::read(text, Path::new(PATH));
    match &read {
        Ok(config) => {
            assert!(!config.api_hostnames.is_empty() && !config.loss_line.contains(char::is_control));
            assert!(
                (3_600..=240 * 3_600).contains(&config.crl_validity_seconds) && config.timetable.lead_seconds <= 3_600
            );
            assert!(config.refusals_per_minute_max > 0 && config.operator_ocsp_rate.burst > 0);
        }
        Err(error) => assert!(error.to_string().contains(PATH), "{error}"),
    }
    Outcome::of(&read)
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let short = EXAMPLE.split("[crl]").next().expect("a part before it");
    vec![EXAMPLE.as_bytes().to_vec(), short.as_bytes().to_vec()]
}
