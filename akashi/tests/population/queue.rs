//! Applications for certificates in phones, as the model sees them: who may have what, and what waits.
use pki::identity::Ca;
use pki::revocation::CertificateStatus;

use crate::law;
use crate::model::{Certificate, Model, Place, Refusal};

/// What a card's holder signs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish {
    /// The card's signature certificate that signs.
    pub(crate) signer: Place,
    pub(crate) phone: u64,
    pub(crate) auth: bool,
    pub(crate) sign: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Waiting,
    /// Serials are taken and what will be signed is recorded; a crash came before the end.
    Begun(Vec<Place>),
    Issued(Vec<Place>),
    Refused(Refusal),
}

pub(crate) struct Queued {
    pub(crate) wish: Wish,
    pub(crate) stage: Stage,
}

const NO_USER_CERTIFICATE: Refusal = (409, "no-user-certificate");
const NOT_GOOD: Refusal = (409, "certificate-not-good");
const NO_TIME_LEFT: Refusal = (422, "no-time-left");

impl Model {
    /// The newest good certificate of that CA; it may have expired.
    pub(crate) fn newest_good(&self, person: usize, of: Ca) -> Option<Place> {
        let good = |place: &&Place| place.0 == of && self.certificates[place].status == CertificateStatus::Good;
        self.of_person[person].iter().rfind(good).copied()
    }

    /// What the certificates stand on and when they end, the user certificate first.
    fn ground(&self, wish: &Wish) -> Result<Vec<(Ca, Place, i64)>, Refusal> {
        let signer = &self.certificates[&wish.signer];
        let mut ground = Vec::new();
        if wish.auth {
            let card = self.newest_good(signer.person, Ca::Auth).ok_or(NO_USER_CERTIFICATE)?;
            let end = law::phone_not_after(self.certificates[&card].not_after, None, self.now);
            ground.push((Ca::PhoneAuth, card, end));
        } else {
            self.user_certificate_beside(signer.person, wish.phone)?;
        }
        if wish.sign {
            let beside = match ground.first() {
                Some((_, card, _)) => Some(self.certificates[card].not_after),
                None => self.newest(signer.person, Ca::PhoneAuth).map(|beside| beside.not_after),
            };
            ground.push((Ca::PhoneSign, wish.signer, law::phone_not_after(signer.not_after, beside, self.now)));
        }
        ground.into_iter().map(|(ca, card, end)| Ok((ca, card, end.ok_or(NO_TIME_LEFT)?))).collect()
    }

    fn user_certificate_beside(&self, person: usize, phone: u64) -> Result<(), Refusal> {
        let beside = self.newest_good(person, Ca::PhoneAuth);
        let is_in_it = beside.is_some_and(|place| self.certificates[&place].phone == Some(phone));
        if is_in_it { Ok(()) } else { Err(NO_USER_CERTIFICATE) }
    }

    pub(crate) fn may_sign(&self, signer: Place) -> bool {
        self.certificates[&signer].is_good_at(self.now)
    }

    /// What an application is refused with before it is taken.
    pub(crate) fn wish_refusal(&self, wish: &Wish) -> Option<Refusal> {
        if !self.may_sign(wish.signer) {
            return Some(NOT_GOOD);
        }
        self.ground(wish).err()
    }

    pub(crate) fn phones_are_open(&self) -> bool {
        law::phone_hours(self.today()).contains(&self.now)
    }

    pub(crate) fn queued(&mut self, wish: Wish) -> usize {
        self.queue.push(Queued { wish, stage: Stage::Waiting });
        self.queue.len() - 1
    }

    /// What waits is done in order: all, or an application after those of the same person before it.
    pub(crate) fn work_queue(&mut self, last: Option<usize>) {
        if !self.phones_are_open() {
            return;
        }
        let whose = |model: &Self, at: usize| model.certificates[&model.queue[at].wish.signer].person;
        for at in 0..self.queue.len() {
            if last.is_none_or(|last| at <= last && whose(self, at) == whose(self, last)) {
                self.complete(at);
            }
        }
    }

    /// A phone is lost, or not wanted any more: what that person applied for and waits is ended. Tells whether anything was.
    pub(crate) fn end_waiting(&mut self, person: usize) -> bool {
        let mut ended = false;
        for at in 0..self.queue.len() {
            let whose = self.certificates[&self.queue[at].wish.signer].person;
            if whose == person && self.queue[at].stage == Stage::Waiting {
                self.queue[at].stage = Stage::Refused((409, "destroyed-before-hand-over"));
                ended = true;
            }
        }
        ended
    }

    fn complete(&mut self, at: usize) {
        self.queue[at].stage = match self.queue[at].stage.clone() {
            Stage::Waiting => match self.begin(at) {
                Ok(places) => {
                    for place in &places {
                        self.issued(*place);
                    }
                    Stage::Issued(places)
                }
                Err(refusal) => Stage::Refused(refusal),
            },
            Stage::Begun(places) if places.iter().all(|place| self.certificates[place].issued.is_some()) => {
                Stage::Issued(places)
            }
            Stage::Begun(_) => Stage::Refused((409, "destroyed-before-hand-over")),
            ended @ (Stage::Issued(_) | Stage::Refused(_)) => ended,
        };
    }

    /// Judges once more who signed and what it stands on, and takes the serials.
    pub(crate) fn begin(&mut self, at: usize) -> Result<Vec<Place>, Refusal> {
        let wish = self.queue[at].wish;
        let signer = self.certificates[&wish.signer].clone();
        let ground = match self.ground(&wish) {
            Err(NO_USER_CERTIFICATE) => return Err(NO_USER_CERTIFICATE),
            _ if self.people[signer.person].gone => return Err((409, "resident-gone")),
            ground => ground?,
        };
        if !self.may_sign(wish.signer) {
            return Err(NOT_GOOD);
        }
        let mut places = Vec::new();
        for (ca, card, not_after) in ground {
            let place = (ca, self.take_serial(ca));
            let (key, not_before) = (self.newest_key(ca), self.now);
            let (status, issued) = (CertificateStatus::NotIssued, None);
            let (card, phone) = (Some(card), Some(wish.phone));
            let of_card = signer.clone();
            self.add(place, Certificate { key, not_before, not_after, status, issued, card, phone, ..of_card });
            places.push(place);
        }
        Ok(places)
    }
}
