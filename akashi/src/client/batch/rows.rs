//! The rows of a batch's file, and the file of those that were refused.
use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::{Reject, not_written, private_file};
use crate::client::input::{CannotAsk, octets_up_to};

/// A year's reports of the whole country, or a municipality's requests with their PEM, fit many times.
const FILE_OCTETS_MAX: u64 = 512 * 1_024 * 1_024;
/// What a refusal adds to a CSV row, and a corrected file may still have.
const PROBLEM_COLUMNS: [&str; 4] = ["problem", "problem_field", "problem_detail", "problem_remedy"];
/// The same in JSON Lines.
const PROBLEM: &str = "problem";
const ROW: &str = "row";
const WHAT: &str = "the batch";
/// No body of the doors has objects as deep.
const DOTS_MAX: usize = 8;

/// A row.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its number: what is asked for again under the same number is the same.
    pub number: u32,
    /// What it says, without its number. A dot in a column's name leads into an object.
    pub fields: Map<String, Value>,
    cells: Vec<String>,
}

/// A file of rows.
#[derive(Debug)]
pub struct Table {
    /// Its rows, in order.
    pub rows: Vec<Row>,
    /// Of CSV; those of problems left out.
    columns: Option<Vec<String>>,
}

impl Table {
    /// Reads a file. One whose form is broken is refused whole, before anything is sent.
    pub fn read(path: &Path) -> Result<Self, CannotAsk> {
        Self::parse(&octets_up_to(WHAT, path, FILE_OCTETS_MAX)?, path)
    }

    /// Reads the octets of the file with that name, which tells their form.
    pub fn parse(octets: &[u8], path: &Path) -> Result<Self, CannotAsk> {
        let is_csv = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv"));
        let parsed = if is_csv { Self::from_csv(octets) } else { Self::from_json_lines(octets) };
        let table = parsed.map_err(|(line, reason)| CannotAsk::NotRows { path: path.to_owned(), line, reason })?;
        let mut numbers = BTreeSet::new();
        match table.rows.iter().find(|row| !numbers.insert(row.number)) {
            Some(twice) => Err(CannotAsk::Usage(format!("the row number {} stands twice in the batch", twice.number))),
            None => Ok(table),
        }
    }

    fn from_json_lines(octets: &[u8]) -> Result<Self, (u64, &'static str)> {
        let mut rows: Vec<Row> = Vec::new();
        for (line, text) in (1..).zip(octets.split(|octet| *octet == b'\n')) {
            if text.trim_ascii().is_empty() {
                continue;
            }
            let object: Result<Map<String, Value>, _> = serde_json::from_slice(text);
            let mut fields = object.map_err(|_| (line, "it is no JSON object"))?;
            fields.remove(PROBLEM);
            let given = fields.remove(ROW).map(|given| given.to_string());
            rows.push(Row { number: number(given.as_deref(), rows.len(), line)?, fields, cells: Vec::new() });
        }
        Ok(Self { rows, columns: None })
    }

