//! The rows of a batch, as a client reads its file, which other programs made. Each row that is read has a number of its own, and
//! written as JSON Lines it is read as the same.
use std::collections::BTreeSet;
use std::path::Path;

use akashi::client::batch::rows::{Row, Table};

use crate::Outcome;

pub(crate) fn run(octets: &[u8]) -> Outcome {
    let tables = ["rows.csv", "rows.jsonl"].map(|name| Table::parse(octets, Path::new(name)));
    for table in tables.iter().flatten() {
        let numbers: BTreeSet<u32> = table.rows.iter().map(|row| row.number).collect();
        assert!(numbers.len() == table.rows.len() && !numbers.contains(&0));
        let again: Vec<u8> = table.rows.iter().flat_map(line).collect();
        let again = Table::parse(&again, Path::new("again.jsonl")).expect("what was read can be told");
        let told = |table: &Table| table.rows.iter().map(|row| (row.number, row.fields.clone())).collect::<Vec<_>>();
        assert_eq!(told(&again), told(table));
    }
    if tables.iter().any(Result::is_ok) { Outcome::Taken } else { Outcome::Refused }
}

fn line(row: &Row) -> Vec<u8> {
    let mut fields = row.fields.clone();
    fields.insert("row".to_owned(), row.number.into());
    let mut line = serde_json::to_vec(&fields).expect("memory");
    line.push(b'\n');
    line
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    [
        "resident_code,kind,person.name\n10000000001,died,\n10000000002,\"changed, again\",水谷 花子\n",
        "row,resident_code,problem,problem_detail\n7,10000000001,not-found,\"two\nlines\"\n3,10000000002,,\n",
        "{\"row\":5,\"resident_code\":\"10000000001\",\"person\":{\"name\":\"\\u6c34\"}}\n\n{\"problem\":{\"status\":409},\"n\":1e2}\n",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}
