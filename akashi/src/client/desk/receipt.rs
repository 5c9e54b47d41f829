//! 発行控え as text, in Japanese with English below, for a desk's printer.
use serde_json::Value;

/// A line of the paper: what it is called in both languages, and where it stands in the answer.
const LINES: [(&str, &str, &str); 13] = [
    ("発行番号", "Serial number", "/serial"),
    ("発行者の鍵", "Key of the issuing CA", "/key"),
    ("氏名", "Name", "/person/name"),
    ("氏名の代替文字", "Substitutes in the name", "/person/name_substitutions"),
    ("生年月日", "Date of birth", "/person/birth_date"),
    ("住所", "Address", "/person/address"),
    ("住所の代替文字", "Substitutes in the address", "/person/address_substitutions"),
    ("発行日時", "Issued", "/issued_at"),
    ("有効期間の始まり", "Valid from", "/not_before"),
    ("有効期間の満了", "Valid until", "/not_after"),
    ("発行窓口", "Desk", "/desk/name"),
    ("受付窓口識別記号", "Sign of the desk", "/desk/sign"),
    ("公開鍵の指紋", "SHA-256 of the public key", "/key_sha256"),
];

/// The answer as a paper.
pub(super) fn text(receipt: &Value) -> String {
    let field = |pointer: &str| receipt.pointer(pointer).and_then(plain);
    let kind = field("/ca").map(|ca| kind(&ca)).unwrap_or_default();
    let mut lines = vec![
        "電子証明書　発行控え".to_owned(),
        "Record of the issue of an electronic certificate".to_owned(),
        String::new(),
        line("種類", "Kind", &kind),
    ];
    let told = |(japanese, english, pointer): &(&str, &str, &str)| Some(line(japanese, english, &field(pointer)?));
    lines.extend(LINES[..3].iter().filter_map(told));
    lines.extend(beside_the_name(receipt));
    lines.extend(field("/person/sex").map(|sex| line("性別", "Sex", sex_words(&sex))));
    lines.extend(LINES[3..].iter().filter_map(told));
    lines.extend(field("/municipality/name").map(|name| line("市区町村", "Municipality", &name)));
    lines.extend(field("/status").map(|status| line("現在の状態", "Status now", status_words(&status))));
    lines.push(String::new());
    let at = field("/loss_line").unwrap_or_default();
    lines.push(line("紛失したときの届出先", "Where to report a loss", &at));
    lines.join("\n") + "\n"
}

/// 旧氏 and フリガナ, where the record has them.
fn beside_the_name(receipt: &Value) -> impl Iterator<Item = String> {
    let names = [
        ("フリガナ", "Reading", "/person/kana"),
        ("旧氏", "Former name", "/person/former_name"),
        ("旧氏のフリガナ", "Reading of the former name", "/person/former_name_kana"),
    ];
    names.into_iter().filter_map(|(japanese, english, pointer)| {
        Some(line(japanese, english, &receipt.pointer(pointer).and_then(plain)?))
    })
}

fn line(japanese: &str, english: &str, value: &str) -> String {
    format!("{japanese} ({english}): {value}")
}

fn kind(ca: &str) -> String {
    let (device, purpose) = ca.strip_prefix("phone-").map_or(("", ca), |purpose| ("スマートフォンの", purpose));
    match purpose {
        "sign" => format!("{device}署名用電子証明書 / {ca}: signature certificate"),
        "auth" => format!("{device}利用者証明用電子証明書 / {ca}: user certificate"),
        other => other.to_owned(),
    }
}

fn sex_words(sex: &str) -> &str {
    match sex {
        "male" => "男 / male",
        "female" => "女 / female",
        "unknown" => "不明 / unknown",
        other => other,
    }
}

fn status_words(status: &str) -> &str {
    match status {
        "good" => "有効 / good",
        "held" => "一時停止 / held",
        "revoked" => "失効 / revoked",
        other => other,
    }
}

/// On one line, whatever others may have put into a desk's name.
fn plain(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    Some(text.replace(char::is_control, "\u{fffd}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_paper_has_every_line_in_both_languages_and_no_more_than_the_record_has() {
        let receipt = json!({
            "ca": "auth", "key": 1, "serial": "3", "status": "good", "issued_at": "2026-11-21T12:00:00+09:00",
            "not_before": "2026-11-21T12:00:00+09:00", "not_after": "2031-02-17T23:59:59+09:00", "key_sha256": "00ff",
            "municipality": { "code": "13221", "name": "東京都清瀬市" },
            "desk": { "sign": "13221003A", "name": "Kiyose\ncity hall" },
            "person": { "name": "黒桐　幹也", "name_substitutions": "00000", "sex": "male", "birth_date": "1980-02-17",
                "address": "東京都清瀬市", "address_substitutions": "000000", "former_name": "白純" },
            "loss_line": "0123",
        });
        let text = text(&receipt);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 23, "{text}");
        for line in [
            "種類 (Kind): 利用者証明用電子証明書 / auth: user certificate",
            "発行番号 (Serial number): 3",
            "氏名 (Name): 黒桐　幹也",
            "旧氏 (Former name): 白純",
            "性別 (Sex): 男 / male",
            "発行窓口 (Desk): Kiyose\u{fffd}city hall",
            "公開鍵の指紋 (SHA-256 of the public key): 00ff",
            "紛失したときの届出先 (Where to report a loss): 0123",
        ] {
            assert!(lines.contains(&line), "{line} is not in\n{text}");
        }
        assert!(!text.contains("フリガナ"));
        assert_eq!(kind("phone-sign"), "スマートフォンの署名用電子証明書 / phone-sign: signature certificate");
    }
}
