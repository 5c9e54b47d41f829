//! The status index's snapshot: a death at each of its steps, at a start that has none and at the end of a run that has an
//! older one. Afterwards the next start tells the same of every certificate.
use std::os::unix::process::ExitStatusExt;
use std::process::Command;

use pki::identity::Ca;
use serde_json::json;

use super::client::serial_of;
use super::status::ask_ocsp;
use super::support::{Akashi, CardKey, Party, Resident};

const STEPS: [&str; 3] = ["snapshot.1-begun", "snapshot.2-written", "snapshot.3-named"];
const FROM_SNAPSHOT: &str = "was read from its snapshot";
const FROM_STATE: &str = "is made from the state";

/// Certificates of the user kind so far, the last of which is good, all others revoked.
struct Issued(Vec<u64>);

impl Issued {
    /// One more, and the one before is revoked.
    fn one_more(&mut self, desk: &Party, key: &str) {
        if let Some(before) = self.0.last() {
            let path = format!("/desk/v1/certificates/auth/{before}/revocation");
            desk.post(&path, &format!("revoke-{key}"), &json!({ "cause": "card_lost" })).expect(200);
        }
        let application = Resident::MIKIYA.application("auth", &CardKey::generate());
        self.0.push(serial_of(&desk.request_certificate(&format!("issue-{key}"), &application).expect(201)));
    }

    fn check(&self, akashi: &Akashi, step: &str) {
        let told = ask_ocsp(akashi, Ca::Auth, &self.0);
        for serial in &self.0 {
            let expected = if self.0.last() == Some(serial) { "good" } else { "revoked" };
            assert_eq!(told[serial].status, expected, "{step}: {serial}");
        }
    }
}

#[test]
fn a_death_at_each_step_of_a_snapshot_changes_no_answer_of_the_next_start() {
    let mut akashi = Akashi::started();
    let (desk, mut issued) = (akashi.desk("13221", "003A"), Issued(vec![]));
    issued.one_more(&desk, "first");
    for step in STEPS {
        // Where there is none, the start writes one, and may die before it is ready.
        issued.one_more(&desk, &format!("{step}-start"));
        akashi.stop();
        std::fs::remove_file(akashi.path("data/status-index")).unwrap();
        let died = match akashi.try_start_with(&[("AKASHI_KILL_AFTER", step)]) {
            Ok(()) => akashi.wait_until_dead(),
            Err(status) => status,
        };
        assert_eq!(died.signal(), Some(9), "{step}");
        let is_named = step == "snapshot.3-named";
        assert_eq!(akashi.path("data/status-index").exists(), is_named, "{step}");
        let said = log_of_next_start(&mut akashi, &[]);
        assert_eq!((said.contains(FROM_SNAPSHOT), said.contains(FROM_STATE)), (is_named, !is_named), "{step}: {said}");
        issued.check(&akashi, step);

        // At the end of a run that has an older one, which stays or is replaced, whole.
        akashi.stop();
        let said = log_of_next_start(&mut akashi, &[("AKASHI_KILL_AFTER", step)]);
        assert!(said.contains(FROM_SNAPSHOT), "{step}: {said}");
        issued.one_more(&desk, &format!("{step}-end"));
        let told = Command::new("kill").arg("-TERM").arg(akashi.process_id().to_string()).status().unwrap();
        assert!(told.success());
        assert_eq!(akashi.wait_until_dead().signal(), Some(9), "{step}");
        let said = log_of_next_start(&mut akashi, &[]);
        assert!(said.contains(FROM_SNAPSHOT) && !said.contains(FROM_STATE), "{step}: {said}");
        issued.check(&akashi, step);
    }
    akashi.stop();
    akashi.audit();
}

fn log_of_next_start(akashi: &mut Akashi, environment: &[(&str, &str)]) -> String {
    let before = akashi.log().len();
    akashi.start_with(environment);
    akashi.log().split_off(before)
}
