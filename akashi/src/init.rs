//! `akashi init`: token, keys, CA certificates, party CA, first administrator. All or nothing: the marker is written
//! last, and a folder without it is refused.
use std::sync::Arc;

use ca::own::activate_ca_key;
use hsm_mock::{Pin, PinCost, SecretPurpose, SoftToken};
use pki::algorithm::Algorithm;
use pki::certificate::pem;
use pki::identity::{Ca, IssuerKey, KeyNumber};
use registry::Registry;
use registry::event::{Actor, Door, Event, FixedSettings, PhonePolicies};
use registry::state::StateReads;
use registry::writer::{Durability, Surroundings};

use crate::clock::{SystemClock, randomness};
use crate::config::Config;
use crate::failure::{Difference, Failure};
use crate::folder::Folder;
use crate::keys::{Labels, PartyAuthority, SharedToken, sign_certificate};
use crate::mark;

/// The settings that certificates stand on, as event 0 fixes them.
fn fixed_settings(config: &Config) -> FixedSettings {
    let settings = config.profile.settings();
    FixedSettings {
        organization: settings.organization.clone(),
        layout: settings.layout.word().to_owned(),
        cps_uri: settings.cps_uri.clone(),
        sign_policy: settings.sign_policy.to_string(),
        auth_policy: settings.auth_policy.to_string(),
        public_base_url: settings.public_base_url.clone(),
        algorithm: settings.algorithm.word().to_owned(),
        phone_policies: Some(PhonePolicies {
            sign: settings.phone_sign_policy.to_string(),
            auth: settings.phone_auth_policy.to_string(),
        }),
    }
}

/// Fixes the policies of the phones' certificates in a registry that was made before there were any.
pub fn fix_phone_policies(registry: &Registry, config: &Config) -> Result<(), Failure> {
    let unfixed = registry.store().settings()?.is_some_and(|settings| settings.phone_policies.is_none());
    let Some(policies) = fixed_settings(config).phone_policies.filter(|_| unfixed) else { return Ok(()) };
    registry.transact(Actor::System, Door::Inside, move |transaction| {
        transaction.append(Event::PhonePoliciesFixed(policies), None).map(drop).map_err(Failure::from)
    })
}

/// Refuses a configuration that differs from what that registry's data was made with.
pub fn require_fixed(store: &impl StateReads, config: &Config) -> Result<(), Failure> {
    let no_settings = || Failure::State("it has no settings, which are the log's first event".to_owned());
    let different = differences(store.settings()?.ok_or_else(no_settings)?, fixed_settings(config));
    if different.is_empty() { Ok(()) } else { Err(Failure::Fixed(different)) }
}

/// The settings that are not as they were fixed, by their names in the configuration.
fn differences(fixed: FixedSettings, configured: FixedSettings) -> Vec<Difference> {
    // Taken apart, so that a new setting cannot be forgotten here.
    let FixedSettings {
        organization,
        layout,
        cps_uri,
        sign_policy,
        auth_policy,
        public_base_url,
        algorithm,
        phone_policies,
    } = fixed;
    let phone_pairs = phone_policies.zip(configured.phone_policies).map(|(fixed, configured)| {
        [
            ("profile.phone_sign_policy", fixed.sign, configured.sign),
            ("profile.phone_auth_policy", fixed.auth, configured.auth),
        ]
    });
    let pairs = [
        ("profile.organization", organization, configured.organization),
        ("profile.layout", layout, configured.layout),
        ("profile.cps_uri", cps_uri, configured.cps_uri),
        ("profile.sign_policy", sign_policy, configured.sign_policy),
        ("profile.auth_policy", auth_policy, configured.auth_policy),
        ("public.base_url", public_base_url, configured.public_base_url),
        ("profile.algorithm", algorithm, configured.algorithm),
    ];
    let pairs = pairs.into_iter().chain(phone_pairs.into_iter().flatten());
    let different = pairs.filter(|(_, fixed, configured)| fixed != configured);
    different.map(|(key, fixed, configured)| Difference { key, fixed, configured }).collect()
}

