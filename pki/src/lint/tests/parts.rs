//! Takes a tbsCertificate apart, so that a test can change one thing in it.
use crate::algorithm::sha1;
use crate::certificate::{Issuer, Profile};
use crate::der::{DerReader, DerWriter, Tag};
use crate::oid::{self, Oid};
use crate::time::UnixTime;

/// A certificate to be, and what it is judged by.
pub(super) struct Example {
    pub(super) parts: Parts,
    pub(super) issuer: Issuer,
    /// Whose key a link certifies.
    pub(super) linked: Issuer,
    pub(super) profile: Profile,
    /// What is found besides, where one thing cannot be wrong alone.
    pub(super) also: &'static [&'static str],
}

/// A tbsCertificate taken apart.
pub(super) struct Parts {
    /// version, serialNumber, signature, issuer, validity, subject, subjectPublicKeyInfo
    pub(super) fields: Vec<Vec<u8>>,
    pub(super) extensions: Vec<Vec<u8>>,
}

pub(super) const VERSION: usize = 0;
pub(super) const SERIAL: usize = 1;
pub(super) const SIGNATURE: usize = 2;
pub(super) const ISSUER: usize = 3;
pub(super) const VALIDITY: usize = 4;
pub(super) const SUBJECT: usize = 5;
pub(super) const PUBLIC_KEY: usize = 6;

impl Parts {
    pub(super) fn of(tbs_der: &[u8]) -> Self {
        let mut tbs = DerReader::new(tbs_der).sequence().unwrap();
        let fields = (0..7).map(|_| tbs.element().unwrap().whole.to_vec()).collect();
        let mut list = tbs.expect(Tag::context_constructed(3)).unwrap().reader().sequence().unwrap();
        let mut extensions = Vec::new();
        while !list.is_empty() {
            extensions.push(list.element().unwrap().whole.to_vec());
        }
        Self { fields, extensions }
    }

    pub(super) fn tbs_der(&self) -> Vec<u8> {
        let mut writer = DerWriter::new();
        writer.sequence(|w| {
            self.fields.iter().for_each(|field| w.raw(field));
            w.constructed(Tag::context_constructed(3), |w| {
                w.sequence(|w| self.extensions.iter().for_each(|e| w.raw(e)));
            });
        });
        writer.finish()
    }

    pub(super) fn position(&self, oid: Oid) -> usize {
        let is = |extension: &Vec<u8>| {
            DerReader::new(extension).sequence().unwrap().element().unwrap().contents == oid.content()
        };
        self.extensions.iter().position(is).unwrap()
    }

    /// The value of an extension.
    pub(super) fn value(extension: &[u8]) -> Vec<u8> {
        let mut fields = DerReader::new(extension).sequence().unwrap();
        loop {
            let element = fields.element().unwrap();
            if element.tag == Tag::OCTET_STRING {
                return element.contents.to_vec();
            }
        }
    }

    /// Another public key, and the identifier that belongs to it.
    pub(super) fn set_public_key(&mut self, spki_der: &[u8]) {
        let mut fields = DerReader::new(spki_der).sequence().unwrap();
        let identifier = sha1(fields.element().and_then(|_| fields.bit_string()).unwrap());
        self.fields[PUBLIC_KEY] = spki_der.to_vec();
        self.set(oid::SUBJECT_KEY_IDENTIFIER, false, |w| w.primitive(Tag::OCTET_STRING, &identifier));
    }

    /// The extension with another value.
    pub(super) fn set(&mut self, oid: Oid, critical: bool, write: impl FnOnce(&mut DerWriter)) {
        let at = self.position(oid);
        self.extensions[at] = extension(oid, critical, write);
    }

    /// One part of the extension's octets replaced by another of the same length.
    pub(super) fn replace(&mut self, oid: Oid, from: &[u8], to: &[u8]) {
        let at = self.position(oid);
        replace(&mut self.extensions[at], from, to);
    }
}

pub(super) fn replace(octets: &mut [u8], from: &[u8], to: &[u8]) {
    assert_eq!(from.len(), to.len());
    let at = octets.windows(from.len()).position(|window| window == from).expect("the part to be replaced is there");
    octets[at..at + to.len()].copy_from_slice(to);
}

pub(super) fn extension(oid: Oid, critical: bool, write: impl FnOnce(&mut DerWriter)) -> Vec<u8> {
    let mut writer = DerWriter::new();
    writer.extension(oid, critical, write);
    writer.finish()
}

pub(super) fn element(write: impl FnOnce(&mut DerWriter)) -> Vec<u8> {
    let mut writer = DerWriter::new();
    write(&mut writer);
    writer.finish()
}

pub(super) fn validity(not_before: UnixTime, not_after: UnixTime) -> Vec<u8> {
    element(|w| {
        w.sequence(|w| {
            not_before.write_der(w);
            not_after.write_der(w);
        });
    })
}
