//! The XML that a person signs, to consent or to withdraw. No octets are both.
use ca::consent::application::{Application, Purpose};
use ca::problem::ProblemKind;

use crate::Outcome;
use crate::scene::NOW;

pub(crate) fn run(octets: &[u8]) -> Outcome {
    let consent = Application::read(octets, Purpose::Consent);
    let withdrawal = Application::read(octets, Purpose::Withdrawal);
    for problem in [consent.as_ref().err(), withdrawal.as_ref().err()].into_iter().flatten() {
        assert_eq!(problem.kind(), ProblemKind::ApplicationMalformed);
    }
    assert!(consent.is_err() || withdrawal.is_err());
    if let Ok(consent) = &consent {
        assert!(consent.items.is_some());
    }
    Outcome::of(&consent.or(withdrawal))
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let paper = |root: &str, items: &str| {
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{root} xmlns=\"urn:akashi:consent:1\">\n  \
             <サービス番号>1</サービス番号>\n  <サービス名>A&amp;B 銀行</サービス名>\n{items}  \
             <申請番号>aaaaaaaaaaaaaaa-1</申請番号>\n  <申請日時>{NOW}</申請日時>\n</{root}>\n"
        )
    };
    let items = "  <提供項目>氏名</提供項目>\n  <提供項目>住所</提供項目>\n";
    let consent = paper("利用者同意申請情報", items);
    vec![consent.into_bytes(), paper("利用者同意取消申請情報", "").into_bytes()]
}