    fn from_csv(octets: &[u8]) -> Result<Self, (u64, &'static str)> {
        let broken = |error: &csv::Error| {
            let line = error.position().map_or(1, csv::Position::line);
            match error.kind() {
                csv::ErrorKind::Utf8 { .. } => (line, "it is not UTF-8"),
                csv::ErrorKind::UnequalLengths { .. } => (line, "it has not as many fields as the header"),
                _ => (line, "it is not CSV"),
            }
        };
        let mut reader = csv::Reader::from_reader(octets);
        let headers: Vec<String> =
            reader.headers().map_err(|error| broken(&error))?.iter().map(str::to_owned).collect();
        if headers.iter().any(|name| name.matches('.').count() > DOTS_MAX) {
            return Err((1, "a column's name has more full stops than anything has parts"));
        }
        let kept: Vec<usize> = (0..headers.len()).filter(|at| !PROBLEM_COLUMNS.contains(&&*headers[*at])).collect();
        let mut rows: Vec<Row> = Vec::new();
        for record in reader.records() {
            let record = record.map_err(|error| broken(&error))?;
            let line = record.position().map_or(1, csv::Position::line);
            let (mut fields, mut given) = (Map::new(), None);
            for (column, cell) in
                kept.iter().map(|at| (&headers[*at], &record[*at])).filter(|(_, cell)| !cell.is_empty())
            {
                if column == ROW {
                    given = Some(cell);
                } else {
                    insert(&mut fields, column, cell).ok_or((line, "a column is in another one and beside it"))?;
                }
            }
            if fields.contains_key(ROW) || fields.contains_key(PROBLEM) {
                return Err((line, "a column is inside `row` or `problem`, which are the batch's own"));
            }
            let cells = kept.iter().map(|at| record[*at].to_owned()).collect();
            rows.push(Row { number: number(given, rows.len(), line)?, fields, cells });
        }
        Ok(Self { rows, columns: Some(kept.into_iter().map(|at| headers[at].clone()).collect()) })
    }

    /// Writes the refused rows with their numbers and problems. Of none, a file that says so.
    pub(super) fn write_rejects(&self, path: &Path, rejects: &[Reject]) -> Result<(), CannotAsk> {
        let failed = |error: std::io::Error| not_written(path, error);
        let mut file = private_file(path, false)?;
        match &self.columns {
            None => {
                let line = |(index, problem): &Reject| {
                    let Row { number, fields, .. } = &self.rows[*index];
                    let mut object = Map::from_iter([(ROW.to_owned(), json!(number))]);
                    object.extend(fields.clone());
                    object.insert(PROBLEM.to_owned(), problem.clone());
                    format!("{}\n", Value::Object(object))
                };
                file.write_all(rejects.iter().map(line).collect::<String>().as_bytes()).map_err(failed)?;
            }
            Some(columns) => {
                let text = self.csv_of(columns, rejects).map_err(|error| failed(error.into()))?;
                file.write_all(&text).map_err(failed)?;
            }
        }
        file.sync_all().map_err(failed)
    }

    fn csv_of(&self, columns: &[String], rejects: &[Reject]) -> Result<Vec<u8>, csv::Error> {
        let at = columns.iter().position(|column| column == ROW);
        let mut writer = csv::Writer::from_writer(Vec::new());
        let numbered = at.is_none().then_some(ROW);
        writer.write_record(numbered.into_iter().chain(columns.iter().map(String::as_str)).chain(PROBLEM_COLUMNS))?;
        for (index, problem) in rejects {
            let Row { number, cells, .. } = &self.rows[*index];
            let mut record = cells.clone();
            match at {
                Some(at) => record[at] = number.to_string(),
                None => record.insert(0, number.to_string()),
            }
            let text = |field: &str| problem[field].as_str().unwrap_or_default().to_owned();
            record.extend(["type", "field", "detail", "remedy"].map(text));
            writer.write_record(&record)?;
        }
        writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))
    }
}

/// The number given, or the place in the file: where nothing is given.
fn number(given: Option<&str>, before: usize, line: u64) -> Result<u32, (u64, &'static str)> {
    let number = match given {
        Some(given) => given.parse().ok().filter(|number| *number > 0),
        None => u32::try_from(before + 1).ok(),
    };
    number.ok_or((line, "its `row` is not a number from 1 to 4294967295"))
}

