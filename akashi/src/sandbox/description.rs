//! `sandbox.json`: what a sandbox holds, for those who integrate. Names are stable; more may be added.
use std::collections::BTreeSet;

use pki::identity::{Ca, Device, IssuerKey, KeyNumber};
use pki::time::UnixTime;
use serde_json::{Map, Value, json};

use super::calls::text;
use super::cards::Held;
use super::fates::Fate;
use super::keys::NOTICE;
use super::parties::CA_BUNDLE;
use super::past::Past;
use super::people::{Person, TOWNS};
use super::phones::name_of_phone;
use crate::config::Config;
use crate::failure::Failure;

/// Added to the last serials, so that what is issued by hand later does not reach it soon.
const BEYOND: u64 = 1_000_000;

/// The whole description, at that instant.
pub fn describe(
    config: &Config,
    people: &[(Person, Fate)],
    past: &Past,
    cut_number: u64,
    now: UnixTime,
) -> Result<Value, Failure> {
    let public = &config.profile.settings().public_base_url;
    let certificates: Vec<_> = past.held.iter().map(|held| certificate(held, now)).collect::<Result<_, _>>()?;
    let in_phones = past.held.iter().filter(|held| held.ca.device() == Device::Phone);
    let with_phones: BTreeSet<_> = in_phones.map(|held| held.person).collect();
    Ok(json!({
        "notice": "A sandbox of Akashi: invented people, throw-away keys. Nothing of it may be relied on.",
        "keys": NOTICE,
        "made_at": now.to_string(),
        "layout": config.profile.layout().word(),
        "public_url": public,
        "api_url": format!("https://{}", config.api_listen),
        "metrics_url": format!("http://{}", config.metrics_listen),
        "ca_bundle": CA_BUNDLE,
        "issuers": by_ca(|ca| json!([{ "key": 1, "path": format!("data/ca/{ca}-1.pem") }])),
        "ocsp": by_ca(|ca| json!(format!("{public}/ocsp/{ca}"))),
        "crl": by_ca(|ca| crls(public, ca)),
        "manifest_url": format!("{public}/crl/manifest.json"),
        "cut_number": cut_number,
        "certificates": certificates,
        "unissued_serials": by_ca(|ca| unissued(&past.held, ca)),
        "people": people.iter().map(|(one, fate)| person(one, *fate, with_phones.contains(&one.number))).collect::<Vec<_>>(),
        "parties": past.parties.described(),
        "providers": past.services.providers,
        "services": past.services.services,
        "consents": past.consents.described(),
        "clients": past.parties.clients(),
    }))
}

fn by_ca(describe: impl Fn(Ca) -> Value) -> Value {
    Value::Object(Ca::ALL.into_iter().map(|ca| (ca.to_string(), describe(ca))).collect::<Map<_, _>>())
}

fn crls(public: &str, ca: Ca) -> Value {
    let issuer = IssuerKey { ca, key: KeyNumber::FIRST };
    let url = |shape: &str| json!(format!("{public}/crl/{issuer}/{shape}.crl"));
    let codes = pki::municipality::all().iter().map(|municipality| municipality.code.to_string());
    let partitions: Map<_, _> = codes.map(|code| (code.clone(), url(&code))).collect();
    let urls = json!({ "full": url("full"), "delta": url("delta"), "ca": url("ca"), "partition": partitions });
    json!({ KeyNumber::FIRST.to_string(): urls })
}

fn certificate(held: &Held, now: UnixTime) -> Result<Value, Failure> {
    let answered = &held.answered;
    let not_after: UnixTime = text(answered, "not_after")?
        .parse()
        .map_err(|_| Failure::Sandbox("a door's answer has a not_after that is no time".to_owned()))?;
    // What was revoked stays so when it ends; an ended certificate is still good to OCSP.
    let status = match text(answered, "status")? {
        "good" if not_after < now => "expired",
        status => status,
    };
    let mut described = json!({
        "path": held.path,
        "key_path": held.key_path,
        "ca": held.ca.to_string(),
        "key": answered["key"],
        "serial": held.serial,
        "status": status,
        "municipality": TOWNS[held.town].code,
        "person": held.person,
        "not_before": answered["not_before"],
        "not_after": answered["not_after"],
    });
    for name in ["reason", "since"] {
        if !answered[name].is_null() {
            described[name] = answered[name].clone();
        }
    }
    Ok(described)
}

fn unissued(held: &[Held], ca: Ca) -> Value {
    let serials = held.iter().filter(|held| held.ca == ca).filter_map(|held| held.serial.parse::<u64>().ok());
    let beyond = serials.max().unwrap_or(0) + BEYOND;
    json!([beyond.to_string(), (beyond + 1).to_string(), u32::MAX.to_string()])
}

fn person(first: &Person, fate: Fate, has_phone: bool) -> Value {
    let now = if fate == Fate::Moves { first.moved() } else { first.clone() };
    let mut described = json!({
        "person": now.number,
        "name": now.name,
        "sex": now.sex,
        "birth_date": now.birth_date.to_string(),
        "address": now.address,
        "municipality": TOWNS[now.town].code,
        "resident_code": now.resident_code,
    });
    if let Some(kana) = now.kana {
        described["kana"] = json!(kana);
    }
    if let Some((name, kana)) = now.former_name {
        described["former_name"] = json!(name);
        described["former_name_kana"] = json!(kana);
    }
    if has_phone {
        described["phone"] = json!(name_of_phone(now.number));
    }
    if fate == Fate::Moves {
        described["moved_from"] = json!({ "address": first.address, "municipality": TOWNS[first.town].code });
    }
    described
}
