"""Invented people at real municipalities. Each run invents new ones, so that a lasting data directory can be used again."""

import datetime
import random
from dataclasses import dataclass

FAMILY_NAMES = ["藤代", "小鳥遊", "八重樫", "綾瀬川", "月岡", "白砂", "榛原", "篠塚", "真壁", "柊木"]
GIVEN_NAMES = ["千景", "幹也", "汐里", "直央", "凪沙", "悠貴", "美弥", "岳人", "澪", "陽向"]
ADDRESSES = {
    "13221": "東京都清瀬市観布子南{}－{}－{}",
    "14100": "神奈川県横浜市中区夢見坂{}－{}－{}",
}
JAPAN = datetime.timezone(datetime.timedelta(hours=9))
FULL_WIDTH_DIGITS = str.maketrans("0123456789", "０１２３４５６７８９")


def today() -> datetime.date:
    return datetime.datetime.now(JAPAN).date()


def resident_code() -> str:
    """Eleven digits: ten random ones and the check digit of the ordinance on the resident register (Art. 1)."""
    digits = [random.randrange(10) for _ in range(10)]
    weights = [5, 4, 3, 2, 7, 6, 5, 4, 3, 2]
    remainder = sum(digit * weight for digit, weight in zip(digits, weights)) % 11
    return "".join(map(str, digits)) + str(0 if remainder <= 1 else 11 - remainder)


@dataclass
class Person:
    resident_code: str
    name: str
    sex: str
    birth_date: datetime.date
    address: str

    @staticmethod
    def invent(municipality: str) -> "Person":
        # At most the 28th, so that every year has the birthday; 20 years old at least, so that a card lasts ten years.
        birth_date = datetime.date(random.randint(1940, 2004), random.randint(1, 12), random.randint(1, 28))
        name = f"{random.choice(FAMILY_NAMES)}\u3000{random.choice(GIVEN_NAMES)}"
        return Person(resident_code(), name, random.choice(["male", "female"]), birth_date, invent_address(municipality))

    def card_expires_on(self) -> datetime.date:
        """The tenth birthday after today (facts 1.7)."""
        issued_on = today()
        birthday_passed = (issued_on.month, issued_on.day) >= (self.birth_date.month, self.birth_date.day)
        return self.birth_date.replace(year=issued_on.year + (10 if birthday_passed else 9))

    def application(self, ca: str, municipality: str, csr: str) -> dict:
        """The body of `POST /desk/v1/certificates`."""
        return {
            "ca": ca,
            "municipality": municipality,
            "resident_code": self.resident_code,
            "person": {
                "name": self.name,
                "sex": self.sex,
                "birth_date": self.birth_date.isoformat(),
                "address": self.address,
            },
            "card_expires_on": self.card_expires_on().isoformat(),
            "csr": csr,
        }


def invent_address(municipality: str) -> str:
    numbers = (str(random.randint(1, 30)).translate(FULL_WIDTH_DIGITS) for _ in range(3))
    return ADDRESSES[municipality].format(*numbers)
