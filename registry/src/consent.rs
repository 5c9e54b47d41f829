//! The words of consent: who asks (provider, service), what was consented to, and what was told.
use minicbor::{Decode, Encode};

/// A service provider's number. A provider belongs to one platform operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct ProviderId(#[n(0)] pub u32);

/// A service's number: the unit of consent (facts 4.2). A service belongs to one provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct ServiceId(#[n(0)] pub u32);

/// A consent's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct ConsentId(#[n(0)] pub u64);

/// The number of one answer about somebody's latest 4 info.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct DisclosureId(#[n(0)] pub u64);

/// One of the 4 info, as a person consents to it (facts 4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item {
    /// 氏名
    Name,
    /// 住所
    Address,
    /// 生年月日
    BirthDate,
    /// 性別
    Sex,
}

impl Item {
    /// Every item, in the order in which they are listed everywhere.
    pub const ALL: [Self; 4] = [Self::Name, Self::Address, Self::BirthDate, Self::Sex];

    /// The word for it in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Address => "address",
            Self::BirthDate => "birth_date",
            Self::Sex => "sex",
        }
    }

    /// The word for it in an application.
    pub const fn japanese(self) -> &'static str {
        match self {
            Self::Name => "氏名",
            Self::Address => "住所",
            Self::BirthDate => "生年月日",
            Self::Sex => "性別",
        }
    }

    /// Its bit in the stored form; never used again for another.
    const fn bit(self) -> u8 {
        match self {
            Self::Name => 1,
            Self::Address => 2,
            Self::BirthDate => 4,
            Self::Sex => 8,
        }
    }
}

/// One or more of the 4 info; never none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Items(u8);

impl Items {
    /// These items; `None` if there are none.
    pub fn new(items: impl IntoIterator<Item = Item>) -> Option<Self> {
        Self::from_bits(items.into_iter().fold(0, |bits, item| bits | item.bit()))
    }

    /// The items with these bits; `None` if there are none, or bits that are no item's.
    pub(crate) fn from_bits(bits: u8) -> Option<Self> {
        let known = Item::ALL.iter().fold(0, |bits, item| bits | item.bit());
        (bits != 0 && bits & !known == 0).then_some(Self(bits))
    }

    pub(crate) const fn bits(self) -> u8 {
        self.0
    }

    /// That item is one of them.
    pub const fn contains(self, item: Item) -> bool {
        self.0 & item.bit() != 0
    }

    /// All the others are among these.
    pub const fn covers(self, others: Self) -> bool {
        others.0 & !self.0 == 0
    }

    /// Each of them, in the order of [`Item::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Item> {
        Item::ALL.into_iter().filter(move |item| self.contains(*item))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_one_or_more_of_the_four_and_nothing_else() {
        assert_eq!(Items::new([]), None);
        assert_eq!((Items::from_bits(0), Items::from_bits(16), Items::from_bits(17)), (None, None, None));
        for bits in 1..16 {
            let items = Items::from_bits(bits).unwrap();
            assert_eq!(Items::new(items.iter()), Some(items));
            assert_eq!(items.iter().count(), usize::try_from(bits.count_ones()).unwrap());
            for other in 1..16 {
                let covered = Items::from_bits(other).unwrap().iter().all(|item| items.contains(item));
                assert_eq!(items.covers(Items::from_bits(other).unwrap()), covered, "{bits} {other}");
            }
        }
    }
}