/// What kind of authority is made.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// One to be relied on.
    Lasting,
    /// One for trying out, on a clock that may be shifted.
    Sandbox(SystemClock),
}

/// How the organization of a sandbox ends, as that of JPKI's test cards does.
const TEST_ENDING: &str = "-TEST";

/// Makes everything.
pub fn init(config: &Config, kind: Kind) -> Result<(), Failure> {
    let clock = match kind {
        Kind::Lasting => SystemClock::REAL,
        Kind::Sandbox(clock) => clock,
    };
    let is_sandbox = matches!(kind, Kind::Sandbox(_));
    if is_sandbox && !config.profile.organization().ends_with(TEST_ENDING) {
        return Err(Failure::SandboxOrganization);
    }
    let pin = Pin::from_file(&config.pin_file)?;
    let folder = Folder::new(&config.data_dir);
    folder.make()?;
    if is_sandbox {
        folder.mark_sandbox()?;
    }
    let token: SharedToken = Arc::new(SoftToken::create(&folder.token(), &pin, PinCost::PRODUCTION, randomness())?);
    let surroundings = Surroundings {
        clock: Arc::new(clock),
        randomness: randomness(),
        on_fatal: Box::new(|_| {}),
        durability: Durability::Synced,
    };
    let (registry, _) = Registry::open(&folder.registry(), surroundings)?;
    let settings = fixed_settings(config);
    registry.transact(Actor::System, Door::Inside, move |transaction| {
        transaction.append(Event::Initialised(settings), None).map_err(Failure::from)
    })?;
    token.generate_secret_key(&Labels::hash_key(), SecretPurpose::Mac)?;
    token.generate_signing_key(&Labels::manifest_key(), config.profile.algorithm())?;
    token.generate_signing_key(&Labels::party_ca_key(), Algorithm::EcdsaP256Sha256)?;
    for ca in Ca::ALL {
        make_ca(config, &folder, &token, &registry, IssuerKey { ca, key: KeyNumber::FIRST })?;
    }
    make_first_administrator(&folder, token, &registry, clock)?;
    registry.close();
    mark::write(&folder.mark(), &registry.store().tree_edge()?)?;
    folder.mark_initialised()?;
    Ok(())
}

/// One CA's first key and self-signed certificate.
fn make_ca(
    config: &Config,
    folder: &Folder,
    token: &SharedToken,
    registry: &Registry,
    issuer: IssuerKey,
) -> Result<(), Failure> {
    let label = Labels::ca_key(issuer);
    let public_key = token.generate_signing_key(&label, config.profile.algorithm())?;
    let sign = |linted| sign_certificate(&**token, &label, &public_key, linted);
    let certificate = activate_ca_key(registry, &config.profile, issuer, &public_key, sign)?;
    let name = format!("ca/{}-{}", issuer.ca, issuer.key);
    folder.write(&format!("{name}.cer"), certificate.der(), 0o644)?;
    folder.write(&format!("{name}.pem"), pem(certificate.der()).as_bytes(), 0o644)?;
    Ok(())
}

fn make_first_administrator(
    folder: &Folder,
    token: SharedToken,
    registry: &Registry,
    clock: SystemClock,
) -> Result<(), Failure> {
    let party_ca = PartyAuthority::new(token, Arc::new(clock))?;
    let own = party_ca.own_certificate()?;
    folder.write("tls/party-ca.pem", pem(&own).as_bytes(), 0o644)?;
    let (certificate, key) = party_ca.first_administrator()?;
    folder.write("admin/admin.crt", pem(&certificate).as_bytes(), 0o644)?;
    folder.write("admin/admin.key", key.as_bytes(), 0o600)?;
    ca::parties::register_first_administrator(registry, certificate)?;
    Ok(())
}
