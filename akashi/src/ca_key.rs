//! `akashi ca-key new`: the ceremony of a CA's next key, while the server stands still. The registry's lock sees to that.
//!
//! What a crash leaves: a key in the token that no event names, which the next attempt takes; serials that are wasted; files
//! that are not written yet, which the next attempt writes. New key, certificate and links come into the log together.
use std::sync::Arc;

use ca::own::{Sign, activate_ca_key, activate_next_ca_key, issuer_of};
use hsm_mock::{Pin, SoftToken, TokenError};
use pki::algorithm::PublicKey;
use pki::certificate::{Issuer, pem};
use pki::identity::{Ca, IssuerKey, KeyNumber};
use pki::time::UnixTime;
use registry::state::{StateReads, certificate_key, place_of};
use registry::store::Family;
use registry::writer::{Durability, Surroundings};
use registry::{Clock, Registry, RegistryError, Store};

use crate::clock::{SystemClock, randomness};
use crate::config::Config;
use crate::failure::Failure;
use crate::folder::Folder;
use crate::init::{fix_phone_policies, require_fixed};
use crate::keys::{Labels, SharedToken, sign_certificate};
use crate::mark::{self, Mark};
use crate::output::print;
use crate::serve::sandbox_clock;
use crate::steps::{StepHook, step_hook};

/// What a ceremony works with.
struct Ceremony<'a> {
    config: &'a Config,
    folder: Folder,
    token: SharedToken,
    registry: Registry,
    clock: SystemClock,
    step: StepHook,
}

/// Makes that CA's next key, or finishes an attempt that was interrupted, and says what happens next.
pub fn new_key(config: &Config, ca: Ca, clock_starts_at: Option<UnixTime>) -> Result<(), Failure> {
    let clock = sandbox_clock(config, clock_starts_at)?;
    let folder = Folder::new(&config.data_dir);
    folder.require_initialised()?;
    let pin = Pin::from_file(&config.pin_file)?;
    let token: SharedToken = Arc::new(SoftToken::open(&folder.token(), &pin, randomness())?);
    let surroundings = Surroundings {
        clock: Arc::new(clock),
        randomness: randomness(),
        on_fatal: Box::new(|_| {}),
        durability: Durability::Synced,
    };
    let (registry, _) = Registry::open(&folder.registry(), surroundings)?;
    require_fixed(registry.store().as_ref(), config)?;
    // Before anything is appended: an older copy of the registry must not grow.
    Mark::read(folder.mark())?.check(registry.store())?;
    fix_phone_policies(&registry, config)?;
    let ceremony = Ceremony { config, folder, token, registry, clock, step: step_hook() };
    let told = ceremony.run(ca)?;
    ceremony.registry.close();
    mark::write(&ceremony.folder.mark(), &ceremony.registry.store().tree_edge()?)?;
    Ok(print(&told)?)
}

