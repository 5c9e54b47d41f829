//! Municipalities counted through, so that each entry finds its list without a search: a cut looks 60 million times.
use pki::municipality::MunicipalityCode;

/// Numbers from 0 on, in the order in which codes came.
#[derive(Default)]
pub(crate) struct CodeNumbers {
    /// One more than the number, by code; 0 where there is none.
    by_code: Vec<u16>,
    count: u16,
}

impl CodeNumbers {
    pub(crate) fn of(codes: impl Iterator<Item = MunicipalityCode>) -> Self {
        let mut numbers = Self::default();
        for code in codes {
            numbers.get_or_add(code);
        }
        numbers
    }

    #[inline]
    pub(crate) fn get(&self, code: MunicipalityCode) -> Option<usize> {
        self.by_code.get(place(code)).and_then(|number| usize::from(*number).checked_sub(1))
    }

    pub(crate) fn get_or_add(&mut self, code: MunicipalityCode) -> usize {
        if let Some(number) = self.get(code) {
            return number;
        }
        if self.by_code.len() <= place(code) {
            self.by_code.resize(place(code) + 1, 0);
        }
        self.count += 1;
        self.by_code[place(code)] = self.count;
        usize::from(self.count - 1)
    }

    pub(crate) fn count(&self) -> usize {
        self.count.into()
    }
}

/// Codes have five digits.
fn place(code: MunicipalityCode) -> usize {
    usize::try_from(code.get()).expect("five digits")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_has_a_number_of_its_own_and_others_none() {
        let code = |number| MunicipalityCode::new(number).unwrap();
        let mut numbers = CodeNumbers::of([1_361, 47_382, 13_221].into_iter().map(code));
        assert_eq!([1_361, 47_382, 13_221].map(|number| numbers.get(code(number))), [Some(0), Some(1), Some(2)]);
        assert_eq!([1_362, 13_220, 46_001].map(|number| numbers.get(code(number))), [None, None, None]);
        assert_eq!((numbers.get_or_add(code(46_001)), numbers.get_or_add(code(47_382)), numbers.count()), (3, 1, 4));
    }
}
