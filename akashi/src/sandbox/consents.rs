//! Services of platform operators, and people's consents to them: applications signed with signature certificates.
use pki::identity::Ca;
use pki::time::UnixTime;
use registry::Clock;
use serde_json::{Value, json};

use super::calls::{Call, Chain, make_all, text};
use super::cards::Held;
use super::fates::Fate;
use super::parties::{Parties, administrator};
use super::people::Person;
use super::place::Place;
use super::signed::{latest, signed};
use crate::clock::SystemClock;
use crate::failure::Failure;

/// Providers with the services of each.
const PROVIDERS: [(&str, &[&str]); 2] = [
    ("Hinode Bank", &["Hinode Bank accounts", "Hinode Bank loans"]),
    ("Kasumi Insurance", &["Kasumi Insurance contracts"]),
];
/// 提供項目: all four, or two.
const ITEMS: [&[&str]; 2] = [&["氏名", "住所", "生年月日", "性別"], &["氏名", "住所"]];

/// Providers and services, as the administrators' door answered.
pub struct Services {
    /// Providers.
    pub providers: Vec<Value>,
    /// Services.
    pub services: Vec<Value>,
}

impl Services {
    /// Registers them for the sandbox's operator.
    pub async fn register(place: &Place, api_url: &str, parties: &Parties) -> Result<Self, Failure> {
        let mut admin = administrator(place, api_url)?;
        let operator = parties.number_of("operator");
        let (mut providers, mut services) = (Vec::new(), Vec::new());
        for (provider, names) in PROVIDERS {
            let body = json!({ "operator": operator, "name": provider });
            let key = format!("provider-{}", providers.len());
            let provider = Call::post("/admin/v1/providers", key, body).make(&mut admin).await?;
            for name in names {
                let body = json!({ "provider": provider["provider"], "name": name });
                let key = format!("service-{}", services.len());
                services.push(Call::post("/admin/v1/services", key, body).make(&mut admin).await?);
            }
            providers.push(provider);
        }
        Ok(Self { providers, services })
    }
}

/// One consent.
pub struct Consent {
    /// Whose.
    person: usize,
    /// The place of its service.
    service: usize,
    /// The serial of the signature certificate it was signed with.
    serial: String,
    /// As the operators' door answered.
    answered: Value,
}

/// All of them.
pub struct Consents(Vec<Consent>);

/// What an application asks for.
enum Wish {
    Give(&'static [&'static str]),
    TakeBack,
}

impl Consents {
    /// Those who consent do so, with the signature certificate they have: most to one service, every third to all.
    pub async fn give(
        parties: &Parties,
        services: &Services,
        people: &[(Person, Fate)],
        held: &[Held],
        clock: SystemClock,
    ) -> Result<Self, Failure> {
        let consents = |fate: &Fate| matches!(fate, Fate::Moves | Fate::Consents | Fate::Withdraws);
        let mut given = Vec::new();
        for (turn, (person, _)) in people.iter().filter(|(_, fate)| consents(fate)).enumerate() {
            let count = if turn.is_multiple_of(3) { services.services.len() } else { 1 };
            given.extend((0..count).map(|at| (person.number, (turn + at) % services.services.len())));
        }
        let mut chains = Vec::new();
        for (turn, (person, service)) in given.iter().enumerate() {
            let wish = Wish::Give(ITEMS[turn % ITEMS.len()]);
            let number = format!("{person:08}-{service:07}");
            let text = application(&wish, &services.services[*service], &number, clock.now())?;
            let key = format!("consent-{person}-{service}");
            chains.push(sent(parties, "/operators/v1/consents", key, signed(&text, latest(held, *person, Ca::Sign))?));
        }
        let answers = make_all("sandbox: consents", chains).await?;
        let kept = given.into_iter().zip(answers.into_iter().flatten()).map(|((person, service), answered)| Consent {
            person,
            service,
            serial: latest(held, person, Ca::Sign).serial.clone(),
            answered,
        });
        Ok(Self(kept.collect()))
    }

    /// Those who take it back do so, for every service.
    pub async fn take_back(
        &self,
        parties: &Parties,
        services: &Services,
        people: &[(Person, Fate)],
        held: &[Held],
    ) -> Result<(), Failure> {
        let withdraws = |consent: &&Consent| people[consent.person - 1].1 == Fate::Withdraws;
        let mut chains = Vec::new();
        for Consent { person, service, .. } in self.0.iter().filter(withdraws) {
            let number = format!("{person:08}-{service:07}-withdrawal");
            let text = application(&Wish::TakeBack, &services.services[*service], &number, SystemClock::REAL.now())?;
            let key = format!("withdrawal-{person}-{service}");
            let body = signed(&text, latest(held, *person, Ca::Sign))?;
            chains.push(sent(parties, "/operators/v1/consent-withdrawals", key, body));
        }
        make_all("sandbox: withdrawals of consents", chains).await?;
        Ok(())
    }

    /// Reads every consent again: what became of it.
    pub async fn read_again(&mut self, parties: &Parties) -> Result<(), Failure> {
        let chain = |consent: &Consent| {
            let (client, party) = parties.only("operator");
            let path = format!("/operators/v1/consents/{}", consent.answered["consent"]);
            Chain { client, party, calls: vec![Call::get(path)] }
        };
        let answers = make_all("sandbox: reading consents back", self.0.iter().map(chain).collect()).await?;
        for (consent, answer) in self.0.iter_mut().zip(answers.into_iter().flatten()) {
            consent.answered = answer;
        }
        Ok(())
    }

    /// As `sandbox.json` lists them.
    pub fn described(&self) -> Vec<Value> {
        let one = |Consent { person, serial, answered, service: _ }: &Consent| {
            let mut described = answered.clone();
            described["person"] = json!(person);
            described["certificate"] = json!({ "ca": "sign", "serial": serial });
            described
        };
        self.0.iter().map(one).collect()
    }
}

/// An application in the form of docs/api.md.
fn application(wish: &Wish, service: &Value, number: &str, now: UnixTime) -> Result<String, Failure> {
    let (root, items) = match wish {
        Wish::Give(items) => ("利用者同意申請情報", *items),
        Wish::TakeBack => ("利用者同意取消申請情報", &[][..]),
    };
    let items = items.iter().fold(String::new(), |all, item| all + "  <提供項目>" + item + "</提供項目>\n");
    let name = text(service, "name")?;
    Ok(format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{root} xmlns=\"urn:akashi:consent:1\">\n  \
         <サービス番号>{}</サービス番号>\n  <サービス名>{name}</サービス名>\n{items}  \
         <申請番号>{number}</申請番号>\n  <申請日時>{now}</申請日時>\n</{root}>\n",
        service["service"]
    ))
}

fn sent(parties: &Parties, path: &str, key: String, body: Value) -> Chain {
    let (client, party) = parties.only("operator");
    Chain { client, party, calls: vec![Call::post(path, key, body)] }
}