impl Ceremony<'_> {
    fn run(&self, ca: Ca) -> Result<String, Failure> {
        let issuers = self.issuers(ca)?;
        let newest = issuers.last().map(|issuer| issuer.issuer);
        let unused = newest.map_or(Ok(false), |newest| is_unused(self.registry.store(), newest))?;
        let waits = match newest {
            Some(newest) => unused && newest.key > KeyNumber::FIRST && !self.is_compromised(newest)?,
            None => false,
        };
        let issuer = match newest {
            Some(newest) if waits => newest,
            _ => self.make_next(ca, &issuers)?,
        };
        self.write_files(ca)?;
        let done = if waits { "is there, and nothing is issued under it yet" } else { "is made" };
        Ok(format!(
            "{issuer} {done}; its certificate is ca/{ca}-{}.pem in {}\nNext: publish that certificate and the links beside it, \
             then start `akashi serve`: it issues under {issuer} from then on, and goes on with OCSP and CRLs of the keys before\n",
            issuer.key,
            self.config.data_dir.display()
        ))
    }

    /// The CA's keys, oldest first.
    fn issuers(&self, ca: Ca) -> Result<Vec<Issuer>, Failure> {
        let certificates = self.registry.store().issuers()?;
        let of_ca = certificates.iter().filter(|(issuer, _)| issuer.ca == ca);
        let mut issuers =
            of_ca.map(|(issuer, der)| issuer_of(*issuer, der, &self.config.profile)).collect::<Result<Vec<_>, _>>()?;
        issuers.sort_by_key(|issuer| issuer.issuer.key);
        Ok(issuers)
    }

    fn is_compromised(&self, issuer: IssuerKey) -> Result<bool, RegistryError> {
        Ok(self.registry.store().compromise(issuer)?.is_some())
    }

    fn make_next(&self, ca: Ca, issuers: &[Issuer]) -> Result<IssuerKey, Failure> {
        let used_up = || Failure::State(format!("the {ca} CA's key numbers are used up"));
        let key = match issuers.last() {
            None => KeyNumber::FIRST,
            Some(last) => last.issuer.key.get().checked_add(1).and_then(KeyNumber::new).ok_or_else(used_up)?,
        };
        let issuer = IssuerKey { ca, key };
        let label = Labels::ca_key(issuer);
        let public_key = match self.token.generate_signing_key(&label, self.config.profile.algorithm()) {
            // An earlier attempt got this far.
            Err(TokenError::KeyExists { .. }) => self.token.public_key(&label)?,
            outcome => outcome?,
        };
        (self.step)("ca-key.1-made");
        let sign = |linted| sign_certificate(&*self.token, &label, &public_key, linted);
        match self.linkable(issuers)? {
            None => drop(activate_ca_key(&self.registry, &self.config.profile, issuer, &public_key, sign)?),
            Some(older) => self.make_linked((issuer, &public_key, &sign), older)?,
        }
        Ok(issuer)
    }

    fn make_linked(&self, newer: (IssuerKey, &PublicKey, Sign<'_>), older: &Issuer) -> Result<(), Failure> {
        let label = Labels::ca_key(older.issuer);
        let sign = |linted| sign_certificate(&*self.token, &label, &older.public_key, linted);
        let step = |step| (self.step)(step);
        Ok(activate_next_ca_key(&self.registry, &self.config.profile, newer, (older, &sign), &step)?)
    }

    /// The newest key that may vouch for another, and another for it: neither compromised nor at its end.
    fn linkable<'i>(&self, issuers: &'i [Issuer]) -> Result<Option<&'i Issuer>, Failure> {
        for issuer in issuers.iter().rev() {
            if issuer.not_after > self.clock.now() && !self.is_compromised(issuer.issuer)? {
                return Ok(Some(issuer));
            }
        }
        Ok(None)
    }

    /// Certificates and links of the CA as files, those that are there already the same again.
    fn write_files(&self, ca: Ca) -> Result<(), Failure> {
        let store = self.registry.store();
        let roots = store.issuers()?.into_iter().map(|(issuer, der)| (issuer.ca, issuer.key.to_string(), der));
        let links = store.links()?.into_iter();
        let links = links.map(|link| (link.ca, format!("{}-with-{}", link.linked, link.with), link.certificate));
        for (_, name, der) in roots.chain(links).filter(|(of, ..)| *of == ca) {
            self.folder.replace(&format!("ca/{ca}-{name}.cer"), &der, 0o644)?;
            self.folder.replace(&format!("ca/{ca}-{name}.pem"), pem(&der).as_bytes(), 0o644)?;
        }
        Ok(())
    }
}

/// No certificate was ever asked for under that key.
fn is_unused(store: &Store, issuer: IssuerKey) -> Result<bool, RegistryError> {
    let ranges = store.key_ranges(issuer.ca)?;
    let Some((first, _)) = ranges.iter().find(|(_, key)| *key == issuer.key) else { return Ok(true) };
    for pair in store.iterate(Family::Certificates, &certificate_key(issuer.ca, *first)) {
        let Some((ca, serial)) = place_of(&pair?.0).filter(|(ca, _)| *ca == issuer.ca) else { break };
        if store.key_of_serial(ca, serial)? == Some(issuer.key) {
            return Ok(false);
        }
    }
    Ok(true)
}