/// Puts a cell where the column's dotted name leads.
fn insert(fields: &mut Map<String, Value>, column: &str, cell: &str) -> Option<()> {
    match column.split_once('.') {
        None => fields.insert(column.to_owned(), json!(cell)).is_none().then_some(()),
        Some((object, rest)) => {
            let inner = fields.entry(object).or_insert_with(|| json!({}));
            insert(inner.as_object_mut()?, rest, cell)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_file(name: &str, text: &str) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        (folder, path)
    }

    fn read(name: &str, text: &str) -> Result<Table, CannotAsk> {
        let (_folder, path) = in_file(name, text);
        Table::read(&path)
    }

    fn problem() -> Value {
        json!({ "type": "urn:akashi:problem:not-in-form", "title": "t", "detail": "a, \"b\"", "field": "person.name", "remedy": "r" })
    }

    /// Refuses all, reads what was written, and gives both tables.
    fn round(name: &str, text: &str) -> (Table, Table, String) {
        let (folder, path) = in_file(name, text);
        let table = Table::read(&path).unwrap();
        let rejects: Vec<Reject> = (0..table.rows.len()).map(|index| (index, problem())).collect();
        let out = folder.path().join(format!("rejects-{name}"));
        table.write_rejects(&out, &rejects).unwrap();
        (table, Table::read(&out).unwrap(), std::fs::read_to_string(&out).unwrap())
    }

    #[test]
    fn csv_and_json_lines_say_the_same_and_rejects_read_back_as_they_were() {
        let csv = "ca,person.name,person.sex,csr\nauth,黒桐　幹也,male,\"-----BEGIN\nx\"\nsign,\"a,b\",,card.csr\n";
        let json_lines = "{\"ca\":\"auth\",\"person\":{\"name\":\"黒桐　幹也\",\"sex\":\"male\"},\"csr\":\"-----BEGIN\\nx\"}\n\n\
                          {\"ca\":\"sign\",\"person\":{\"name\":\"a,b\"},\"csr\":\"card.csr\"}";
        let fields = |table: &Table| table.rows.iter().map(|row| (row.number, row.fields.clone())).collect::<Vec<_>>();
        let (from_csv, again_csv, written) = round("a.csv", csv);
        let (from_json, again_json, _) = round("a.jsonl", json_lines);
        assert_eq!(fields(&from_csv), fields(&from_json));
        assert_eq!(fields(&from_csv), fields(&again_csv));
        assert_eq!(fields(&from_json), fields(&again_json));
        assert!(written.starts_with("row,ca,person.name,person.sex,csr,problem,problem_field,"), "{written}");
        assert!(written.contains(",urn:akashi:problem:not-in-form,person.name,\"a, \"\"b\"\"\",r\n"), "{written}");
    }

    #[test]
    fn a_row_has_the_number_it_says_or_its_place() {
        let numbers = |table: Table| table.rows.iter().map(|row| row.number).collect::<Vec<_>>();
        assert_eq!(numbers(read("a.csv", "row,x\n7,a\n9,b\n").unwrap()), [7, 9]);
        assert_eq!(numbers(read("a.CSV", "x\na\nb\n").unwrap()), [1, 2]);
        assert_eq!(numbers(read("a.jsonl", "{\"row\":5}\n{}\n").unwrap()), [5, 2]);
        assert!(matches!(read("a.jsonl", "{\"row\":2}\n{}\n"), Err(CannotAsk::Usage(_))), "2 stands twice");
    }

    #[test]
    fn a_file_whose_form_is_broken_is_refused_whole_by_its_line() {
        for (name, text, at) in [
            ("a.jsonl", "{}\n[]\n", 2),
            ("a.jsonl", "{}\n\n{\"row\":0}\n", 3),
            ("a.csv", "a,b\n1,2\n3\n", 3),
            ("a.csv", "row\nx\n", 2),
            ("a.csv", "a,a.b\n1,2\n", 2),
            ("a.csv", "a,row.b\n1,2\n", 2),
            ("a.csv", "a,problem.b\n1,2\n", 2),
            ("a.csv", &format!("a{}\n1\n", ".a".repeat(1_000_000)), 1),
        ] {
            let refused = read(name, text);
            assert!(matches!(refused, Err(CannotAsk::NotRows { line, .. }) if line == at), "{text:?}: {refused:?}");
        }
    }
}
