//! Which CRL is meant: its issuer and its shape; and what each is called in URLs and certificates.
use std::collections::BTreeMap;
use std::fmt;

use pki::crl::{CrlScope, DistributionPoint};
use pki::identity::{Ca, IssuerKey};
use pki::municipality::MunicipalityCode;

/// Full, the part of one municipality, what changed in the full one, or of CA certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Shape {
    /// The certificates of one municipality. The code is the identity; DN text is not unique.
    Partition(MunicipalityCode),
    /// Every CA certificate of the issuer: its own and links.
    CaCertificates,
    /// Every end-entity certificate of the issuer.
    Full,
    /// What changed since an earlier full one: the delta CRL of the same scope (C10). Municipal CRLs are small and have none.
    Delta,
}

/// The code, `ca`, `full` or `delta`: the word for it in URLs and in the manifest.
impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Partition(code) => code.fmt(f),
            Self::CaCertificates => f.write_str("ca"),
            Self::Full => f.write_str("full"),
            Self::Delta => f.write_str("delta"),
        }
    }
}

/// One CRL of a cut. The order is that of the files in a cut: the many small ones first, the few large ones last, so
/// that a builder with several threads does not pile up finished small ones behind an unfinished large one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CrlSlot {
    /// Full, whose part, delta, or of CA certificates.
    pub shape: Shape,
    /// Which key of which CA signs it.
    pub issuer: IssuerKey,
}

impl CrlSlot {
    /// The same issuer's CRL of that shape.
    #[must_use]
    pub const fn beside(self, shape: Shape) -> Self {
        Self { shape, issuer: self.issuer }
    }

    /// The URL path of the latest one, as it stands in certificates and CRLs: `/crl/sign/1/13221.crl`.
    pub fn path(self) -> String {
        format!("/crl/{self}.crl")
    }

    /// The URL path of that cut's one, whose contents never change: `/crl/cuts/12/sign/1/13221.crl`.
    pub fn immutable_path(self, cut_number: u64) -> String {
        format!("/crl/cuts/{cut_number}/{self}.crl")
    }

    /// From the parts of a URL path or of the manifest; the shape is a code, `ca`, `full` or `delta`. Only the words
    /// we write ourselves are read, so that each CRL has one URL.
    pub fn from_words(ca: &str, key: &str, shape_word: &str) -> Option<Self> {
        let issuer = IssuerKey { ca: ca.parse().ok()?, key: key.parse().ok()? };
        let shape = match shape_word {
            "ca" => Shape::CaCertificates,
            "full" => Shape::Full,
            "delta" => Shape::Delta,
            code => Shape::Partition(code.parse().ok()?),
        };
        let slot = Self { shape, issuer };
        (slot.to_string() == format!("{ca}/{key}/{shape_word}")).then_some(slot)
    }
}

impl fmt::Display for CrlSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.issuer, self.shape)
    }
}

/// The DN texts of a municipality that has a CRL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// Its code.
    pub code: MunicipalityCode,
    /// `Tokyo-to`.
    pub prefecture_dn_text: String,
    /// `Kiyose-shi`.
    pub dn_text: String,
}

/// Which partitions there are and how their distribution points are written. It must be the layout that certificates
/// are issued with, or verifiers refuse the CRLs (C11).
#[derive(Clone, Debug)]
pub struct CrlLayout {
    organization: String,
    base_url: Option<String>,
    partitions: BTreeMap<MunicipalityCode, Partition>,
}

impl CrlLayout {
    /// A layout with these partitions. Without `base_url` the distribution points carry no URI, as JPKI's do (facts 1.3).
    pub fn new(
        organization: String,
        base_url: Option<String>,
        partitions: impl IntoIterator<Item = Partition>,
    ) -> Self {
        let partitions = partitions.into_iter().map(|partition| (partition.code, partition)).collect();
        Self { organization, base_url, partitions }
    }

    /// Every municipality there is or was: an abolished one keeps its CRL for ever (I10).
    pub fn national(organization: String, base_url: Option<String>) -> Self {
        let partitions = pki::municipality::all().iter().map(|municipality| Partition {
            code: municipality.code,
            prefecture_dn_text: municipality.prefecture().dn_text.to_owned(),
            dn_text: municipality.dn_text.to_string(),
        });
        Self::new(organization, base_url, partitions)
    }

    /// The municipalities with a CRL, in ascending order of codes.
    pub fn codes(&self) -> impl ExactSizeIterator<Item = MunicipalityCode> + '_ {
        self.partitions.keys().copied()
    }

    /// The scope of that CRL; `None` for a municipality that has none.
    pub fn scope(&self, slot: CrlSlot) -> Option<CrlScope> {
        match slot.shape {
            Shape::CaCertificates => Some(CrlScope::CaCertificates),
            Shape::Full | Shape::Delta => Some(CrlScope::Full),
            Shape::Partition(code) => {
                let Partition { code: _, prefecture_dn_text, dn_text } = self.partitions.get(&code)?;
                let uri = self.uri(slot);
                let ca: Ca = slot.issuer.ca;
                Some(CrlScope::Partition(DistributionPoint::of_municipality(
                    ca,
                    &self.organization,
                    prefecture_dn_text,
                    dn_text,
                    uri,
                )))
            }
        }
    }

    fn uri(&self, slot: CrlSlot) -> Option<String> {
        self.base_url.as_ref().map(|base| format!("{base}{}", slot.path()))
    }

    /// The URI that freshestCRL names in that CRL: where the deltas of a full one are (C12). `None` without `base_url`,
    /// because a freshestCRL must name a place.
    pub fn freshest_crl(&self, slot: CrlSlot) -> Option<String> {
        match slot.shape {
            Shape::Full => self.uri(slot.beside(Shape::Delta)),
            Shape::Partition(_) | Shape::CaCertificates | Shape::Delta => None,
        }
    }

    /// Every CRL of a cut for these issuers, in file order.
    pub fn slots(&self, issuers: &[IssuerKey]) -> Vec<CrlSlot> {
        let shapes = || self.codes().map(Shape::Partition).chain([Shape::CaCertificates, Shape::Full, Shape::Delta]);
        let mut slots: Vec<_> =
            issuers.iter().flat_map(|&issuer| shapes().map(move |shape| CrlSlot { shape, issuer })).collect();
        slots.sort_unstable();
        slots
    }
}
